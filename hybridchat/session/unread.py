"""Replies that ended while the user was elsewhere, and those that run: of all windows, and kept for the next start."""

from __future__ import annotations

import asyncio

from hybridchat.ledger.store import Activity
from hybridchat.session.ledgers import Ledgers

__all__ = ["Activity", "Unread"]


class Unread:
    """Who shows conversations says which one is looked at."""

    def __init__(self, ledgers: Ledgers) -> None:
        self._ledgers = ledgers

    async def look(self) -> Activity:
        """By conversation, those off the record among them."""
        running: frozenset[int] = frozenset()
        unread: dict[int, int] = {}
        for ledger in self._ledgers.all():
            activity = await asyncio.wrap_future(ledger.activity())
            running, unread = running | activity.running, unread | activity.unread
        return Activity(running, unread)

    def ended(self, conversation_id: int) -> None:
        """A reply, out of sight."""
        self._ledgers.of(conversation_id).reply_ended_unseen(conversation_id)

    def seen(self, conversation_id: int) -> None:
        self._ledgers.of(conversation_id).seen(conversation_id)
