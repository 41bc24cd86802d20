"""The drafts of all chats: in memory while one is away, and on disk while one types."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from textual import work
from textual.timer import Timer

from hybridchat.domain.privacy import strictest
from hybridchat.errors import HybridchatError
from hybridchat.tui.screens.chat_view import ChatView, Place
from hybridchat.tui.slashes import as_typed, words_of

if TYPE_CHECKING:
    from hybridchat.domain.attachments import Attachment
    from hybridchat.domain.chat import Privacy
    from hybridchat.session.chat import Chat
    from hybridchat.session.state import Along

KEEP_EVERY_S = 0.4  # while one types
KEEP_BIG_EVERY_S = 3.0
BIG = 100_000  # characters


class Drafts(ChatView):
    """What is typed is in the ledger within `KEEP_EVERY_S`; what is sent stays there until it is a message."""

    def __init__(self) -> None:
        super().__init__()
        self._drafts: dict[Place, str] = {}
        self._kept_close: dict[Place, Privacy] = {}  # new chats whose drafts the next new chat takes over
        self._on_its_way: list[tuple[Chat, str, Along]] = []
        self._keep_timer: Timer | None = None

    def show_chat(self, chat: Chat) -> None:
        before, is_known = self.chat, place_of(chat) in self._drafts
        if before is not None:
            self._drafts[place_of(before)] = self.composer.text
            self.composer.set_text(self._drafts.pop(place_of(chat), ""))
        super().show_chat(chat)
        if before is not None:
            self.keep_draft(before)
        self._drafts[place_of(chat)] = ""  # it is in the composer; what a new chat has sent is no draft of the next one
        if not is_known:
            self._take_draft(chat)

    @work(group="drafts")
    async def _take_draft(self, chat: Chat) -> None:
        if self.session is None:
            return
        try:
            left = await self.session.drafts.take(chat)
        except HybridchatError:  # told where it was met: a ledger that can only be read, or not at all
            return
        self.attach_left(chat, left.attachments)
        if left.text:
            typed = self.composer.text if chat is self.chat else self._drafts[place_of(chat)]
            self._put(chat, f"{left.text}\n{typed}" if typed else left.text)
        if left.is_elsewhere and chat is self.chat:
            self.notify("Another window has a draft in this chat; this one is its own.")

    def _put(self, chat: Chat, text: str) -> None:
        if chat is self.chat:
            self.composer.set_text(text)
        else:
            self._drafts[place_of(chat)] = text
            self.keep_close(chat)
            self.keep_draft(chat)

    def keep_close(self, chat: Chat) -> None:
        """The new chat in which this one's draft comes again is no looser."""
        if chat.id is None:
            self._kept_close[place_of(chat)] = strictest(
                chat.privacy, self._kept_close.get(place_of(chat), chat.privacy)
            )

    def as_close(self, chat: Chat) -> None:
        """As the chat whose draft this new one takes over."""
        privacy = self._kept_close.pop(place_of(chat), None)
        if privacy is not None and self.session is not None:
            self.session.drafts.as_close(chat, privacy)

    def give_back(self, chat: Chat, words: str) -> None:
        """Words that were not sent return to their chat's composer, before whatever was typed there since."""
        if words.strip():
            newer = self._draft(chat)
            self._put(chat, f"{words}\n{words_of(newer)}" if newer.strip() else as_typed(words))

    def _draft(self, chat: Chat) -> str:
        return self.composer.text if chat is self.chat else self._drafts.get(place_of(chat), "")

    def _all_typed(self, chat: Chat) -> str:
        """What a crash must not lose."""
        return self._draft(chat)

    def _all_attached(self, chat: Chat) -> tuple[Attachment, ...]:
        """The same of what is attached to it."""
        return ()

    def attach_left(self, chat: Chat, attachments: tuple[Attachment, ...]) -> None:
        """What was attached to a draft that a window left."""

    # --- on disk

    def keep_draft_soon(self) -> None:
        if self._keep_timer is None:
            pause_s = KEEP_EVERY_S if len(self.composer.text) < BIG else KEEP_BIG_EVERY_S
            self._keep_timer = self.set_timer(pause_s, self.keep_draft)

    def keep_draft(self, chat: Chat | None = None) -> None:
        """Of that chat, or of the one that is shown: with what has left its composer and is not yet a message."""
        if chat is None and self._keep_timer is not None:
            self._keep_timer.stop()
            self._keep_timer = None
        chat = chat or self.chat
        if self.session is None or chat is None:
            return
        leaving = "\n".join(words for of, words, _ in self._on_its_way if of is chat)
        along = tuple(one for of, _, along in self._on_its_way if of is chat for one in along.attachments)
        text = self._all_typed(chat)
        words = f"{leaving}\n{text}" if leaving and text else text or as_typed(leaving)
        self.session.drafts.keep(chat, words, along + self._all_attached(chat))

    @contextmanager
    def on_its_way(self, chat: Chat, words: str, along: Along) -> Iterator[None]:
        """A crash while it lasts loses nothing: they are the draft until they are a message, or given back."""
        entry = (chat, words, along)
        self._on_its_way.append(entry)
        try:
            yield
        finally:
            self._on_its_way.remove(entry)
            self.keep_draft(chat)


def place_of(chat: Chat) -> Place:
    return chat.id, chat.is_off_record
