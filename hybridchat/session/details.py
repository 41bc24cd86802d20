"""All that is known of a reply: its attempts with their times, tokens, cost, route, and what was sent."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from msgspec import Struct

from hybridchat.domain.chat import Message, Purpose, Role
from hybridchat.domain.waterfall import Span, waterfall
from hybridchat.errors import UsageError
from hybridchat.ledger.store import AttemptDetails, Ledger
from hybridchat.session.ledgers import Ledgers

__all__ = ["AttemptDetails", "ReplyDetails", "ReplyReader", "details_of"]


class ReplyDetails(Struct, frozen=True):
    """A reply and its attempts, in order; the last one wrote it."""

    message: Message
    attempts: tuple[AttemptDetails, ...]

    def spans(self, attempt: AttemptDetails) -> tuple[Span, ...]:
        is_last = attempt is self.attempts[-1]
        return waterfall(attempt.attempt, self.message.thinking_ms if is_last else None)

    def as_json(self) -> dict[str, Any]:
        """For programs. Unknown is null."""
        return {
            "conversation_id": self.message.conversation_id,
            "message_id": self.message.id,
            "state": self.message.state,
            "note": self.message.note,
            "thinking_ms": self.message.thinking_ms,
            "attempts": [self._attempt(one) for one in self.attempts],
        }

    def _attempt(self, one: AttemptDetails) -> dict[str, Any]:
        sent = one.request
        return {
            **msgspec.structs.asdict(one.attempt),
            "cost_usd_exact": one.cost_usd,
            "cost_detail": one.cost_detail,
            "note": one.note,
            "waterfall": [span._asdict() for span in self.spans(one)],
            "request": sent and {"path": sent.path, "is_exact": sent.is_exact, "body": msgspec.Raw(sent.body.encode())},
        }


def details_of(ledger: Ledger, message: Message) -> ReplyDetails:
    """Blocks."""
    return ReplyDetails(message, ledger.details(message.id).result())


class ReplyReader:
    """For the screen and the line conversation."""

    def __init__(self, ledgers: Ledgers) -> None:
        self._ledgers = ledgers

    async def read(self, messages: list[Message], message_id: int | None = None) -> ReplyDetails:
        """Of that reply, or the one to that question; by default the last. Raises UsageError where there is none, and
        for a blind one before the vote."""
        wanted = (m for m in messages if message_id in (None, m.id, m.parent_id) and m.role is Role.ASSISTANT)
        replies = list(wanted)
        if not replies:
            raise UsageError("there is no reply to look into", "send a message, or point at another one")
        reply = replies[-1] if message_id is None else replies[0]
        if await self._is_hidden(reply):
            raise UsageError("a blind comparison waits for your vote", "vote first, or show the names")
        return ReplyDetails(reply, await asyncio.wrap_future(self._ledgers.of(reply.id).details(reply.id)))

    async def _is_hidden(self, reply: Message) -> bool:
        if reply.attempt is None or reply.attempt.purpose is not Purpose.COMPARE:
            return False
        return reply.id in await asyncio.wrap_future(self._ledgers.of(reply.id).hidden(reply.conversation_id))
