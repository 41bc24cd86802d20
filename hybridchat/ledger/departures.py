"""The audit: a row for each request that leaves the device, written before its first byte. It holds no text."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

import msgspec

from hybridchat.domain.audit import Departure
from hybridchat.ledger.records import DepartureFilter
from hybridchat.ledger.rows import insert
from hybridchat.ledger.times import parse, utc_now, utc_text

DepartureRow = tuple[Any, ...]  # of str, int or None, as DEPARTURE_COLUMNS names them

DEPARTURE_COLUMNS = (
    *("id", "left_at", "host", "port", "zone", "backend", "purpose", "conversation_id", "message_id", "attempt_id"),
    *("body_bytes", "sent_bytes", "masked", "overridden"),
)
_COLUMNS = ", ".join(DEPARTURE_COLUMNS)
_CONDITIONS = {
    "since": "left_at >= :since",
    "until": "left_at < :until",
    "host": "(host = :host OR host || ':' || port = :host)",
    "backend": "backend = :backend",
    "conversation_id": "conversation_id = :conversation_id",
}


def depart(db: sqlite3.Connection, departure: Departure) -> int:
    """Returns the row's id."""
    errand = departure.errand
    return insert(
        db,
        "departure",
        left_at=utc_now(),
        host=departure.host,
        port=departure.port,
        zone=departure.zone,
        backend=departure.backend,
        purpose=errand.purpose,
        conversation_id=errand.conversation_id,
        message_id=errand.message_id,
        attempt_id=errand.attempt_id,
        body_bytes=departure.body_bytes,
        masked=_counts(errand.masked),
        overridden=_counts(errand.overridden),
    )


def _counts(found: Mapping[str, int]) -> str | None:
    """As JSON; None for nothing."""
    return msgspec.json.encode(dict(sorted(found.items()))).decode() if found else None


def set_sent(db: sqlite3.Connection, row: int, sent_bytes: int) -> None:
    db.execute("UPDATE departure SET sent_bytes = ? WHERE id = ?", (sent_bytes, row))


def departures_page(db: sqlite3.Connection, wanted: DepartureFilter, after_id: int, limit: int) -> list[DepartureRow]:
    """The next rows by id. Raises UsageError for a bound that is no time."""
    given = {name: value for name, value in msgspec.structs.asdict(wanted).items() if value is not None}
    for bound in {"since", "until"} & given.keys():
        given[bound] = utc_text(parse(given[bound]))
    also = "".join(f" AND {_CONDITIONS[name]}" for name in given)
    statement = f"SELECT {_COLUMNS} FROM departure WHERE id > :after_id{also} ORDER BY id LIMIT :limit"
    return db.execute(statement, {**given, "after_id": after_id, "limit": limit}).fetchall()
