"""Taking what was deleted out of every file of ours: the ledger, its index, its log, backups and kept copies.

Usage rows stay, without any text. Copies first and the ledger last, so that a purge cut short is simply done again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from hybridchat.domain.text import count_of
from hybridchat.ledger import backups, branches, files
from hybridchat.ledger.connect import BUSY_TIMEOUT_S, SQLITE_ERRORS, connect, transaction
from hybridchat.ledger.process import is_alive
from hybridchat.ledger.search import INDEXES
from hybridchat.ledger.times import parse, utc_now, utc_text

_PENDING = "purge_pending"
_MOST_DAYS = 36_500  # a century is for ever, and far from where dates end
_LATER = "deleted text leaves our files at a later start"


class _Row(NamedTuple):
    """Ids begin again in a restored backup: only with its time of birth does one name a conversation, or a message."""

    id: int
    created_at: str


class _Doomed(NamedTuple):
    """Whole conversations, and messages that go with all that follows them."""

    conversations: list[_Row]
    branches: list[_Row]

    @property
    def any(self) -> bool:
        return bool(self.conversations or self.branches)


class Purged(NamedTuple):
    """How many conversations are gone for good; how many of them by age; and why text of them is still there, or ""."""

    conversations: int
    expired: int = 0
    pending: str = ""


def purge_deleted(
    db: sqlite3.Connection, path: Path | None, process_id: int, *, own: bool, keep_days: int = 0
) -> Purged:
    """Removes what dead processes deleted, and with `own` this one (the others may still undo), and whatever nobody
    went on with for `keep_days` (0: for ever)."""
    copies = None if path is None else backups.copies_lock(path)
    if copies is not None and not copies.acquire(wait=False):
        doomed = _find_doomed(db, path, process_id, own=own)
        return Purged(0, pending=f"a backup is being made: {_LATER}" if doomed.any else "")
    try:
        expire(db, keep_days)
        (expired,) = db.execute("SELECT count(*) FROM conversation WHERE deleted_by = 0").fetchone()
        doomed = _find_doomed(db, path, process_id, own=own)
        if doomed.any:
            if path is not None:
                _purge_copies(path, doomed)
            _remove(db, doomed)
        is_pending = path is not None and (doomed.any or _is_pending(db)) and not _empty_log(db)
        return Purged(
            len(doomed.conversations), expired, f"another window reads the ledger: {_LATER}" if is_pending else ""
        )
    finally:
        if copies is not None:
            copies.release()


def notices(purged: Purged, keep_days: int) -> Iterator[str]:
    """What of it the user should hear."""
    if purged.expired:
        since = f"that had rested for {count_of(keep_days, 'day')}"
        yield f"{count_of(purged.expired, 'conversation')} {since} deleted, as keep_days says; their numbers stay"
    if purged.pending:
        yield purged.pending


def expire(db: sqlite3.Connection, keep_days: int) -> None:
    """Marks what nobody went on with for so long (0: nothing) as deleted by nobody, who cannot undo it. What is starred
    stays; what runs, waits to be sent or was typed since is not old. When a ledger is opened too: nobody shall begin to
    read what is about to go."""
    if not keep_days:
        return
    since = utc_text(datetime.now(UTC) - timedelta(days=min(keep_days, _MOST_DAYS)))
    with transaction(db):
        db.execute(
            "UPDATE conversation SET deleted_at = ?, deleted_by = 0 WHERE updated_at < ? AND deleted_at IS NULL "
            "AND starred_at IS NULL AND waiting = '[]' AND NOT EXISTS "
            "(SELECT 1 FROM message WHERE conversation_id = conversation.id AND state = 'streaming') AND NOT EXISTS "
            "(SELECT 1 FROM draft WHERE conversation_id = conversation.id AND draft.updated_at >= ?)",
            (utc_now(), since, since),
        )
        db.execute("DELETE FROM draft WHERE conversation_id IS NULL AND updated_at < ?", (since,))


def _find_doomed(db: sqlite3.Connection, path: Path | None, process_id: int, *, own: bool) -> _Doomed:
    others = db.execute("SELECT id, token FROM process WHERE id <> ?", (process_id,)).fetchall()
    alive = [other_id for other_id, token in others if path and is_alive(files.run_dir(path), token)]
    alive += [] if own else [process_id]
    marks = ", ".join("?" * len(alive))
    statements = (
        f"SELECT id, created_at FROM conversation WHERE deleted_at IS NOT NULL AND deleted_by NOT IN ({marks})",
        f"SELECT id, created_at FROM deleted_message WHERE id = deleted_with AND deleted_by NOT IN ({marks})",
    )
    return _Doomed(*([_Row(*row) for row in db.execute(statement, alive)] for statement in statements))


def _is_pending(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT 1 FROM meta WHERE key = ?", (_PENDING,)).fetchone() is not None


def _remove(db: sqlite3.Connection, doomed: _Doomed) -> None:
    """From the ledger, or from a copy, where a deleted branch may still be one like the others."""
    has_deleted, has_drafts = _has(db, "deleted_message"), _has(db, "draft")
    with transaction(db):
        for conversation in doomed.conversations:
            if db.execute("DELETE FROM conversation WHERE id = ? AND created_at = ?", conversation).rowcount:
                db.execute("DELETE FROM message WHERE conversation_id = ?", (conversation.id,))
                if has_deleted:
                    db.execute("DELETE FROM deleted_message WHERE conversation_id = ?", (conversation.id,))
                if has_drafts:
                    db.execute("DELETE FROM draft WHERE conversation_id = ?", (conversation.id,))
        for branch in doomed.branches:
            if db.execute("SELECT 1 FROM message WHERE id = ? AND created_at = ?", branch).fetchone():
                branches.cut(db, branch.id)
            if (
                has_deleted
                and db.execute("SELECT 1 FROM deleted_message WHERE id = ? AND created_at = ?", branch).fetchone()
            ):
                db.execute("DELETE FROM deleted_message WHERE deleted_with = ?", (branch.id,))
        for index in INDEXES:  # old segments still hold the words
            db.execute(f"INSERT INTO {index} ({index}) VALUES ('optimize')")


def _has(db: sqlite3.Connection, table: str) -> bool:
    """A copy may be older than that."""
    return db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone() is not None


def _empty_log(db: sqlite3.Connection) -> bool:
    """The write-ahead log holds old pages until it is cut; that must wait for readers of other windows: False then."""
    db.execute("INSERT OR REPLACE INTO meta VALUES (?, 'yes')", (_PENDING,))
    db.execute("PRAGMA busy_timeout = 100")  # milliseconds: quitting does not wait for another window
    try:
        is_busy = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    finally:
        db.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_S * 1000)}")
    if not is_busy:
        db.execute("DELETE FROM meta WHERE key = ?", (_PENDING,))
    return not is_busy


def _purge_copies(path: Path, doomed: _Doomed) -> None:
    """A damaged copy cannot be edited: it goes as a whole if it may hold one of them."""
    oldest = files.time_name(min(parse(row.created_at) for rows in doomed for row in rows))
    for kept in path.parent.glob(f"{path.name}{files.KEPT}*"):
        if kept.name.partition(files.KEPT)[2] >= oldest:
            kept.unlink()
    for unfinished in files.backups_dir(path).glob(f"*{backups.UNFINISHED}"):  # a killed one's: none is being made
        unfinished.unlink()
    for copy in backups.list_backups(path):
        try:
            with closing(connect(copy)) as db:
                db.execute("PRAGMA secure_delete = ON")
                if _has(db, "draft"):  # of whatever became of it since
                    db.execute("DELETE FROM draft")
                _remove(db, doomed)
        except SQLITE_ERRORS:  # not to be edited either
            copy.unlink(missing_ok=True)
