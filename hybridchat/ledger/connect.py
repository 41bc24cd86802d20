"""Connections, transactions, and what SQLite's errors mean for a person."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from hybridchat.errors import LedgerError
from hybridchat.ledger import words

T = TypeVar("T")

APPLICATION_ID = 0x48796272  # "Hybr", in the file's header
SCHEMA_VERSION = 18  # how many migrations there are; kept in PRAGMA user_version
BUSY_TIMEOUT_S = 5.0

# SQLite quotes a damaged schema in its own error text, which then is no UTF-8
SQLITE_ERRORS = (sqlite3.Error, UnicodeDecodeError)

_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_WAITING_HELPS = {
    sqlite3.SQLITE_BUSY: "another window is writing",
    sqlite3.SQLITE_LOCKED: "another window is writing",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk refuses to write",
    sqlite3.SQLITE_CANTOPEN: "its folder cannot be written",
    sqlite3.SQLITE_READONLY: "it cannot be written",
}


def connect(path: Path | None, *, read_only: bool = False, is_immutable: bool = False) -> sqlite3.Connection:
    """For explicit transactions; None is a new ledger in memory. Any thread may use it, one at a time. `is_immutable`:
    nobody writes to it meanwhile, and there is no log beside it."""
    how = f"?mode={'ro' if read_only else 'rw'}{'&immutable=1' if is_immutable else ''}"
    name = ":memory:" if path is None else path.absolute().as_uri() + how
    connection = sqlite3.connect(
        name, uri=path is not None, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA temp_store = MEMORY")  # text never goes into other files
    words.teach(connection)
    return connection


def connect_writer(path: Path | None) -> sqlite3.Connection:
    connection = connect(path)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA secure_delete = ON")  # what is deleted or rewritten leaves the file
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection, *, durable: bool = False) -> Iterator[None]:
    """All or nothing. `durable`: on the disk, not only with the operating system, when it returns."""
    if durable:
        connection.execute("PRAGMA synchronous = FULL")
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    finally:
        if durable:
            connection.execute("PRAGMA synchronous = NORMAL")


class DamagedLedger(LedgerError):
    """The file's content is broken."""

    def __init__(self) -> None:
        super().__init__(
            "the ledger is damaged", "close every hybridchat and start again: the newest backup is restored"
        )


def _primary_code(error: Exception) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def is_damage(error: Exception) -> bool:
    return isinstance(error, UnicodeDecodeError | DamagedLedger) or _primary_code(error) in _DAMAGE


def is_busy(error: Exception) -> bool:
    """Another window is writing."""
    return _primary_code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def why_waiting_helps(error: Exception) -> str | None:
    """A clause, if the same write may succeed later."""
    return _WAITING_HELPS.get(_primary_code(error))


def ledger_error(error: Exception) -> LedgerError:
    if is_damage(error):
        return DamagedLedger()
    reason = why_waiting_helps(error)
    if reason is not None:
        return LedgerError(f"the ledger could not be written: {reason}", "make room or wait, then try again")
    return LedgerError(f"the ledger failed: {error}", "`hybridchat doctor` looks closer")


def call_readably(connection: sqlite3.Connection, call: Callable[[sqlite3.Connection], T]) -> T:
    """A damaged character costs itself, not its conversation."""
    try:
        return call(connection)
    except sqlite3.OperationalError as error:
        if "Could not decode" not in str(error):
            raise
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")
    try:
        return call(connection)
    finally:
        connection.text_factory = str


def is_sound(connection: sqlite3.Connection) -> bool:
    """Reads every page (about a second per GB)."""
    try:
        return [row[0] for row in connection.execute("PRAGMA quick_check(1)")] == ["ok"]
    except SQLITE_ERRORS as error:
        if is_damage(error):
            return False
        raise
