"""Saying something again: the chat's own messages by Up and Down, all that were ever sent by a search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import work

from hybridchat.domain.chat import Role, is_off_record
from hybridchat.domain.text import clean_line
from hybridchat.tui.keymap import keymap_of
from hybridchat.tui.screens.drafts import Drafts
from hybridchat.tui.widgets.composer import Composer
from hybridchat.tui.words import PRIVACY

if TYPE_CHECKING:
    from hybridchat.session.history import Said


class History(Drafts):
    """Nothing is sent by it: words come into the composer."""

    _back = 0  # how many messages back the composer's text is from

    # --- this chat's, by Up and Down

    def action_recall(self) -> None:
        """The chat's last message of the user comes into the composer, before what is there."""
        if self.chat is not None and (said := self._own()):
            self.give_back(self.chat, said[-1])
            self.composer.focus()

    def on_composer_recall_requested(self, event: Composer.RecallRequested) -> None:
        said = self._own()
        if not self.composer.is_recalled:
            self._back = 0
        back = max(0, self._back + event.by)
        if not said:
            key = keymap_of(self).name("history")
            self.notify(f"Nothing was said here yet. {key} finds what you said elsewhere.")
        elif back <= len(said):
            self._back = back
            self.composer.recall(said[-back] if back else "")

    def _own(self) -> list[str]:
        """Oldest first; what was said twice in a row is there once."""
        texts = [m.text for m in self.chat.messages if m.role is Role.USER] if self.chat is not None else []
        return [text for index, text in enumerate(texts) if index == 0 or texts[index - 1] != text]

    # --- all that were sent

    @work(exclusive=True, group="chats")
    async def action_history(self) -> None:
        await self.call_history("")

    async def call_history(self, words: str) -> None:
        from hybridchat.tui.screens.said import SaidList

        if self.session is None or self.chat is None:
            return
        chat = self.chat
        with self.told():
            choice: Said | None = await self.ask(SaidList(await self.session.history.said(), words))
            if choice is not None and await self._may_come(choice) and self.chat is chat:
                self.composer.put(await self.session.history.words(choice))
                self.notify(f"From “{clean_line(choice.title, 60)}”.")

    async def _may_come(self, said: Said) -> bool:
        """Words that were kept closer than this chat keeps them come on the user's word alone."""
        from hybridchat.session.history import would_loosen
        from hybridchat.tui.screens.dialogs import Confirm

        assert self.session is not None and self.chat is not None
        here = self.session.plan(self.chat, "").privacy
        if not would_loosen(said, self.chat, here):
            return True
        was = "off the record" if is_off_record(said.conversation_id) else PRIVACY[said.privacy]
        detail = f"They were said in “{clean_line(said.title, 60)}” ({was}). This chat is {PRIVACY[here]}."
        return await self.ask(Confirm("Put these words into this chat?", detail, yes="Put them here")) is True
