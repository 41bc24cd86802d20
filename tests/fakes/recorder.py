"""An audit in memory, for what is tested without a ledger."""

from __future__ import annotations

from concurrent.futures import Future

from hybridchat.domain.audit import Departure
from hybridchat.errors import HybridchatError


class Recorded:
    """What left, in order. `sent_bytes` has one entry for each that is over; with `error` nothing can be recorded."""

    def __init__(self, error: HybridchatError | None = None) -> None:
        self.departures: list[Departure] = []
        self.sent_bytes: list[int] = []
        self.error = error

    def depart(self, departure: Departure) -> Future[int]:
        row: Future[int] = Future()
        if self.error is not None:
            row.set_exception(self.error)
        else:
            self.departures.append(departure)
            row.set_result(len(self.departures))
        return row

    def sent(self, row: Future[int], body_bytes: int) -> None:
        self.sent_bytes.append(body_bytes)
