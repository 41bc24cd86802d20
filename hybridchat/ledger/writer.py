"""Committing against the odds: other windows, a full disk, a damaged page."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn, TypeVar

from hybridchat.errors import LedgerError
from hybridchat.ledger.connect import (
    SQLITE_ERRORS,
    DamagedLedger,
    is_busy,
    is_damage,
    ledger_error,
    transaction,
    why_waiting_helps,
)
from hybridchat.ledger.opening import damage_mark

T = TypeVar("T")
Notify = Callable[[str], None]
RETRY_S = 1.0
BUSY_S = 10.0


class Trouble:
    """What the ledger has run into, told once per change to whoever listens."""

    def __init__(self, path: Path | None, notify: Notify) -> None:
        self._path = path
        self._notify = notify
        self._waiting_for = ""
        self._is_damaged = False

    @property
    def is_waiting(self) -> bool:
        return bool(self._waiting_for)

    def waiting(self, reason: str) -> None:
        if reason != self._waiting_for:
            self._waiting_for = reason
            self._notify(f"the ledger cannot be written ({reason}): what comes is kept and tried again")

    def refuse(self) -> NoReturn:
        raise LedgerError(f"the ledger cannot be written: {self._waiting_for}", "make room, then send again")

    def over(self) -> None:
        if self._waiting_for:
            self._waiting_for = ""
            self._notify("the ledger is written again, with all that was kept")

    def gave_up(self) -> None:
        """Nothing waits any more; whoever asked was told."""
        self._waiting_for = ""

    def damage(self) -> DamagedLedger:
        """A page was found broken: the next opening reads all of them and restores."""
        failure = DamagedLedger()
        if not self._is_damaged:
            self._is_damaged = True
            with suppress(OSError):  # without the mark the damage is only met again
                if self._path is not None:
                    damage_mark(self._path).touch(mode=0o600)
            self._notify(str(failure))
        return failure


class Writer:
    """Runs one write after the other on the connection; to be used in the writer thread."""

    def __init__(self, connection: sqlite3.Connection, trouble: Trouble, closing: threading.Event) -> None:
        self.connection = connection
        self._trouble = trouble
        self._closing = closing

    def commit(self, call: Callable[[sqlite3.Connection], T], *, busy_until: float | None, durable: bool) -> T:
        """Tries again what waiting can mend, until the ledger is closed.

        With `busy_until` (time.monotonic()) only another window's commit is waited for, and only until then.
        """
        if busy_until is not None and time.monotonic() >= busy_until:
            raise LedgerError("the ledger was busy for too long", "try again")
        while True:
            try:
                with transaction(self.connection, durable=durable):
                    result = call(self.connection)
            except SQLITE_ERRORS as error:
                if is_damage(error):
                    raise self._trouble.damage() from error
                reason = why_waiting_helps(error)
                is_too_late = busy_until is not None and not (is_busy(error) and time.monotonic() < busy_until)
                if reason is None or is_too_late or self._closing.is_set():
                    self._trouble.gave_up()
                    raise ledger_error(error) from error
                self._trouble.waiting(reason)
                self._closing.wait(RETRY_S)
            else:
                self._trouble.over()
                return result
