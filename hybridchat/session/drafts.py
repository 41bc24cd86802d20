"""What is typed and not sent, kept on disk while it is typed."""

from __future__ import annotations

import asyncio
from weakref import WeakSet

from hybridchat.domain.attachments import Attachment
from hybridchat.domain.chat import Privacy
from hybridchat.domain.privacy import in_words, strictest
from hybridchat.ledger.store import LeftDraft, NewDraft
from hybridchat.session.events import Emit, Notice
from hybridchat.session.gathering import SetPrivacy
from hybridchat.session.ledgers import Ledgers
from hybridchat.session.state import Chat


class Drafts:
    """Those of chats off the record stay in memory, where the screen has them."""

    def __init__(self, ledgers: Ledgers, set_privacy: SetPrivacy, emit: Emit) -> None:
        self._ledgers = ledgers
        self._set_privacy = set_privacy
        self._emit = emit
        self._kept_as_new: WeakSet[Chat] = WeakSet()  # kept before their first message

    def keep(self, chat: Chat, text: str, along: tuple[Attachment, ...] = ()) -> None:
        """Returns at once; on disk soon. Neither words nor attachments: nothing is kept."""
        if chat.is_off_record:
            return
        if chat.id is None:
            self._kept_as_new.add(chat)
        elif chat in self._kept_as_new:
            self._kept_as_new.discard(chat)
            self._ledgers.kept.keep_draft(None, NewDraft())
        self._ledgers.kept.keep_draft(chat.id, NewDraft(text, along, chat.privacy))

    async def take(self, chat: Chat) -> LeftDraft:
        """What a window left there that is gone, by a crash or because it was closed. A chat that was kept closer than
        this one keeps its words so."""
        if chat.is_off_record:
            return LeftDraft("", False)
        is_new = chat.id is None
        left = await asyncio.wrap_future(self._ledgers.kept.take_draft(chat.id))
        if is_new and (left.text or left.attachments):
            self._kept_as_new.add(chat)  # this window's from now on
        if left.privacy is not None and strictest(left.privacy, chat.privacy) is not chat.privacy:
            await self._set_privacy(chat, left.privacy)
            self._emit(Notice(f"this chat is {in_words(left.privacy)} now: the draft that came back was"))
        return left

    def as_close(self, chat: Chat, privacy: Privacy) -> None:
        """A new chat takes over the draft of one that was kept so."""
        if strictest(privacy, chat.privacy) is not chat.privacy:
            chat.privacy = privacy

    async def conversations(self) -> frozenset[int]:
        """Those with a draft, in any window."""
        return await asyncio.wrap_future(self._ledgers.kept.with_drafts())
