"""Who is alive: each hybridchat holds an OS lock on a file of its own, which the system frees whatever kills it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hybridchat.ledger import files


class FileLock:
    """An exclusive lock on a file, held until `release` or until the process is gone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None

    def acquire(self, *, wait: bool) -> bool:
        """False if someone else holds it. Creates the file. Raises OSError if the folder cannot be written."""
        file = files.open_private(self.path)
        try:
            is_locked = _lock(file, wait=wait)
        except BaseException:
            os.close(file)
            raise
        if is_locked:
            self._file = file
        else:
            os.close(file)
        return is_locked

    def release(self, *, remove: bool = False) -> None:
        if self._file is None:
            return
        if remove and os.name == "posix":  # while it is still held, so that nobody locks a file that is going away
            self.path.unlink(missing_ok=True)
        os.close(self._file)
        self._file = None
        if remove and os.name != "posix":
            self.path.unlink(missing_ok=True)


class Presence:
    """This process as the others see it."""

    def __init__(self, run_dir: Path) -> None:
        self.token = os.urandom(8).hex()
        self._lock = FileLock(_lock_path(run_dir, self.token))
        self._lock.acquire(wait=False)

    def end(self) -> None:
        self._lock.release(remove=True)


def is_alive(run_dir: Path, token: str) -> bool:
    path = _lock_path(run_dir, token)
    if not path.exists():
        return False
    lock = FileLock(path)
    try:
        if not lock.acquire(wait=False):
            return True
    except OSError:  # not ours to look at: whoever cannot be judged is left in peace
        return True
    lock.release(remove=True)
    return False


def is_anyone_alive(run_dir: Path) -> bool:
    return any(is_alive(run_dir, path.name.split(".")[1]) for path in run_dir.glob("process.*.lock"))


def opening_lock(run_dir: Path) -> FileLock:
    """Held while a ledger is opened, recovered or restored: one process at a time looks after the file."""
    return FileLock(run_dir / "opening.lock")


def _lock_path(run_dir: Path, token: str) -> Path:
    return run_dir / f"process.{token}.lock"


if sys.platform == "win32":

    def _lock(file: int, *, wait: bool) -> bool:
        import msvcrt

        while True:
            try:
                msvcrt.locking(file, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
            except OSError:
                if not wait:
                    return False
            else:
                return True

else:

    def _lock(file: int, *, wait: bool) -> bool:
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        return True
