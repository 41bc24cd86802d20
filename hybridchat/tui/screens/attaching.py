"""What is attached to drafts: shown over the composer, taken along when they are sent, and given back with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hybridchat.session.state import NOTHING, Along
from hybridchat.tui.screens.chat_view import Place
from hybridchat.tui.screens.drafts import Drafts, place_of

if TYPE_CHECKING:
    from hybridchat.domain.attachments import Attachment
    from hybridchat.session.chat import Chat


class Attaching(Drafts):
    """Each chat has its own."""

    def __init__(self) -> None:
        super().__init__()
        self._along: dict[Place, Along] = {}  # of chats that are not shown

    def show_chat(self, chat: Chat) -> None:
        before, along = self.chat, self.along
        if before is not None:
            if along or self.composer.text:
                self.keep_close(before)
            self._along[place_of(before)] = along
            self.carry(self._along.pop(place_of(chat), NOTHING))
        self.as_close(chat)
        super().show_chat(chat)

    def carry(self, along: Along) -> None:
        """This is attached to the draft now."""
        had_any = bool(self.along)
        self.along = along
        if self.is_mounted and (had_any or along):
            self.keep_draft_soon()

    def take_draft(self) -> tuple[str, Along]:
        """The draft's words with what is attached to it; the composer is empty then."""
        taken = self.composer.words, self.along
        self.composer.set_draft("")
        self.carry(NOTHING)
        return taken

    def give_back(self, chat: Chat, words: str, along: Along = NOTHING) -> None:
        super().give_back(chat, words)
        self.attach_to(chat, along + self.attached_to(chat))

    def attached_to(self, chat: Chat) -> Along:
        """The draft of a chat, which may not be shown."""
        return self.along if chat is self.chat else self._along.get(place_of(chat), NOTHING)

    def attach_to(self, chat: Chat, along: Along) -> None:
        if chat is self.chat:
            self.carry(along)
        else:
            self._along[place_of(chat)] = along
            self.keep_close(chat)
            self.keep_draft(chat)

    # --- on disk

    def _all_attached(self, chat: Chat) -> tuple[Attachment, ...]:
        return self.attached_to(chat).attachments

    def attach_left(self, chat: Chat, attachments: tuple[Attachment, ...]) -> None:
        if attachments:
            self.attach_to(chat, Along(attachments) + self.attached_to(chat))
