"""`hybridchat advise`: the source article's rule over what the ledger shows and the user says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hybridchat.cli import output
from hybridchat.cli.finite import FiniteRange
from hybridchat.domain.advice import Input, Verdict, article_rule, peak_to_mean, workload_stability
from hybridchat.domain.pricing import format_usd

if TYPE_CHECKING:
    from hybridchat.config import AdviseConfig
    from hybridchat.ledger.records import AdviceFacts

RULE = "article rule"
MONTH_DAYS = 30


@click.command("advise")
@click.option("--strict-privacy/--no-strict-privacy", default=None, help="Does policy forbid managed APIs?")
@click.option("--inference-team/--no-inference-team", default=None, help="Is there a team that can run inference?")
@click.option("--frontier-quality/--no-frontier-quality", default=None, help="Must it be a frontier model's quality?")
@click.option("--tokens-per-month", type=FiniteRange(min=0), metavar="N", help="Instead of the ledger's volume.")
@click.option("--stability", type=FiniteRange(0, 1), metavar="0-1", help="Instead of the ledger's stability.")
@output.json_option
def command(as_json: bool, **given: float | bool | None) -> None:
    """Say whether to self-host or to rent, by the source article's rule, with every input and its origin.

    What the ledger cannot know comes from the options or from [advise] in config.toml; nothing is guessed.

    \b
    hybridchat advise --inference-team --no-strict-privacy
    hybridchat advise --json
    """
    from hybridchat.cli.store import load_wiring, opened_ledger
    from hybridchat.ledger.times import utc_now

    with opened_ledger() as ledger:
        facts = ledger.advice_facts(utc_now()).result()
    verdict = article_rule(**rule_inputs(facts, load_wiring().config.advise, given))
    measured = measured_inputs(facts)
    if as_json:
        output.json({"rule": RULE, **_fields(verdict), "measured": measured})
    else:
        _print(verdict, measured)


def rule_inputs(facts: AdviceFacts, config: AdviseConfig, given: dict[str, float | bool | None]) -> dict[str, Input]:
    """The rule's five inputs: an option wins over the config, and either over what was measured."""
    inputs = {}
    for name in ("strict_privacy", "inference_team", "frontier_quality"):
        option = f"--{name.replace('_', '-')}"
        how = f"{option} or --no-{option[2:]}, or {name} under [advise] in config.toml"
        value = getattr(config, name) if given[name] is None else given[name]
        inputs[name] = _input(name, value, "configured", how)
    days = len(facts.tokens_per_day)
    volume = float(facts.tokens_30d) if days >= MONTH_DAYS else None
    how = f"--tokens-per-month N; the ledger knows {days} of {MONTH_DAYS} days"
    inputs["tokens_per_month"] = _measured_or_given("tokens_per_month", volume, given, how, "tokens")
    stability = workload_stability(facts.tokens_per_day)
    how = f"--stability between 0 and 1; the ledger knows {days} of 35 days, or has no tokens in the last 28"
    inputs["stability"] = _measured_or_given("stability", stability, given, how, "")
    return inputs


def _measured_or_given(
    name: str, measured: float | None, given: dict[str, float | bool | None], how: str, unit: str
) -> Input:
    if given[name] is not None:
        return Input(name, given[name], "configured", unit=unit)
    return _input(name, measured, "measured", how, unit)


def _input(name: str, value: float | bool | None, origin: str, how: str, unit: str = "") -> Input:
    return Input(name, None, "missing", how, unit) if value is None else Input(name, value, origin, unit=unit)


def measured_inputs(facts: AdviceFacts) -> tuple[Input, ...]:
    """What else the ledger shows of the last 30 days; the rule does not look at it."""
    too_few = "more replies are needed"
    values = (
        ("peak_to_mean", peak_to_mean(facts.tokens_per_hour), "", "no tokens yet"),
        ("ttft_p95_ms", facts.ttft_ms.p95, "ms", f"{too_few} (n={facts.ttft_ms.n})"),
        ("failure_share", facts.failures_30d.value, "", f"{too_few} (n={facts.failures_30d.n})"),
        ("privacy_share", facts.pinned_30d.value, "", f"{too_few} (n={facts.pinned_30d.n})"),
        ("cost_30d", facts.cost_30d.usd, "USD", f"replies without a known price: {facts.cost_30d.unpriced}"),
    )
    return tuple(_input(name, value, "measured", how, unit) for name, value, unit, how in values)


def _print(verdict: Verdict, measured: tuple[Input, ...]) -> None:
    output.line(f"{RULE}: {verdict.answer} ({verdict.deciding})")
    output.line()
    rows = [(given.name, _value(given), given.origin) for given in (*verdict.inputs, *measured)]
    output.table(("input", "value", "origin"), rows)
    for given in verdict.inputs:
        if given.name in verdict.missing:
            output.note(f"{given.name} is missing: give {given.how_to_provide}")
    for given in measured:
        if given.value is None:
            output.note(f"{given.name} is unknown: {given.how_to_provide}")


def _value(given: Input) -> str:
    if given.value is None:
        return "unknown"
    if isinstance(given.value, bool):
        return "yes" if given.value else "no"
    if given.unit == "USD":
        return format_usd(given.value)
    number = f"{given.value:,.0f}" if given.value >= 100 else f"{given.value:.2f}"
    return f"{number} {given.unit}".rstrip()


def _fields(verdict: Verdict) -> dict[str, object]:
    return {name: getattr(verdict, name) for name in verdict.__struct_fields__}
