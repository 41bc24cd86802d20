"""Conversations off the record: a ledger in memory, beside the one on disk that keeps the budgets."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from msgspec.structs import replace

from hybridchat.domain.budget import Scope
from hybridchat.domain.chat import OFF_RECORD_FROM
from hybridchat.ledger import money, writes
from hybridchat.ledger.comparing import Begin
from hybridchat.ledger.connect import transaction
from hybridchat.ledger.opening import Opened, open_memory
from hybridchat.ledger.records import AttemptCost, AttemptEnd, Forecast, NewAttempt
from hybridchat.ledger.store import Ledger
from hybridchat.ledger.times import utc_now
from hybridchat.ledger.writer import Notify

T = TypeVar("T")


class _Held(NamedTuple):
    """What the ledger on disk counts for one attempt."""

    at: str
    pico_usd: int


def _schema(db: sqlite3.Connection) -> list[str]:
    """As statements; a full-text index makes its own tables."""
    named = "name NOT LIKE 'sqlite!_%' ESCAPE '!' AND name NOT LIKE '%!_fts!_%' ESCAPE '!'"
    rows = db.execute(f"SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND {named} ORDER BY rowid")
    return [statement for (statement,) in rows]


def _build(schema: list[str], db: sqlite3.Connection) -> None:
    with transaction(db):
        for statement in schema:
            db.execute(statement)
        first = [(table, OFF_RECORD_FROM - 1) for table in ("conversation", "message")]
        db.executemany("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", first)


class OffRecordLedger(Ledger):
    """Its ids begin at OFF_RECORD_FROM. What its managed attempts hold and cost is a sum in `kept`, so that the budgets
    of all windows stay true: what a killed process had reserved stays counted."""

    def __init__(self, kept: Ledger, on_notice: Notify) -> None:
        self._kept = kept
        self._held: dict[int, _Held] = {}  # by attempt
        super().__init__(None, on_notice)

    def _open_file(self, path: Path | None) -> Opened:
        """With the tables of the one on disk: migrating would import for a quarter of a second."""
        return open_memory("", partial(_build, self._kept._read(_schema).result()))

    def _begin(self, attempts: Sequence[NewAttempt], begin: Begin[T], *, durable: bool = False) -> Future[T]:
        def begin_held(db: sqlite3.Connection, attempts: Sequence[NewAttempt]) -> T:
            at = utc_now()
            held: list[int] = []
            granted: list[NewAttempt] = []
            try:
                for attempt in attempts:
                    max_tokens, pico_usd = self._hold(attempt, at)
                    held.append(pico_usd)
                    granted.append(replace(attempt, forecast=_granted(attempt.forecast, max_tokens)))
                (newest,) = db.execute("SELECT coalesce(max(id), 0) FROM attempt").fetchone()
                begun = begin(db, granted)
            except BaseException:
                for attempt, pico_usd in zip(attempts, held, strict=False):
                    if pico_usd:
                        self._spend(attempt.backend, at, -pico_usd)
                raise
            added = db.execute("SELECT id FROM attempt WHERE id > ? ORDER BY id", (newest,))
            for (attempt_id,), pico_usd in zip(added.fetchall(), held, strict=True):
                self._held[attempt_id] = _Held(at, pico_usd)
                self._settle(db, attempt_id)
            return begun

        return super()._begin(attempts, begin_held)

    def _hold(self, attempt: NewAttempt, at: str) -> tuple[int | None, int]:
        """Waits for the other ledger, which never waits for this one. Raises OverBudget."""
        if not attempt.forecast.limits:
            return None, 0
        hold = partial(money.hold_off_record, backend=attempt.backend, forecast=attempt.forecast, now=at)
        return self._kept._write(hold, is_awaited=True).result()

    def _spend(self, backend: str, at: str, pico_usd: int) -> None:
        self._kept._write(partial(money.spend_off_record, backend=backend, at=at, pico_usd=pico_usd))

    def end_attempt(self, end: AttemptEnd) -> Future[None]:
        def run(db: sqlite3.Connection) -> None:
            writes.end_attempt(db, end)
            self._settle(db, end.attempt_id)

        return self._write(run)

    def set_cost(self, cost: AttemptCost) -> Future[None]:
        def run(db: sqlite3.Connection) -> None:
            money.set_cost(db, cost)
            self._settle(db, cost.attempt_id)

        return self._write(run)

    def _settle(self, db: sqlite3.Connection, attempt_id: int) -> None:
        """Tells `kept` what has changed since it was told."""
        backend, at, pico_usd = db.execute(
            "SELECT backend, started_at, (zone = 'managed') * coalesce(cost_pico_usd, reserved_pico_usd, 0) "
            "FROM attempt WHERE id = ?",
            (attempt_id,),
        ).fetchone()
        held = self._held.get(attempt_id, _Held(at, 0))
        if pico_usd != held.pico_usd:
            self._spend(backend, held.at, pico_usd - held.pico_usd)
            self._held[attempt_id] = held._replace(pico_usd=pico_usd)


def _granted(forecast: Forecast, max_tokens: int | None) -> Forecast:
    """What is left to be looked at here: the conversation's own limit, for a reply as long as the others allow."""
    hold = forecast.hold
    if hold is not None and max_tokens is not None:
        hold = replace(hold, max_tokens=max_tokens)
    own = tuple(limit for limit in forecast.limits if limit.scope is Scope.CONVERSATION)
    return replace(forecast, hold=hold, limits=own)
