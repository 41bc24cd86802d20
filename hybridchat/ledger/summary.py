"""Sums over ended attempts: one definition, used by the summary tables and by sums over the rows themselves.

Triggers keep the summaries true in the same transaction, whoever writes the attempt.
"""

from __future__ import annotations

from collections.abc import Iterator

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
    "priced": "cost_usd IS NOT NULL",
    "unpriced": f"{REPLY} AND cost_usd IS NULL",
}

# table → its key columns, each with its value for an attempt; a slot is a quarter hour since 1970 (times.SLOT_S)
SUMMARIES = {
    "usage_slot": {
        "slot": "CAST(strftime('%s', started_at) AS INTEGER) / 900",
        "zone": "zone",
        "backend": "backend",
        "model": "model",
        "workload": "coalesce(workload, '')",
    },
    "usage_total": {"zone": "zone"},
}

SUMS = ", ".join(f"coalesce(sum({name}), 0) AS {name}" for name in METRICS)


def rows_as_summary(table: str) -> str:
    """SELECT that shows each ended attempt as the row it would be alone in that summary table; add more with AND."""
    values = {**SUMMARIES[table], **METRICS}
    columns = ", ".join(f"{value} AS {name}" for name, value in values.items())
    return f"SELECT {columns} FROM attempt WHERE outcome IS NOT NULL"


def create_statements() -> Iterator[str]:
    """The tables, filled from the attempts that are already there, and the triggers."""
    for table, keys in SUMMARIES.items():
        columns = ", ".join(f"{name} {'INTEGER' if name == 'slot' else 'TEXT'} NOT NULL" for name in keys)
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
