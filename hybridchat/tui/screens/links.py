"""The links of a reply: each shows where it really leads before anything is opened; pinned chats only copy them."""

from __future__ import annotations

import asyncio
import os

from textual import work

from hybridchat.domain.chat import Privacy
from hybridchat.domain.links import Link, look_at
from hybridchat.domain.text import clean_line
from hybridchat.tui.screens.chat_view import ChatView
from hybridchat.tui.transcript.widget import Transcript

_PINNED = "this chat stays on your machines, so its links are only copied"


class Links(ChatView):
    """Looking at a reply, and pointing at it, connects nowhere."""

    def on_transcript_link_chosen(self, event: Transcript.LinkChosen) -> None:
        self._ask(event.link)

    @work(exclusive=True, group="links")
    async def action_links(self) -> None:
        from hybridchat.tui.widgets.rows import Row

        links = self.transcript.links()
        if not links:
            self.notify("There is no link in these replies.")
            return
        choice: object = 0
        if len(links) > 1:
            rows = [
                Row(index, clean_line(link.text) or "(nothing)", look_at(link).host or link.url)
                for index, link in enumerate(links)
            ]
            choice = await self.pick(
                "Links of this reply", rows, note="Nothing is opened before you see where it leads."
            )
        if isinstance(choice, int):
            self._ask(links[choice])

    @work(exclusive=True, group="link")
    async def _ask(self, link: Link) -> None:
        from hybridchat.tui.desktop import open_in_browser
        from hybridchat.tui.screens.link import LinkScreen

        choice = await self.ask(LinkScreen(link, self._why_barred()))
        if choice == "copy":
            self.app.copy_to_clipboard(link.url)
            self.notify("The address is in the clipboard.")
        elif choice == "open" and not self._why_barred():
            is_open = await asyncio.to_thread(open_in_browser, link.url, dict(os.environ))
            if not is_open:
                self.notify("No browser could be opened here: the address can be copied.", severity="warning")

    def _why_barred(self) -> str:
        """For as long as it is not known that this chat may leave the user's machines, it is pinned."""
        if self.session is None or self.chat is None:
            return _PINNED
        return "" if self.session.plan(self.chat, "").privacy is Privacy.OPEN else _PINNED
