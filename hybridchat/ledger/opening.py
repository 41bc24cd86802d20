"""Opening the ledger: folders, recovery, migration, and the attempts that dead processes left running."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from hybridchat.errors import LedgerError
from hybridchat.ledger import backups, files, money, search
from hybridchat.ledger.connect import (
    SCHEMA_VERSION,
    SQLITE_ERRORS,
    DamagedLedger,
    connect,
    connect_writer,
    is_damage,
    is_sound,
    ledger_error,
    transaction,
)
from hybridchat.ledger.process import Presence, is_alive, is_anyone_alive, opening_lock
from hybridchat.ledger.records import LedgerStatus
from hybridchat.ledger.times import utc_now

MOST_COPIED_BYTES = 256 << 20


class Opened(Struct, frozen=True, kw_only=True):
    """An open ledger: the writer's connection and this process in it. `path` None: in memory."""

    connection: sqlite3.Connection
    path: Path | None
    status: LedgerStatus
    process_id: int = 0
    presence: Presence | None = None
    others_died: bool = False  # without closing: every page deserves a look


def open_file(path: Path | None) -> Opened:
    """A ledger that cannot be used gives one in memory instead, with what it holds where it can be read, and says so.
    Raises LedgerError for a symbolic link."""
    if path is None:
        return open_memory("")
    files.refuse_link(path)
    try:
        files.prepare(path)
        lock = opening_lock(files.run_dir(path))
        lock.acquire(wait=True)
        try:
            return _open_recovering(path)
        finally:
            lock.release()
    except OSError as error:
        return _open_copy(path, f"{path.parent} cannot be written ({error.strerror}): nothing of this session is saved")
    except LedgerError as error:
        return open_memory(f"{error}; until then nothing is saved")
    except SQLITE_ERRORS as error:
        why = f"{ledger_error(error)}; until then nothing is saved"
        return open_memory(why) if is_damage(error) else _open_copy(path, why)


def open_memory(notice: str, build: Callable[[sqlite3.Connection], None] | None = None) -> Opened:
    """`build` makes the tables; without it the migrations do."""
    connection = connect(None)
    try:
        (build or _migrate)(connection)
        process_id = _register(connection, "memory")
    except BaseException:
        connection.close()
        raise
    return Opened(connection=connection, path=None, status=LedgerStatus("memory", notice), process_id=process_id)


def _open_copy(path: Path, why: str) -> Opened:
    try:
        opened = open_memory(f"{why}; what was saved before can be read", partial(_copy, path))
    except (OSError, LedgerError, *SQLITE_ERRORS):
        return open_memory(why)
    return replace(opened, status=replace(opened.status, is_copy=True))


def _copy(path: Path, into: sqlite3.Connection) -> None:
    """All that the file holds. Raises OSError, LedgerError or SQLite's errors where it cannot be had."""
    if path.stat().st_size > MOST_COPIED_BYTES:
        raise LedgerError(f"{path} has no room in memory")
    try:
        _copy_through(connect(path, read_only=True), into)
    except sqlite3.OperationalError:  # SQLite may not make the files beside it that reading takes otherwise
        log = files.beside(path, "-wal")
        if log.exists() and log.stat().st_size:
            raise
        _copy_through(connect(path, read_only=True, is_immutable=True), into)
    version = _version_in(into)
    if not 0 < version <= SCHEMA_VERSION:
        raise LedgerError(f"{path} is empty, or from a newer hybridchat")
    if version < SCHEMA_VERSION:
        _migrate(into)


def _copy_through(source: sqlite3.Connection, into: sqlite3.Connection) -> None:
    with closing(source):
        source.backup(into)


def _open_recovering(path: Path) -> Opened:
    if not is_anyone_alive(files.run_dir(path)):
        backups.remove_unfinished(path)
    notice = ""
    had_content = bool(backups.list_backups(path))
    if files.is_damaged_at_sight(path, had_content=had_content) or _is_mark_true(path):
        notice = _recover(path)
    try:
        return _open_existing(path, notice)
    except (*SQLITE_ERRORS, DamagedLedger) as error:
        if notice or not is_damage(error):
            raise
    return _open_existing(path, _recover(path))


def _recover(path: Path) -> str:
    if is_anyone_alive(files.run_dir(path)):
        raise LedgerError("the ledger is damaged and open in another window", "close every hybridchat and start again")
    notice = backups.recover(path)
    files.prepare(path)
    return notice


def _open_existing(path: Path, notice: str) -> Opened:
    version = _version_of(path)
    if version > SCHEMA_VERSION:
        notice = f"{path.name} is from a newer hybridchat: opened read-only, update hybridchat to write in it"
        return Opened(connection=connect(path, read_only=True), path=path, status=LedgerStatus("read_only", notice))
    if 0 < version < SCHEMA_VERSION:
        backups.backup(path)
    connection = connect_writer(path)
    presence = Presence(files.run_dir(path))
    try:
        if version < SCHEMA_VERSION:
            _migrate(connection)
        process_id = _register(connection, presence.token)
        others_died = interrupt_dead(connection, files.run_dir(path), process_id)
    except BaseException:
        presence.end()
        connection.close()
        raise
    return Opened(
        connection=connection,
        path=path,
        status=LedgerStatus("normal", notice),
        process_id=process_id,
        presence=presence,
        others_died=others_died,
    )


def _version_of(path: Path) -> int:
    with closing(connect(path, read_only=True)) as connection:
        return _version_in(connection)


def _version_in(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version


def _migrate(connection: sqlite3.Connection) -> None:
    from hybridchat.ledger.schema import migrate  # sqlite-utils: only when there is something to do

    migrate(connection)


def _register(connection: sqlite3.Connection, token: str) -> int:
    with transaction(connection):
        row = connection.execute("INSERT INTO process (token, started_at) VALUES (?, ?)", (token, utc_now()))
        assert row.lastrowid is not None
        return row.lastrowid


def interrupt_dead(connection: sqlite3.Connection, run_dir: Path, own_id: int) -> bool:
    """Marks what dead processes left running; True if there was any dead one. Never touches the living."""
    others = connection.execute("SELECT id, token FROM process WHERE id <> ?", (own_id,)).fetchall()
    dead = [process_id for process_id, token in others if not is_alive(run_dir, token)]
    with transaction(connection):
        for process_id in dead:
            end_process(connection, process_id)
    return bool(dead)


def end_process(connection: sqlite3.Connection, process_id: int) -> None:
    """Whatever it left running was interrupted; the text that came is kept. Within a transaction."""
    money.count_interrupted(connection, process_id)
    running = "SELECT message_id FROM attempt WHERE process_id = ? AND outcome IS NULL"
    connection.execute(
        f"UPDATE message SET state = 'interrupted' WHERE state = 'streaming' AND id IN ({running})", (process_id,)
    )
    connection.execute(
        "UPDATE attempt SET outcome = 'interrupted' WHERE process_id = ? AND outcome IS NULL", (process_id,)
    )
    connection.execute("DELETE FROM process WHERE id = ?", (process_id,))


def damage_mark(path: Path) -> Path:
    """A file that exists when someone met a damaged page: the next opening reads them all."""
    return files.beside(path, ".damaged")


def _is_mark_true(path: Path) -> bool:
    mark = damage_mark(path)
    if not mark.exists():
        return False
    connection = connect(path)
    try:
        if not is_sound(connection):
            return True
        search.repair_index(connection)
        return False
    except SQLITE_ERRORS as error:
        if is_damage(error):
            return True
        raise
    finally:
        connection.close()
        mark.unlink()
