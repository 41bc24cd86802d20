"""`hybridchat stats`: what the ledger has measured, in groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hybridchat.cli import output
from hybridchat.cli.dates import backend_option, since_option, until_option
from hybridchat.cli.store import check_backend, opened_ledger
from hybridchat.domain.pricing import format_usd
from hybridchat.errors import UsageError
from hybridchat.ledger.records import Grouping, UsageFilter

if TYPE_CHECKING:
    from hybridchat.domain.stats import Money, Percentiles
    from hybridchat.ledger.records import StatRow

GROUPINGS: tuple[Grouping, ...] = ("backend", "model", "day", "workload")


@click.command("stats")
@click.argument("what", type=click.Choice(["usage", "votes"]), default="usage")
@click.option("--by", type=click.Choice(GROUPINGS), default="backend", show_default=True, help="One row per what.")
@since_option
@until_option
@backend_option
@output.json_option
def command(what: str, by: Grouping, since: str | None, until: str | None, backend: str | None, as_json: bool) -> None:
    """Show measured tokens, latency, speed and cost; or your votes.

    Votes are what you said of answers that stood side by side. Too few values for a percentile are said to be too few.

    \b
    hybridchat stats
    hybridchat stats --by model --since 7d --json
    hybridchat stats votes
    """
    if what == "votes":
        if by != "backend" or since or until or backend:
            raise UsageError("votes are counted by pairs of models, all of them", "leave the other options out")
        _show_votes(as_json=as_json)
        return
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


def _show_votes(*, as_json: bool) -> None:
    """Of each pair of models, by workload."""
    from hybridchat.domain.compare_stats import pair_votes

    with opened_ledger() as ledger:
        pairs = pair_votes(ledger.voted().result())
    if as_json:
        output.json(pairs)
        return
    if not pairs:
        output.note("there is no vote yet: Alt+C in the chat compares, and takes votes")
    output.table(
        ("workload", "a", "b", "a won", "b won", "ties", "all bad", "blind", "left won"),
        [(p.workload or "–", p.a, p.b, p.a_won, p.b_won, p.ties, p.both_bad, p.blind, p.left_won) for p in pairs],
    )


def _cells(row: StatRow) -> tuple[object, ...]:
    return (
        row.key or "unknown",
        row.replies,
        row.failures,
        row.prompt_tokens,
        row.completion_tokens,
        p50(row.ttft_ms, "ms"),
        _p95(row.ttft_ms),
        p50(row.tokens_per_s, ""),
        money(row.cost),
        _off(row.estimate_error),
    )


def _off(error: Percentiles) -> str:
    """How far the prompts' estimates were from the counts, typically."""
    return "–" if error.p50 is None else f"{error.p50:.0%}"


def p50(values: Percentiles, unit: str) -> str:
    return "–" if values.p50 is None else f"{values.p50:,.0f} {unit}".rstrip()


def _p95(values: Percentiles) -> str:
    return f"n/a (n={values.n})" if values.p95 is None else f"{values.p95:,.0f} ms"


def money(cost: Money) -> str:
    """The known part, and how many replies it leaves out."""
    if cost.usd is None:
        return "unknown" if cost.unpriced else "–"
    return format_usd(cost.usd) + (f" + {cost.unpriced} unpriced" if cost.unpriced else "")
