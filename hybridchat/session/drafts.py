"""What is typed and not sent, kept on disk while it is typed."""

from __future__ import annotations

import asyncio
from weakref import WeakSet

from hybridchat.ledger.store import LeftDraft
from hybridchat.session.ledgers import Ledgers
from hybridchat.session.state import Chat


class Drafts:
    """Those of chats off the record stay in memory, where the screen has them."""

    def __init__(self, ledgers: Ledgers) -> None:
        self._ledgers = ledgers
        self._kept_as_new: WeakSet[Chat] = WeakSet()  # kept before their first message

    def keep(self, chat: Chat, text: str) -> None:
        """Returns at once; on disk soon. "": nothing is typed."""
        if chat.is_off_record:
            return
        if chat.id is None:
            self._kept_as_new.add(chat)
        elif chat in self._kept_as_new:
            self._kept_as_new.discard(chat)
            self._ledgers.kept.keep_draft(None, "")
        self._ledgers.kept.keep_draft(chat.id, text)

    async def take(self, chat: Chat) -> LeftDraft:
        """What a window left there that is gone, by a crash or because it was closed."""
        if chat.is_off_record:
            return LeftDraft("", False)
        return await asyncio.wrap_future(self._ledgers.kept.take_draft(chat.id))

    async def conversations(self) -> frozenset[int]:
        """Those with a draft, in any window."""
        return await asyncio.wrap_future(self._ledgers.kept.with_drafts())
