"""The comparison panel's numbers, from the summaries and the newest replies: constant time in the ledger's size."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import timedelta

from hybridchat.domain.moments import day_start
from hybridchat.domain.stats import Money, Side, Snapshot, TokenKinds, summarize
from hybridchat.ledger.records import UsageFilter
from hybridchat.ledger.summary import REPLY, SUMS, counted, rows_as_summary, rows_between
from hybridchat.ledger.times import month_start, parse, slot_of, utc_text

WINDOW = 1000

_TOTALS = f"SELECT {SUMS} FROM usage_total WHERE (zone = 'managed') = ?"
_MONEY = "sum(cost_usd), sum(priced), sum(unpriced)"
_SINCE = f"SELECT {_MONEY} FROM usage_slot WHERE slot >= ? AND (zone = 'managed') = ?"
_CHAT = f"SELECT {_MONEY} FROM ({rows_as_summary('usage_total')} AND conversation_id = ?) WHERE +(zone = 'managed') = ?"
_KINDS = """
SELECT sum(cached_tokens), sum(cache_write_tokens), sum(thinking_tokens) FROM attempt
WHERE conversation_id = ? AND +(zone = 'managed') = ?"""
_NEWEST = f"""
SELECT ttft_ms, load_ms, tokens_per_s FROM attempt WHERE (zone = 'managed') = ? AND {REPLY} ORDER BY id DESC LIMIT ?"""


def money(row: Sequence[float | None]) -> Money:
    """From (sum, priced, unpriced); a sum without a single known cost is unknown."""
    usd, priced, unpriced = row
    return Money(usd if priced else None, int(unpriced or 0))


def snapshot(db: sqlite3.Connection, conversation_id: int | None, now: str) -> Snapshot:
    """As of `now` (ISO 8601), days and months being the user's; without the counterfactual."""
    moment = parse(now)
    today, month = slot_of(day_start(moment)), slot_of(month_start(moment))
    local, managed = (_side(db, is_managed, conversation_id, today, month) for is_managed in (False, True))
    return Snapshot(local=local, managed=managed, window=WINDOW)


def _side(db: sqlite3.Connection, is_managed: bool, conversation_id: int | None, today: int, month: int) -> Side:
    cursor = db.execute(_TOTALS, (is_managed,))
    totals = dict(zip((column[0] for column in cursor.description), cursor.fetchone(), strict=True))
    newest = db.execute(_NEWEST, (is_managed, WINDOW)).fetchall()
    return Side(
        replies=totals["replies"],
        failures=totals["failures"],
        prompt_tokens=counted(totals, "prompt_tokens"),
        completion_tokens=counted(totals, "completion_tokens"),
        replies_without_usage=totals["without_usage"],
        ttft_ms=summarize([ttft_ms for ttft_ms, load_ms, _ in newest if ttft_ms is not None and load_ms is None]),
        tokens_per_s=summarize([speed for _, _, speed in newest if speed is not None]),
        tokens_chat=TokenKinds(*db.execute(_KINDS, (conversation_id, is_managed)).fetchone()),
        cost_chat=money(db.execute(_CHAT, (conversation_id, is_managed)).fetchone()),
        cost_today=money(db.execute(_SINCE, (today, is_managed)).fetchone()),
        cost_month=money(db.execute(_SINCE, (month, is_managed)).fetchone()),
    )


def workload_tokens_30d(db: sqlite3.Connection, workload: str | None, now: str) -> int:
    """Prompt and completion tokens of the last 30 days; None: of all workloads together."""
    source, parameters = rows_between("usage_day", UsageFilter(since=utc_text(parse(now) - timedelta(days=30))))
    only = "" if workload is None else " WHERE workload = :workload"
    statement = f"SELECT coalesce(sum(prompt_tokens + completion_tokens), 0) FROM ({source}){only}"
    tokens: int = db.execute(statement, {**parameters, "workload": workload}).fetchone()[0]
    return tokens
