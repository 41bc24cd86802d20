"""What `hybridchat stats` shows and `hybridchat advise` reads: exact sums, percentiles of the newest replies."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import Any

from hybridchat.domain.moments import day_start
from hybridchat.domain.stats import Percentiles, share, summarize
from hybridchat.ledger.records import EVERYTHING, AdviceFacts, Grouping, StatRow, UsageFilter
from hybridchat.ledger.snapshot import money
from hybridchat.ledger.summary import REPLY, SUMS, counted, rows_between
from hybridchat.ledger.times import LOCAL_DAY, SLOT_S, parse, slot_of, utc_text
from hybridchat.ledger.usage import conditions

PERCENTILE_WINDOW = 20_000
MAX_DAYS = 365
MAX_HOURS = 30 * 24
HOUR_SLOTS = 3600 // SLOT_S

# the group of a row of a summary, and of one of attempt; days are the user's
_SUMMARY_GROUPS = {
    "backend": "backend",
    "model": "model",
    "workload": "workload",
    "day": LOCAL_DAY.format(moment=f"slot * {SLOT_S}, 'unixepoch'"),
}
_ATTEMPT_GROUPS = {
    **_SUMMARY_GROUPS,
    "workload": "coalesce(workload, '')",
    "day": LOCAL_DAY.format(moment="started_at"),
}


def usage_statistics(db: sqlite3.Connection, by: Grouping, wanted: UsageFilter = EVERYTHING) -> list[StatRow]:
    """One row per group, most attempts first; days in time order."""
    source, parameters = rows_between("usage_slot" if by == "day" else "usage_day", wanted)
    cursor = db.execute(f"SELECT {_SUMMARY_GROUPS[by]} AS key, {SUMS} FROM ({source}) GROUP BY 1", parameters)
    names = [column[0] for column in cursor.description]
    newest = _newest(db, by, wanted)
    rows = [_stat_row(dict(zip(names, row, strict=True)), newest) for row in cursor]
    return sorted(rows, key=lambda row: row.key) if by == "day" else sorted(rows, key=lambda row: -row.attempts)


class _Newest:
    """What the newest replies of one group measured."""

    def __init__(self) -> None:
        self.ttfts: list[float] = []
        self.speeds: list[float] = []
        self.estimate_errors: list[float] = []
        self.estimates = 0
        self.estimates_held = 0

    def add(self, *values: float | None) -> None:
        """As _NEWEST_COLUMNS has them."""
        ttft_ms, tokens_per_s, estimated, counted, is_held = values
        if ttft_ms is not None:
            self.ttfts.append(ttft_ms)
        if tokens_per_s is not None:
            self.speeds.append(tokens_per_s)
        if estimated is not None and counted:
            self.estimate_errors.append(abs(estimated - counted) / counted)
        if is_held is not None:
            self.estimates += 1
            self.estimates_held += bool(is_held)


# a cost that is an estimate itself says nothing about estimates
_NEWEST_COLUMNS = """
CASE WHEN load_ms IS NULL THEN ttft_ms END, tokens_per_s, prompt_tokens_estimated, prompt_tokens,
CASE WHEN cost_basis <> 'estimated'
    THEN CAST(cost_usd AS REAL) BETWEEN estimate_low_usd AND estimate_high_usd END"""


def _newest(db: sqlite3.Connection, by: Grouping, wanted: UsageFilter) -> dict[object, _Newest]:
    also, texts = conditions(wanted)
    rows = db.execute(
        f"SELECT {_ATTEMPT_GROUPS[by]}, {_NEWEST_COLUMNS} FROM attempt "
        f"WHERE {REPLY}{also} ORDER BY id DESC LIMIT :window",
        {**texts, "window": PERCENTILE_WINDOW},
    )
    groups: dict[object, _Newest] = defaultdict(_Newest)
    for group, *values in rows:
        groups[group].add(*values)
    return groups


def _stat_row(sums: dict[str, Any], groups: dict[object, _Newest]) -> StatRow:
    key = sums["key"]
    newest = groups.get(key, _Newest())
    return StatRow(
        key=str(key),
        attempts=sums["attempts"],
        replies=sums["replies"],
        failures=sums["failures"],
        prompt_tokens=counted(sums, "prompt_tokens"),
        completion_tokens=counted(sums, "completion_tokens"),
        replies_without_usage=sums["without_usage"],
        cost=money((sums["cost_usd"], sums["priced"], sums["unpriced"])),
        ttft_ms=summarize(newest.ttfts),
        tokens_per_s=summarize(newest.speeds),
        estimate_error=summarize(newest.estimate_errors),
        estimate_held=share(newest.estimates_held, newest.estimates),
    )


def advice_facts(db: sqlite3.Connection, now: str) -> AdviceFacts:
    """What the ledger knows about volume, speed, failures and money; the last 30 days unless said otherwise."""
    moment = parse(now)
    since = moment - timedelta(days=30)
    newest = UsageFilter(since=utc_text(since))
    source, parameters = rows_between("usage_day", newest)
    cursor = db.execute(f"SELECT {SUMS} FROM ({source})", parameters)
    sums = dict(zip((column[0] for column in cursor.description), cursor.fetchone(), strict=True))
    return AdviceFacts(
        tokens_per_day=_tokens_per_day(db, moment),
        tokens_per_hour=_tokens_per_hour(db, moment),
        tokens_30d=sums["prompt_tokens"] + sums["completion_tokens"],
        ttft_ms=_all_ttfts(db, newest),
        failures_30d=share(sums["failures"], sums["replies"] + sums["failures"]),
        pinned_30d=share(sums["pinned"], sums["attempts"]),
        cost_30d=money((sums["cost_usd"], sums["priced"], sums["unpriced"])),
    )


def _all_ttfts(db: sqlite3.Connection, wanted: UsageFilter) -> Percentiles:
    also, texts = conditions(wanted)
    rows = db.execute(
        f"SELECT ttft_ms FROM attempt WHERE {REPLY} AND load_ms IS NULL AND ttft_ms IS NOT NULL{also} "
        "ORDER BY id DESC LIMIT :window",
        {**texts, "window": PERCENTILE_WINDOW},
    )
    return summarize([ttft_ms for (ttft_ms,) in rows])


def _tokens_per_day(db: sqlite3.Connection, now: datetime) -> list[int]:
    """Of each whole day of the user before today, oldest first, from the first attempt on."""
    tokens = _tokens_by(db, _SUMMARY_GROUPS["day"], day_start(now - timedelta(days=MAX_DAYS)), day_start(now))
    if not tokens:
        return []
    first = date.fromisoformat(min(tokens))
    days = (now.astimezone().date() - first).days
    return [tokens.get((first + timedelta(days=day)).isoformat(), 0) for day in range(days)]


def _tokens_per_hour(db: sqlite3.Connection, now: datetime) -> list[int]:
    """Of each whole hour before the running one, oldest first, from the first attempt on."""
    running = now.replace(minute=0, second=0, microsecond=0)
    tokens = _tokens_by(db, f"slot / {HOUR_SLOTS}", running - timedelta(hours=MAX_HOURS), running)
    hour = slot_of(running) // HOUR_SLOTS
    return [tokens.get(past, 0) for past in range(min(tokens, default=hour), hour)]


def _tokens_by(db: sqlite3.Connection, group: str, since: datetime, until: datetime) -> dict[Any, int]:
    tokens = "sum(prompt_tokens + completion_tokens)"
    rows = db.execute(
        f"SELECT {group}, {tokens} FROM usage_slot WHERE slot >= ? AND slot < ? GROUP BY 1",
        (slot_of(since), slot_of(until)),
    )
    return dict(rows.fetchall())
