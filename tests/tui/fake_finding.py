"""Searching and marking in the scripted session: plain words and marks, by the real grammar."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace

from hybridchat.domain.chat import Conversation
from hybridchat.domain.search import Condition, Field, Query, parse_query
from hybridchat.session.finding import Found, NewMarks, SearchHit
from hybridchat.session.state import Chat

if TYPE_CHECKING:
    from tests.tui.fake_chats import FakeChats

MARKED_AT = "2026-11-20T15:00:00.000Z"


class FakeFinding:
    def __init__(self, session: FakeChats) -> None:
        self._session = session
        self.asked: list[str] = []
        self.may_answer = asyncio.Event()  # cleared by a test that wants to type meanwhile
        self.may_answer.set()

    async def search(self, text: str, limit: int = 100) -> Found:
        self.asked.append(text)
        await self.may_answer.wait()
        query = parse_query(text, datetime.now(UTC))
        hits = [] if query.is_empty else [hit for chat in self._chats() for hit in _hits(chat, query)]
        return Found(tuple(hits[:limit]), query.wanted, query.problems)

    def _chats(self) -> list[Chat]:
        return [chat for number, chat in self._session.kept.items() if number not in self._session.deleted]

    async def filter_values(self) -> dict[str, tuple[str, ...]]:
        tags = {tag for chat in self._chats() if chat.conversation for tag in chat.conversation.tags}
        return {"tag": tuple(sorted(tags)), "backend": ("lab", "openai"), "model": ("tiny",)}

    async def mark(self, conversation_id: int, new: NewMarks) -> Conversation:
        if self._session.fails_with is not None:
            raise self._session.fails_with
        chat = self._session.kept[conversation_id]
        before = chat.conversation
        assert before is not None
        tags = tuple(sorted({*before.tags, *new.add_tags} - {*new.remove_tags}))
        starred = before.starred_at if new.starred is None else MARKED_AT if new.starred else None
        archived = before.archived_at if new.archived is None else MARKED_AT if new.archived else None
        chat.conversation = replace(before, tags=tags, starred_at=starred, archived_at=archived)
        return chat.conversation


def _hits(chat: Chat, query: Query) -> Iterator[SearchHit]:
    one = chat.conversation
    assert one is not None
    if not all(_holds(one, condition) for condition in query.conditions):
        return
    is_archived = one.archived_at is not None
    if (snippet := _snippet(one.title, query)) is not None:
        yield SearchHit(one.id, 0, one.title, snippet, None, one.updated_at, is_archived)
    for message in chat.messages if query.wanted else ():
        if (snippet := _snippet(message.text, query)) is not None:
            yield SearchHit(one.id, message.id, one.title, snippet, message.role, one.updated_at, is_archived)


def _holds(one: Conversation, condition: Condition) -> bool:
    match condition.field:
        case Field.TAG:
            return (condition.value in one.tags) is condition.is_wanted
        case Field.STARRED:
            return (one.starred_at is not None) is condition.is_wanted
        case Field.ARCHIVED:
            return (one.archived_at is not None) is condition.is_wanted
        case _:
            return True


def _snippet(text: str, query: Query) -> str | None:
    """With the first phrase marked; None where one is missing."""
    folded = text.casefold()
    if any((phrase.text.casefold() in folded) is not phrase.is_wanted for phrase in query.phrases):
        return None
    if not query.wanted:
        return text
    word = query.wanted[0].text
    at = folded.find(word.casefold())
    begin = max(0, at - 30)
    return f"{text[begin:at]}\x02{text[at : at + len(word)]}\x03{text[at + len(word) : at + 120]}"
