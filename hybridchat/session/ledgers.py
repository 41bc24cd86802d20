"""The user's ledger and, once a chat off the record begins, one in memory beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hybridchat.domain.chat import Conversation, Privacy, is_off_record
from hybridchat.domain.search import Query
from hybridchat.errors import UsageError
from hybridchat.ledger.store import Ledger, Said, SearchHit
from hybridchat.session.state import Chat


class Ledgers:
    """Ids tell which of the two a conversation or a message is in."""

    def __init__(self, kept: Ledger, on_notice: Callable[[str], None]) -> None:
        self.kept = kept
        self._on_notice = on_notice
        self._off_record: Ledger | None = None

    def of_chat(self, chat: Chat) -> Ledger:
        return self._in_memory() if chat.is_off_record else self.kept

    def of(self, number: int | None) -> Ledger:
        """By the id of a conversation or a message."""
        return self._in_memory() if is_off_record(number) else self.kept

    async def privacy(self, chat: Chat) -> Privacy:
        """As it is written down: another window may have pinned it. Raises UsageError where it was deleted."""
        if chat.id is None:
            return chat.privacy
        kept = await asyncio.wrap_future(self.of_chat(chat).conversation(chat.id))
        if kept is None:
            raise UsageError(f"no conversation {chat.id}", "it was deleted")
        return kept.privacy

    def _in_memory(self) -> Ledger:
        if self._off_record is None:
            from hybridchat.ledger.off_record import OffRecordLedger

            self._off_record = OffRecordLedger(self.kept, self._on_notice)
        return self._off_record

    def all(self) -> list[Ledger]:
        """The one in memory first, once there is one."""
        return [ledger for ledger in (self._off_record, self.kept) if ledger is not None]

    async def conversations(self, limit: int = 200, *, with_archived: bool = True) -> list[Conversation]:
        """Newest first, those off the record among them."""
        found = [ledger.conversations(limit, with_archived=with_archived) for ledger in self.all()]
        merged = [one for ledger in found for one in await asyncio.wrap_future(ledger)]
        return sorted(merged, key=lambda one: (one.updated_at, one.id), reverse=True)[:limit]

    async def search(self, query: Query, limit: int) -> list[SearchHit]:
        """Of both; what is off the record comes first."""
        found = [ledger.search(query, limit) for ledger in self.all()]
        return [hit for ledger in found for hit in await asyncio.wrap_future(ledger)][:limit]

    async def said(self, limit: int) -> list[Said]:
        """Of both; what is off the record comes first."""
        found = [ledger.said(limit) for ledger in self.all()]
        return [one for ledger in found for one in await asyncio.wrap_future(ledger)][:limit]

    def close(self) -> None:
        """The one in memory first: what it spent is told to the other."""
        if self._off_record is not None:
            self._off_record.close()
        self.kept.close()
