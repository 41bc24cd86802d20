"""What `hybridchat stats` shows and `hybridchat advise` reads: exact sums, percentiles of the newest replies."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import Any

from hybridchat.domain.stats import Percentiles, summarize
from hybridchat.ledger.records import EVERYTHING, AdviceFacts, Grouping, StatRow, UsageFilter
from hybridchat.ledger.snapshot import money
from hybridchat.ledger.summary import REPLY, SUMS, counted, rows_between
from hybridchat.ledger.times import SLOT_S, parse, utc_text
from hybridchat.ledger.usage import conditions

PERCENTILE_WINDOW = 20_000
MAX_DAYS = 365
DAY_S = 86_400

# the group of a row of a summary, and of one of attempt; days count from 1970 in local time
_SUMMARY_GROUPS = {
    "backend": "backend",
    "model": "model",
    "workload": "workload",
    "day": f"(slot * {SLOT_S} + :offset) / {DAY_S}",
}
_ATTEMPT_GROUPS = {
    **_SUMMARY_GROUPS,
    "workload": "coalesce(workload, '')",
    "day": f"(CAST(strftime('%s', started_at) AS INTEGER) + :offset) / {DAY_S}",
}


def usage_statistics(
    db: sqlite3.Connection, by: Grouping, wanted: UsageFilter = EVERYTHING, timezone_offset_s: int = 0
) -> list[StatRow]:
    """One row per group, most attempts first; days in time order."""
    source, parameters = rows_between("usage_slot" if by == "day" else "usage_day", wanted)
    parameters["offset"] = timezone_offset_s
    cursor = db.execute(f"SELECT {_SUMMARY_GROUPS[by]} AS key, {SUMS} FROM ({source}) GROUP BY 1", parameters)
    names = [column[0] for column in cursor.description]
    percentiles = _percentiles(db, by, wanted, timezone_offset_s)
    rows = [_stat_row(dict(zip(names, row, strict=True)), by, percentiles) for row in cursor]
    return sorted(rows, key=lambda row: row.key) if by == "day" else sorted(rows, key=lambda row: -row.attempts)


def _percentiles(
    db: sqlite3.Connection, by: Grouping, wanted: UsageFilter, timezone_offset_s: int
) -> dict[object, tuple[Percentiles, Percentiles]]:
    """Group → percentiles of TTFT and of tokens per second."""
    also, texts = conditions(wanted)
    rows = db.execute(
        f"SELECT {_ATTEMPT_GROUPS[by]}, CASE WHEN load_ms IS NULL THEN ttft_ms END, tokens_per_s FROM attempt "
        f"WHERE {REPLY}{also} ORDER BY id DESC LIMIT :window",
        {**texts, "offset": timezone_offset_s, "window": PERCENTILE_WINDOW},
    )
    values: dict[object, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for group, ttft_ms, tokens_per_s in rows:
        ttfts, speeds = values[group]
        if ttft_ms is not None:
            ttfts.append(ttft_ms)
        if tokens_per_s is not None:
            speeds.append(tokens_per_s)
    return {group: (summarize(ttfts), summarize(speeds)) for group, (ttfts, speeds) in values.items()}


def _stat_row(
    sums: dict[str, Any], by: Grouping, percentiles: dict[object, tuple[Percentiles, Percentiles]]
) -> StatRow:
    key = sums["key"]
    ttft_ms, tokens_per_s = percentiles.get(key, (Percentiles(), Percentiles()))
    return StatRow(
        key=_day(key).isoformat() if by == "day" else str(key),
        attempts=sums["attempts"],
        replies=sums["replies"],
        failures=sums["failures"],
        prompt_tokens=counted(sums, "prompt_tokens"),
        completion_tokens=counted(sums, "completion_tokens"),
        replies_without_usage=sums["without_usage"],
        cost=money((sums["cost_usd"], sums["priced"], sums["unpriced"])),
        ttft_ms=ttft_ms,
        tokens_per_s=tokens_per_s,
    )


def _day(days_since_1970: int) -> date:
    return date(1970, 1, 1) + timedelta(days=days_since_1970)


def advice_facts(db: sqlite3.Connection, now: str, timezone_offset_s: int) -> AdviceFacts:
    """What the ledger knows about volume, speed, failures and money; the last 30 days unless said otherwise."""
    moment = parse(now)
    since = moment - timedelta(days=30)
    newest = UsageFilter(since=utc_text(since))
    source, parameters = rows_between("usage_day", newest)
    cursor = db.execute(f"SELECT {SUMS} FROM ({source})", parameters)
    sums = dict(zip((column[0] for column in cursor.description), cursor.fetchone(), strict=True))
    answered = sums["replies"] + sums["failures"]
    return AdviceFacts(
        tokens_per_day=_tokens_per(db, DAY_S, moment, MAX_DAYS, timezone_offset_s),
        tokens_per_hour=_tokens_per(db, 3600, moment, 30 * 24, 0),
        tokens_30d=sums["prompt_tokens"] + sums["completion_tokens"],
        ttft_ms=_all_ttfts(db, newest),
        failure_share_30d=sums["failures"] / answered if answered else None,
        private_share_30d=sums["pinned"] / sums["attempts"] if sums["attempts"] else None,
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


def _tokens_per(db: sqlite3.Connection, unit_s: int, now: datetime, most: int, offset_s: int) -> list[int]:
    """Tokens of each whole day or hour before the running one, oldest first, from the first attempt on."""
    running = (int(now.timestamp()) + offset_s) // unit_s
    rows = db.execute(
        f"SELECT (slot * {SLOT_S} + :offset) / {unit_s} AS unit, sum(prompt_tokens + completion_tokens) "
        "FROM usage_slot WHERE slot >= :since GROUP BY unit HAVING unit < :running",
        {"offset": offset_s, "since": ((running - most) * unit_s - offset_s) // SLOT_S, "running": running},
    )
    tokens: dict[int, int] = dict(rows.fetchall())
    return [tokens.get(unit, 0) for unit in range(min(tokens), running)] if tokens else []
