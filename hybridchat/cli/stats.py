"""`hybridchat stats`: what the ledger has measured, in groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hybridchat.cli import output
from hybridchat.cli.dates import backend_option, since_option, until_option
from hybridchat.cli.store import check_backend, opened_ledger
from hybridchat.domain.pricing import format_usd
from hybridchat.ledger.records import Grouping, UsageFilter

if TYPE_CHECKING:
    from hybridchat.domain.stats import Money, Percentiles
    from hybridchat.ledger.records import StatRow

GROUPINGS: tuple[Grouping, ...] = ("backend", "model", "day", "workload")


@click.command("stats")
@click.option("--by", type=click.Choice(GROUPINGS), default="backend", show_default=True, help="One row per what.")
@since_option
@until_option
@backend_option
@output.json_option
def command(by: Grouping, since: str | None, until: str | None, backend: str | None, as_json: bool) -> None:
    """Show measured tokens, latency, speed and cost. Too few values for a percentile are said to be too few.

    \b
    hybridchat stats
    hybridchat stats --by model --since 7d --json
    """
    with opened_ledger() as ledger:
        check_backend(ledger, backend)
        rows = ledger.usage_statistics(by, UsageFilter(since, until, backend)).result()
    if as_json:
        output.json(rows)
        return
    if not rows:
        output.note("nothing is measured yet in that range")
    output.table(
        (by, "replies", "failed", "prompt", "completion", "TTFT p50", "p95", "tok/s", "cost", "estimate off by"),
        [_cells(row) for row in rows],
    )
    if uncounted := sum(row.replies_without_usage for row in rows):
        output.note(f"{uncounted} of the replies came without token counts")


def _cells(row: StatRow) -> tuple[object, ...]:
    return (
        row.key or "unknown",
        row.replies,
        row.failures,
        row.prompt_tokens,
        row.completion_tokens,
        _p50(row.ttft_ms, "ms"),
        _p95(row.ttft_ms),
        _p50(row.tokens_per_s, ""),
        _money(row.cost),
        _off(row.estimate_error),
    )


def _off(error: Percentiles) -> str:
    """How far the prompts' estimates were from the counts, typically."""
    return "–" if error.p50 is None else f"{error.p50:.0%}"


def _p50(values: Percentiles, unit: str) -> str:
    return "–" if values.p50 is None else f"{values.p50:,.0f} {unit}".rstrip()


def _p95(values: Percentiles) -> str:
    return f"n/a (n={values.n})" if values.p95 is None else f"{values.p95:,.0f} ms"


def _money(cost: Money) -> str:
    """The known part, and how many replies it leaves out."""
    if cost.usd is None:
        return "unknown" if cost.unpriced else "–"
    return format_usd(cost.usd) + (f" + {cost.unpriced} unpriced" if cost.unpriced else "")
