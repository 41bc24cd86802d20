"""Finding conversations and messages, and what the user marks them with so that they are found."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from datetime import UTC, datetime

from msgspec import Struct
from msgspec.structs import replace

from hybridchat.domain.chat import Conversation
from hybridchat.domain.search import Phrase, parse_query
from hybridchat.ledger.store import NewMarks, SearchHit
from hybridchat.session.ledgers import Ledgers
from hybridchat.session.state import Chat

__all__ = ["Finding", "Found", "NewMarks", "Phrase", "SearchHit"]


class Found(Struct, frozen=True):
    """`phrases`: what the hits were found by. `problems`: a line each, about what was not understood and left out."""

    hits: tuple[SearchHit, ...]
    phrases: tuple[Phrase, ...]
    problems: tuple[str, ...]


class Finding:
    """Over the ledger on disk and, while this session lasts, what is off the record."""

    def __init__(self, ledgers: Ledgers, open_chats: Callable[[int], Collection[Chat]]) -> None:
        self._ledgers = ledgers
        self._open_chats = open_chats

    async def search(self, text: str, limit: int = 100) -> Found:
        """Never fails for what is typed; see `domain.search` for what that means."""
        query = parse_query(text, datetime.now(UTC))
        hits = [] if query.is_empty else await self._ledgers.search(query, limit)
        return Found(tuple(hits), query.wanted, query.problems)

    async def filter_values(self) -> dict[str, tuple[str, ...]]:
        """What filters can name, by the filter's name: to complete what is typed."""
        return await asyncio.wrap_future(self._ledgers.kept.filter_values())

    async def mark(self, conversation_id: int, new: NewMarks) -> Conversation:
        """Tags, a star, the archive; the conversation as it is then."""
        after = await asyncio.wrap_future(self._ledgers.of(conversation_id).mark(conversation_id, new))
        marks = {"tags": after.tags, "starred_at": after.starred_at, "archived_at": after.archived_at}
        for chat in self._open_chats(conversation_id):
            if chat.conversation is not None:
                chat.conversation = replace(chat.conversation, **marks)
        return after
