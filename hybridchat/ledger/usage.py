"""Attempts: which of them a filter means, and their rows in the order of the view `usage`."""

from __future__ import annotations

import sqlite3
from typing import Any

from hybridchat.domain.chat import Attempt
from hybridchat.domain.moments import day_start
from hybridchat.ledger.reads import USAGE_COLUMNS, to_attempt
from hybridchat.ledger.records import UsageFilter
from hybridchat.ledger.times import parse, utc_text

UsageRow = tuple[Any, ...]  # of str, int, float or None, as USAGE_COLUMNS names them
_COLUMNS = ", ".join(USAGE_COLUMNS)


def conditions(wanted: UsageFilter) -> tuple[str, dict[str, str]]:
    """SQL after AND, and its named parameters. Raises UsageError for a bound that is no time."""
    given = {
        "since": wanted.since and utc_text(parse(wanted.since)),
        "until": wanted.until and utc_text(parse(wanted.until)),
        "backend": wanted.backend,
    }
    parameters = {name: value for name, value in given.items() if value is not None}
    return "".join(f" AND {_CONDITIONS[name]}" for name in parameters), parameters


_CONDITIONS = {"since": "started_at >= :since", "until": "started_at < :until", "backend": "backend = :backend"}


def backends(db: sqlite3.Connection) -> list[str]:
    """The ids of all backends that were ever asked. Without a look at every attempt."""
    rows = db.execute("SELECT backend FROM usage_day UNION SELECT backend FROM attempt WHERE outcome IS NULL")
    return [backend for (backend,) in rows]


def usage_page(db: sqlite3.Connection, wanted: UsageFilter, after_id: int, limit: int) -> list[UsageRow]:
    """The next attempts by id."""
    also, parameters = conditions(wanted)
    statement = f"SELECT {_COLUMNS} FROM usage WHERE attempt_id > :after_id{also} ORDER BY attempt_id LIMIT :limit"
    return db.execute(statement, {**parameters, "after_id": after_id, "limit": limit}).fetchall()


def local_usage_today(db: sqlite3.Connection, now: str) -> list[Attempt]:
    """The local replies since the user's midnight."""
    since = utc_text(day_start(parse(now)))
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM usage WHERE started_at >= ? AND zone <> 'managed' AND outcome IN ('ok', 'stopped')",
        (since,),
    )
    return [to_attempt(row) for row in rows]
