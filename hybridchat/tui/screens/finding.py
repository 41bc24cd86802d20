"""Finding: in the open chat, and in everything that was said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import work

from hybridchat.tui.screens.chat_view import ChatView
from hybridchat.tui.transcript.needle import Needle
from hybridchat.tui.transcript.widget import Transcript
from hybridchat.tui.widgets.find_bar import FindBar

if TYPE_CHECKING:
    from hybridchat.session.finding import Found, SearchHit


class Finding(ChatView):
    """Hits are marked until the line is closed in which they were asked for."""

    _searched = ""  # as it was last typed: who comes back goes on there

    # --- in the open chat

    async def action_find(self) -> None:
        if not self.transcript.display:
            self.notify("There is nothing in this chat yet.")
            return
        bar = await self._find_bar()
        self.set_focus(bar.input)  # now: what is typed next is for it
        bar.input.select_all()

    async def call_find(self, words: str) -> None:
        await self.action_find()
        for bar in self.query(FindBar):
            bar.input.value = words

    async def _find_bar(self) -> FindBar:
        for bar in self.query(FindBar):
            return bar
        bar = FindBar()
        await self.mount(bar, after=self.transcript)
        return bar

    def on_find_bar_changed(self, event: FindBar.Changed) -> None:
        self.transcript.find(Needle.of_text(event.text))

    def on_find_bar_stepped(self, event: FindBar.Stepped) -> None:
        self.transcript.find_step(event.by)

    async def on_find_bar_closed(self) -> None:
        self.transcript.find(None)
        await self.query(FindBar).remove()
        self.composer.focus()

    def on_transcript_counted(self, event: Transcript.Counted) -> None:
        for bar in self.query(FindBar):
            bar.show_count(event.current, event.total, is_counting=event.is_counting)

    # --- in everything

    @work(exclusive=True, group="chats")
    async def action_search(self) -> None:
        from hybridchat.tui.screens.search import Search

        if self.session is None:
            return
        search = Search(self.session, self._searched)
        hit = await self.ask(search)
        self._searched = search.filter.value
        if hit is not None:
            with self.told():
                await self._jump(hit, search.found)

    async def call_search(self, words: str) -> None:
        self._searched = words
        self.action_search()

    async def _jump(self, hit: SearchHit, found: Found) -> None:
        """To the message in its place, whatever branch that is on, with what it was found by marked."""
        assert self.session is not None
        if self.chat is None or self.chat.id != hit.conversation_id:
            self.show_chat(await self.session.open(hit.conversation_id))
        if hit.role is None or self.chat is None:
            return
        if all(message.id != hit.message_id for message in self.chat.messages):
            await self.session.show_sibling(self.chat, hit.message_id)
        needle = Needle.of_phrases(found.phrases)
        if needle is None:
            self.transcript.scroll_to_message(hit.message_id)
            return
        bar = await self._find_bar()
        bar.show_text(" ".join(phrase.text for phrase in found.phrases))
        self.transcript.find(needle, at=hit.message_id)
