"""Sums over ended attempts: one definition, used by the summary tables and by sums over the rows themselves.

Triggers keep the summaries true in the same transaction, whoever writes the attempt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hybridchat.ledger.records import UsageFilter
from hybridchat.ledger.times import from_epoch, parse, utc_text

REPLY = "outcome IN ('ok', 'stopped')"

# column → what one ended attempt adds to it
METRICS = {
    "attempts": "1",
    "replies": REPLY,
    "failures": "outcome = 'error'",
    "pinned": "privacy <> 'open'",
    "prompt_tokens": "coalesce(prompt_tokens, 0)",
    "completion_tokens": "coalesce(completion_tokens, 0)",
    "without_usage": f"{REPLY} AND (prompt_tokens IS NULL OR completion_tokens IS NULL)",
    "cost_usd": "coalesce(CAST(cost_usd AS REAL), 0)",
    "cost_pico_usd": "coalesce(cost_pico_usd, 0)",
    "priced": "cost_usd IS NOT NULL",
    "unpriced": f"{REPLY} AND cost_usd IS NULL",
}

_EPOCH_S = "CAST(strftime('%s', started_at) AS INTEGER)"

# table → its key columns, each with its value for an attempt. Slots are quarter hours since 1970, days are UTC ones.
SUMMARIES = {
    "usage_slot": {"slot": f"{_EPOCH_S} / 900", "zone": "zone", "backend": "backend"},
    "usage_day": {
        "day": f"{_EPOCH_S} / 86400",
        "zone": "zone",
        "backend": "backend",
        "model": "model",
        "workload": "coalesce(workload, '')",
    },
    "usage_total": {"zone": "zone"},
}
# table → its column of time, and how many seconds one step is
UNITS = {"usage_slot": ("slot", 900), "usage_day": ("day", 86_400)}

SUMS = ", ".join(f"coalesce(sum({name}), 0) AS {name}" for name in METRICS)


def counted(sums: Mapping[str, int], name: str) -> int | None:
    """A sum of tokens; over no counts at all it is unknown, not zero."""
    return sums[name] if sums[name] or sums["replies"] > sums["without_usage"] else None


def rows_as_summary(table: str) -> str:
    """SELECT that shows each ended attempt as the row it would be alone in that summary table; add more with AND."""
    values = {**SUMMARIES[table], **METRICS}
    columns = ", ".join(f"{value} AS {name}" for name, value in values.items())
    return f"SELECT {columns} FROM attempt WHERE outcome IS NOT NULL"


def rows_between(table: str, wanted: UsageFilter) -> tuple[str, dict[str, object]]:
    """SELECT with named parameters, to be summed: the summary's rows for the whole units within the bounds, and the
    attempts themselves at the edges."""
    unit, unit_s = UNITS[table]
    parameters: dict[str, object] = {}
    whole, before, after = [], "", ""
    if wanted.since is not None:
        since = parse(wanted.since)
        first = -(-since.timestamp() // unit_s)
        parameters |= {"since": utc_text(since), "first": first, "first_at": utc_text(from_epoch(first * unit_s))}
        whole.append(f"{unit} >= :first")
        before = "started_at >= :since AND started_at < :first_at"
    if wanted.until is not None:
        until = parse(wanted.until)
        last = until.timestamp() // unit_s
        parameters |= {"until": utc_text(until), "last": last, "last_at": utc_text(from_epoch(last * unit_s))}
        whole.append(f"{unit} < :last")
        after = "started_at >= :last_at AND started_at < :until"
    if before and after:  # both within one unit: neither edge may leave the other's bound
        before += " AND started_at < :until"
        after += " AND started_at >= :first_at"
    if wanted.backend is not None:
        parameters["backend"] = wanted.backend
    return _union(table, whole, [edge for edge in (before, after) if edge], wanted.backend is not None), parameters


def _union(table: str, whole: list[str], edges: list[str], is_one_backend: bool) -> str:
    only = ["backend = :backend"] if is_one_backend else []
    selects = [f"SELECT * FROM {table} WHERE {' AND '.join(['true', *whole, *only])}"]
    selects += [" AND ".join([rows_as_summary(table), edge, *only]) for edge in edges]
    return " UNION ALL ".join(selects)


def create_statements() -> Iterator[str]:
    """The tables, filled from the attempts that are already there, and the triggers."""
    for table, keys in SUMMARIES.items():
        columns = ", ".join(f"{name} {'INTEGER' if name in ('slot', 'day') else 'TEXT'} NOT NULL" for name in keys)
        sums = ", ".join(f"{name} {'REAL' if name == 'cost_usd' else 'INTEGER'} NOT NULL" for name in METRICS)
        yield f"CREATE TABLE {table} ({columns}, {sums}, PRIMARY KEY ({', '.join(keys)})) WITHOUT ROWID"
        names = ", ".join(keys)
        yield f"INSERT INTO {table} SELECT {names}, {SUMS} FROM ({rows_as_summary(table)}) GROUP BY {names}"
    yield from trigger_statements()


TRIGGERS = {
    # name → when, which row, plus or minus; an UPDATE takes the old row out before it and puts the new one in after it
    "attempt_inserted": ("AFTER INSERT", "new", "+"),
    "attempt_before_update": ("BEFORE UPDATE", "old", "-"),
    "attempt_after_update": ("AFTER UPDATE", "new", "+"),
}


def trigger_statements() -> Iterator[str]:
    for name, (moment, row, sign) in TRIGGERS.items():
        body = "\n".join(_count(table, row, sign) for table in SUMMARIES)
        yield f"CREATE TRIGGER {name} {moment} ON attempt WHEN {row}.outcome IS NOT NULL BEGIN\n{body}\nEND"


def _count(table: str, row: str, sign: str) -> str:
    changes = ", ".join(f"{name} = {name} {sign} excluded.{name}" for name in METRICS)
    keys = ", ".join(SUMMARIES[table])
    return (
        f"INSERT INTO {table} {rows_as_summary(table)} AND id = {row}.id\n"
        f"  ON CONFLICT ({keys}) DO UPDATE SET {changes};"
    )
