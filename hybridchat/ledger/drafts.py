"""What is typed and not sent, also when the program is killed. Each window has drafts of its own, so that none writes
over another one's; what a window left that is gone is for whoever comes to that conversation next."""

from __future__ import annotations

import sqlite3

from hybridchat.ledger.records import LeftDraft
from hybridchat.ledger.rows import storable
from hybridchat.ledger.times import utc_now

_MINE = "process_id = ? AND conversation_id IS ?"


def keep(db: sqlite3.Connection, process_id: int, conversation_id: int | None, text: str) -> None:
    """Instead of this process's earlier one; an empty one is none. One of a conversation that is gone is not kept."""
    mine = (process_id, conversation_id)
    if not text:
        db.execute(f"DELETE FROM draft WHERE {_MINE}", mine)
        return
    now, text = utc_now(), storable(text)
    if not db.execute(f"UPDATE draft SET text = ?, updated_at = ? WHERE {_MINE}", (text, now, *mine)).rowcount:
        db.execute(
            "INSERT INTO draft (process_id, conversation_id, text, updated_at) SELECT ?, ?, ?, ? "
            "WHERE ? IS NULL OR EXISTS (SELECT 1 FROM conversation WHERE id = ?)",
            (*mine, text, now, conversation_id, conversation_id),
        )


def take(db: sqlite3.Connection, process_id: int, conversation_id: int | None) -> LeftDraft:
    """The newest one that was left there becomes this process's, unless that has one; then there is none to take."""
    left = db.execute(
        "SELECT id, text FROM draft WHERE conversation_id IS ? AND process_id NOT IN (SELECT id FROM process) "
        f"AND NOT EXISTS (SELECT 1 FROM draft WHERE {_MINE}) ORDER BY updated_at DESC, id DESC LIMIT 1",
        (conversation_id, process_id, conversation_id),
    ).fetchone()
    if left is not None:
        db.execute("UPDATE draft SET process_id = ? WHERE id = ?", (process_id, left[0]))
    elsewhere = db.execute(
        "SELECT 1 FROM draft WHERE conversation_id = ? AND process_id <> ? AND process_id IN (SELECT id FROM process)",
        (conversation_id, process_id),
    ).fetchone()
    return LeftDraft(left[1] if left else "", elsewhere is not None)


def conversations(db: sqlite3.Connection) -> frozenset[int]:
    """Those that have one, in any window."""
    rows = db.execute("SELECT DISTINCT conversation_id FROM draft WHERE conversation_id IS NOT NULL")
    return frozenset(number for (number,) in rows)
