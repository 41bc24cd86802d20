"""What the user says of a conversation as a whole: tags, a star, that it is archived; and what a search can name."""

from __future__ import annotations

import sqlite3

import msgspec

from hybridchat.domain.chat import Conversation
from hybridchat.domain.tags import merged
from hybridchat.errors import LedgerError
from hybridchat.ledger import reads
from hybridchat.ledger.records import NewMarks
from hybridchat.ledger.times import utc_now


def mark(db: sqlite3.Connection, conversation_id: int, new: NewMarks) -> Conversation:
    """The conversation as it is then. Raises LedgerError when it is not there."""
    before = reads.conversation(db, conversation_id)
    if before is None:
        raise LedgerError(f"there is no conversation {conversation_id}", "`hybridchat list` shows them")
    tags = merged({*before.tags, *new.add_tags} - {*new.remove_tags})
    values = (
        msgspec.json.encode(tags).decode(),
        _since(before.starred_at, new.starred),
        _since(before.archived_at, new.archived),
    )
    statement = "UPDATE conversation SET tags = ?, starred_at = ?, archived_at = ? WHERE id = ?"
    db.execute(statement, (*values, conversation_id))
    after = reads.conversation(db, conversation_id)
    assert after is not None
    return after


def _since(before: str | None, wanted: bool | None) -> str | None:
    if wanted is None:
        return before
    return before or utc_now() if wanted else None


def filter_values(db: sqlite3.Connection) -> dict[str, tuple[str, ...]]:
    """By a filter's name."""
    tags = (
        "SELECT DISTINCT value FROM conversation, json_each(iif(json_valid(tags), tags, '[]')) "
        "WHERE deleted_at IS NULL AND tags <> '[]'"
    )
    asked = {
        "tag": tags,
        "backend": "SELECT DISTINCT backend FROM usage_day",
        "model": "SELECT DISTINCT model FROM usage_day",
    }
    return {name: tuple(sorted(str(value) for (value,) in db.execute(sql) if value)) for name, sql in asked.items()}
