"""What goes on in the conversations, of all windows: replies that run, and ended ones that nobody has looked at."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from hybridchat.ledger import files
from hybridchat.ledger.process import is_alive
from hybridchat.ledger.records import Activity

_RUNNING = """
SELECT a.message_id, a.conversation_id, a.process_id, p.token FROM attempt a JOIN process p ON p.id = a.process_id
WHERE a.outcome IS NULL AND a.process_id IS NOT NULL"""


def running(db: sqlite3.Connection, path: Path | None, own_id: int) -> dict[int, int]:
    """Message → conversation, of the replies that living processes write. A killed one's are marked when a ledger is
    next opened; until then they are known by its lock."""
    rows = db.execute(_RUNNING).fetchall()
    tokens = {process_id: token for _, _, process_id, token in rows}
    alive = {
        process_id
        for process_id, token in tokens.items()
        if process_id == own_id or (path is not None and is_alive(files.run_dir(path), token))
    }
    return {message_id: number for message_id, number, process_id, _ in rows if process_id in alive}


def activity(db: sqlite3.Connection, path: Path | None, own_id: int) -> Activity:
    unread = db.execute("SELECT id, unread_replies FROM conversation WHERE unread_replies > 0 AND deleted_at IS NULL")
    return Activity(frozenset(running(db, path, own_id).values()), dict(unread.fetchall()))


def reply_ended_unseen(db: sqlite3.Connection, conversation_id: int) -> None:
    db.execute("UPDATE conversation SET unread_replies = unread_replies + 1 WHERE id = ?", (conversation_id,))


def seen(db: sqlite3.Connection, conversation_id: int) -> None:
    db.execute("UPDATE conversation SET unread_replies = 0 WHERE id = ?", (conversation_id,))
