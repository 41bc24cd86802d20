"""Copies of the ledger: one a day, one before each migration, the newest three kept; each is checked first."""

from __future__ import annotations

import os
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hybridchat.errors import LedgerError
from hybridchat.ledger import files
from hybridchat.ledger.connect import APPLICATION_ID, SQLITE_ERRORS, DamagedLedger, connect, is_sound, ledger_error
from hybridchat.ledger.process import FileLock, is_anyone_alive, opening_lock

KEPT = 3
EVERY = timedelta(days=1)
_AHEAD = timedelta(minutes=1)  # several copies within a second are named by the seconds after it
UNFINISHED = ".part"
_PREFIX, _SUFFIX = "hybridchat-", ".db"


def list_backups(ledger: Path) -> list[Path]:
    """The automatic ones and those of `backup`, newest first. A clock that ran ahead left the ones from the future:
    nobody knows how old they are, so they come last."""
    soon = datetime.now(UTC) + _AHEAD
    found = (p for p in files.backups_dir(ledger).glob(f"{_PREFIX}*{_SUFFIX}") if _time_of(p))
    return sorted(found, key=lambda p: (made_at(p) <= soon, p.name), reverse=True)


def _time_of(backup: Path) -> datetime | None:
    try:
        return files.parse_time_name(backup.name.removeprefix(_PREFIX).removesuffix(_SUFFIX))
    except ValueError:
        return None


def made_at(backup: Path) -> datetime:
    """When it was made, from its name or else from the file."""
    return _time_of(backup) or datetime.fromtimestamp(backup.stat().st_mtime, UTC)


def is_due(ledger: Path) -> bool:
    newest = next(iter(list_backups(ledger)), None)
    return newest is None or not -_AHEAD <= datetime.now(UTC) - made_at(newest) < EVERY


def backup(ledger: Path, target: Path | None = None) -> Path:
    """Copies the ledger as it is now, while others may write it; returns the copy.

    Without `target` it goes to the backups, of which the newest three are kept. Raises LedgerError when the ledger
    is missing or damaged, or the copy cannot be written; an existing `target` is never overwritten.
    """
    if not ledger.exists():
        raise LedgerError(f"there is no ledger at {ledger}", "it is made with the first message")
    if target is not None and target.exists():
        raise LedgerError(f"{target} exists", "name another file")
    if target is not None:
        _copy(ledger, target)
        return target
    files.prepare_folders(ledger)
    lock = copies_lock(ledger)
    lock.acquire(wait=True)
    return _join_backups(ledger, lock)


def _join_backups(ledger: Path, lock: FileLock) -> Path:
    """With the lock held, which is free again afterwards."""
    try:
        target = _free_name(ledger)
        _copy(ledger, target)
        for old in list_backups(ledger)[KEPT:]:
            old.unlink(missing_ok=True)
        return target
    finally:
        lock.release()


def copies_lock(ledger: Path) -> FileLock:
    """Held while a backup is made, or words are taken out of all of them: none with those words appears meanwhile."""
    return FileLock(files.run_dir(ledger) / "copies.lock")


def _free_name(ledger: Path) -> Path:
    """Later than every other but those from the future, also twice within a second."""
    now = datetime.now(UTC)
    taken = [made_at(b) for b in list_backups(ledger)[:1] if made_at(b) <= now + _AHEAD]
    moment = max([now, *(time + timedelta(seconds=1) for time in taken)])
    return files.backups_dir(ledger) / f"{_PREFIX}{files.time_name(moment)}{_SUFFIX}"


def _copy(source: Path, target: Path) -> None:
    """A whole, checked, self-contained file appears at `target`, or nothing does. Raises LedgerError."""
    unfinished = target.with_name(target.name + UNFINISHED)
    try:
        unfinished.unlink(missing_ok=True)
        os.close(files.open_private(unfinished))
        try:
            with closing(connect(source, read_only=True)) as reader, closing(connect(unfinished)) as writer:
                reader.backup(writer)
                writer.execute("PRAGMA journal_mode = DELETE")  # one file, no -wal beside it
                if not is_sound(writer):
                    raise DamagedLedger
            unfinished.replace(target)
            files.sync_folder(target.parent)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise LedgerError(f"{target} cannot be written: {error.strerror}", "make room or name another place") from error
    except SQLITE_ERRORS as error:
        raise ledger_error(error) from error


def remove_unfinished(ledger: Path) -> None:
    """Copies that a killed hybridchat left half-made; only while nobody else is alive."""
    for folder in (ledger.parent, files.backups_dir(ledger)):
        for copy in folder.glob(f"*{UNFINISHED}"):
            copy.unlink()


def restore(ledger: Path, source: Path | None = None) -> Path:
    """Puts a backup (the newest by default) in the ledger's place; what is there now becomes a backup, or is kept
    aside if it is damaged. Returns the backup. Raises LedgerError while another hybridchat is open."""
    files.refuse_link(ledger)
    files.prepare(ledger)
    lock = opening_lock(files.run_dir(ledger))
    lock.acquire(wait=True)
    try:
        if is_anyone_alive(files.run_dir(ledger)):
            raise LedgerError("hybridchat is open in another window", "close it, then restore")
        chosen = source or find_sound_backup(ledger)
        if chosen is None:
            raise LedgerError("there is no backup", f"they are made once a day in {files.backups_dir(ledger)}")
        check_backup(chosen)
        copy = _private_copy(chosen, ledger)
        _keep_current(ledger)
        put_in_place(copy, ledger)
        return chosen
    finally:
        lock.release()


def _keep_current(ledger: Path) -> None:
    if ledger.stat().st_size == 0:
        return
    try:
        backup(ledger)
    except LedgerError:  # damaged: nothing to back up, but nothing is thrown away either
        files.set_aside(ledger)


def check_backup(source: Path) -> None:
    """Raises LedgerError unless it is an undamaged ledger."""
    try:
        with closing(connect(source, read_only=True)) as connection:
            is_ledger = connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
            if is_ledger and is_sound(connection):
                return
    except SQLITE_ERRORS:
        pass
    raise LedgerError(f"{source} is no undamaged ledger", "choose another backup")


def find_sound_backup(ledger: Path) -> Path | None:
    for candidate in list_backups(ledger):
        try:
            check_backup(candidate)
        except LedgerError:
            continue
        return candidate
    return None


def _private_copy(source: Path, ledger: Path) -> Path:
    copy = files.beside(ledger, f".restored{UNFINISHED}")
    _copy(source, copy)
    return copy


def put_in_place(copy: Path, ledger: Path) -> None:
    for suffix in files.SIDE_FILES:  # they belong to the file that goes away
        files.beside(ledger, suffix).unlink(missing_ok=True)
    copy.replace(ledger)
    files.sync_folder(ledger.parent)


def recover(ledger: Path) -> str:
    """Keeps the damaged ledger aside and restores the newest sound backup; returns what was done, as one line.

    Only under the opening lock, with nobody else alive.
    """
    kept = files.set_aside(ledger)
    source = find_sound_backup(ledger)
    if source is None:
        return f"the ledger was damaged and there is no backup: a new one was begun, the old one is kept as {kept.name}"
    put_in_place(_private_copy(source, ledger), ledger)
    when = f"{made_at(source):%Y-%m-%d %H:%M} UTC"
    return f"the ledger was damaged: the backup of {when} was restored, the damaged one is kept as {kept.name}"


def look_after(ledger: Path, *, others_died: bool) -> None:
    """The day's backup if it is due, which reads every page; else the same look after a crash. Raises DamagedLedger."""
    if is_due(ledger) and _has_conversations(ledger):
        lock = copies_lock(ledger)
        if lock.acquire(wait=False):  # else another window is at it; closing waits for none
            _join_backups(ledger, lock)
    elif others_died:
        with closing(connect(ledger, read_only=True)) as connection:
            if not is_sound(connection):
                raise DamagedLedger


def _has_conversations(ledger: Path) -> bool:
    with closing(connect(ledger, read_only=True)) as connection:
        return connection.execute("SELECT 1 FROM conversation").fetchone() is not None
