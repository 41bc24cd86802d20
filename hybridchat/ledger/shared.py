"""One ledger for a whole run: a second one in the same process would drop the first one's locks."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

from hybridchat.domain.audit import Departure

if TYPE_CHECKING:
    from hybridchat.ledger.records import LedgerStatus
    from hybridchat.ledger.store import Ledger
    from hybridchat.ledger.writer import Notify


class SharedLedger:
    """Opened by a session, or before any by the first request that leaves the device. Keeps the audit: see
    `net.audit.Recorder`."""

    def __init__(self, path: Path | None, *, keep_days: int = 0) -> None:
        """As `open_ledger`."""
        self._path = path
        self._keep_days = keep_days
        self._lock = threading.Lock()
        self._ledger: Ledger | None = None
        self._notify: Notify = lambda text: None
        self._on_opening: Notify | None = None  # a session that starts tells that itself

    def open(self, on_notice: Notify) -> Ledger:
        """From now on `on_notice` gets its troubles; closing it is the caller's. Raises LedgerError."""
        self._notify = on_notice
        return self._opened()

    def tell(self, on_notice: Notify) -> None:
        """For a command that starts no session: `on_notice` gets what opening it meets, and later troubles where no
        session opens it; from any thread."""
        self._notify = self._on_opening = on_notice

    def _opened(self) -> Ledger:
        from hybridchat.ledger.store import open_ledger  # a first picture needs none

        with self._lock:
            if self._ledger is None or self._ledger.is_closed:
                self._ledger = open_ledger(self._path, lambda text: self._notify(text), keep_days=self._keep_days)
                if self._on_opening:
                    self._ledger.opened.add_done_callback(self._tell_opening)
            return self._ledger

    def _tell_opening(self, opened: Future[LedgerStatus]) -> None:
        known = opened.exception() is None  # else whoever uses it is told
        if known and self._on_opening and (notice := opened.result().notice):
            self._on_opening(notice)

    def depart(self, departure: Departure) -> Future[int]:
        return self._opened().depart(departure)

    def sent(self, row: Future[int], body_bytes: int) -> None:
        if self._ledger is not None:
            self._ledger.sent(row, body_bytes)

    def close(self) -> None:
        """Where no session has done so."""
        with self._lock:
            if self._ledger is not None and not self._ledger.is_closed:
                self._ledger.close()
