"""Taking deleted conversations out of every file of ours: the ledger, its index, its log, backups and kept copies.

Usage rows stay, without any text. Copies first and the ledger last, so that a purge cut short is simply done again.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from hybridchat.ledger import backups, files
from hybridchat.ledger.connect import BUSY_TIMEOUT_S, SQLITE_ERRORS, connect, transaction
from hybridchat.ledger.process import is_alive
from hybridchat.ledger.search import INDEXES
from hybridchat.ledger.times import parse

_PENDING = "purge_pending"


class _Doomed(NamedTuple):
    """Ids begin again in a restored backup: only with its time of birth does one name a conversation."""

    id: int
    created_at: str


def purge_deleted(db: sqlite3.Connection, path: Path | None, process_id: int, *, own: bool) -> int:
    """Removes what dead processes deleted, and with `own` this one (the others may still undo); returns how many.

    `is_pending` tells afterwards whether a reader of another window still holds the old pages.
    """
    doomed = _find_doomed(db, path, process_id, own=own)
    if doomed:
        if path is not None:
            _purge_copies(path, doomed)
        _remove(db, doomed)
    if path is not None and (doomed or is_pending(db)):
        _empty_log(db)
    return len(doomed)


def _find_doomed(db: sqlite3.Connection, path: Path | None, process_id: int, *, own: bool) -> list[_Doomed]:
    others = db.execute("SELECT id, token FROM process WHERE id <> ?", (process_id,)).fetchall()
    alive = [other_id for other_id, token in others if path and is_alive(files.run_dir(path), token)]
    alive += [] if own else [process_id]
    marks = ", ".join("?" * len(alive))
    statement = f"SELECT id, created_at FROM conversation WHERE deleted_at IS NOT NULL AND deleted_by NOT IN ({marks})"
    return [_Doomed(*row) for row in db.execute(statement, alive)]


def is_pending(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT 1 FROM meta WHERE key = ?", (_PENDING,)).fetchone() is not None


def _remove(db: sqlite3.Connection, doomed: list[_Doomed]) -> None:
    with transaction(db):
        for conversation in doomed:
            if db.execute("DELETE FROM conversation WHERE id = ? AND created_at = ?", conversation).rowcount:
                db.execute("DELETE FROM message WHERE conversation_id = ?", (conversation.id,))
        for index in INDEXES:  # old segments still hold the words
            db.execute(f"INSERT INTO {index} ({index}) VALUES ('optimize')")


def _empty_log(db: sqlite3.Connection) -> None:
    """The write-ahead log holds old pages until it is cut; that must wait for readers of other windows."""
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, 'yes')", (_PENDING,))
    db.execute("PRAGMA busy_timeout = 100")  # milliseconds: quitting does not wait for another window
    try:
        is_busy = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    finally:
        db.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_S * 1000)}")
    if not is_busy:
        db.execute("DELETE FROM meta WHERE key = ?", (_PENDING,))


def _purge_copies(path: Path, doomed: list[_Doomed]) -> None:
    """A damaged copy cannot be edited: it goes as a whole if it may hold one of them."""
    oldest = files.time_name(min(parse(conversation.created_at) for conversation in doomed))
    for kept in path.parent.glob(f"{path.name}{files.KEPT}*"):
        if kept.name.partition(files.KEPT)[2] >= oldest:
            kept.unlink()
    for copy in backups.list_backups(path):
        try:
            with closing(connect(copy)) as db:
                db.execute("PRAGMA secure_delete = ON")
                _remove(db, doomed)
        except SQLITE_ERRORS:  # not to be edited either
            copy.unlink(missing_ok=True)
