"""Stats and advice: only what was measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from hybridchat.cli.advise import measured_inputs, rule_inputs
from hybridchat.config import AdviseConfig
from hybridchat.domain.stats import Money, Percentiles, Share
from hybridchat.ledger.records import AdviceFacts
from hybridchat.ledger.store import TurnIds
from tests.unit.cli.conftest import Cli

NOTHING_GIVEN = dict.fromkeys(
    ("strict_privacy", "inference_team", "frontier_quality", "tokens_per_month", "stability"), None
)


def facts(days: int) -> AdviceFacts:
    return AdviceFacts(
        tokens_per_day=[1000] * days,
        tokens_per_hour=[10, 30],
        tokens_30d=1000 * min(days, 30),
        ttft_ms=Percentiles(n=7, p50=200.0),
        failures_30d=Share(80, 0.25),
        pinned_30d=Share(3),
        cost_30d=Money(usd=1.5, unpriced=2),
    )


def test_stats_say_when_values_are_too_few(cli: Cli, answered: TurnIds) -> None:
    said = cli("stats")
    assert (said.code, said.err) == (0, "")
    row = said.out.splitlines()[1]
    assert row.split()[:5] == ["lab", "1", "0", "12", "40"]
    assert "250 ms" in row
    assert "n/a (n=1)" in row
    assert "unknown" in row


@pytest.mark.parametrize(("by", "key"), [("backend", "lab"), ("model", "tiny"), ("workload", "chat")])
def test_stats_group_and_filter(by: str, key: str, cli: Cli, answered: TurnIds) -> None:
    assert [row["key"] for row in cli("stats", "--by", by, "--since", "1d", "--json").json] == [key]
    assert cli("stats", "--by", by, "--until", "2020-01-01", "--json").json == []
    assert cli("stats", "--by", by, "--since", "0h").err == "nothing is measured yet in that range\n"


@pytest.mark.parametrize("option", [("--since", "7d"), ("--by", "model"), ("--backend", "lab")])
def test_votes_are_all_of_them(cli: Cli, answered: TurnIds, option: tuple[str, str]) -> None:
    assert cli("stats", "votes").err == "there is no vote yet: Alt+C in the chat compares, and takes votes\n"
    said = cli("stats", "votes", *option)
    assert (said.code, said.out) == (2, "")
    assert "votes are counted by pairs of models" in said.err


@pytest.mark.parametrize("command", [("stats",), ("export", "usage")])
def test_a_backend_that_is_nowhere_is_a_mistake(command: tuple[str, ...], cli: Cli, home: Path) -> None:
    said = cli(*command, "--backend", "labb")
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        "hybridchat: there is no backend 'labb' in the ledger or in config.toml — "
        "none was asked yet and none is configured\n"
    )
    (home / "config.toml").write_text('[[backend]]\nid = "new"\nkind = "vllm"\nbase_url = "http://127.0.0.1:1"\n')
    assert cli(*command, "--backend", "labb").err.endswith(" — give one of: new\n")
    assert cli(*command, "--backend", "new").code == 0


def test_a_backend_that_the_config_forgot_is_still_in_the_ledger(cli: Cli, answered: TurnIds) -> None:
    assert [row["key"] for row in cli("stats", "--backend", "lab", "--json").json] == ["lab"]


def test_advice_names_what_is_missing_and_how_to_give_it(cli: Cli, answered: TurnIds) -> None:
    said = cli("advise")
    assert said.code == 0
    assert said.out.startswith("article rule: undecided")
    assert "tokens_per_month is missing: give --tokens-per-month N; the ledger knows" in said.err
    assert "--inference-team or --no-inference-team, or inference_team under [advise] in config.toml" in said.err
    assert "failure_share is unknown: more replies are needed (n=1)" in said.err


def test_advice_with_every_input(cli: Cli, answered: TurnIds) -> None:
    given = ("--no-strict-privacy", "--inference-team", "--no-frontier-quality")
    verdict = cli("advise", *given, "--tokens-per-month", "80e6", "--stability", "0.8", "--json").json
    assert (verdict["rule"], verdict["answer"], verdict["missing"]) == ("article rule", "self-hosted", [])
    assert {entry["origin"] for entry in verdict["inputs"]} == {"configured"}
    assert {entry["name"] for entry in verdict["measured"]} >= {"peak_to_mean", "ttft_p95_ms", "cost_30d"}


@pytest.mark.parametrize(
    ("days", "volume", "stability"), [(29, None, None), (30, 30_000.0, None), (34, 30_000.0, None), (35, 30_000.0, 1.0)]
)
def test_a_month_and_stability_need_enough_days(days: int, volume: float | None, stability: float | None) -> None:
    inputs = rule_inputs(facts(days), AdviseConfig(), NOTHING_GIVEN)
    assert inputs["tokens_per_month"].value == volume
    assert inputs["stability"].value == stability
    for name in ("tokens_per_month", "stability"):
        assert inputs[name].origin == ("missing" if inputs[name].value is None else "measured")


def test_an_option_wins_over_the_config() -> None:
    config = AdviseConfig(strict_privacy=True, inference_team=False)
    inputs = rule_inputs(facts(1), config, {**NOTHING_GIVEN, "strict_privacy": False})
    assert (inputs["strict_privacy"].value, inputs["inference_team"].value) == (False, False)
    assert inputs["frontier_quality"].origin == "missing"


def test_what_else_is_measured_is_unknown_rather_than_guessed() -> None:
    by_name = {given.name: given for given in measured_inputs(facts(1))}
    assert (by_name["peak_to_mean"].value, by_name["peak_to_mean"].origin) == (1.5, "measured")
    assert (by_name["ttft_p95_ms"].value, by_name["ttft_p95_ms"].origin) == (None, "missing")
    assert "n=7" in by_name["ttft_p95_ms"].how_to_provide
    assert (by_name["failure_share"].value, by_name["privacy_share"].value) == (0.25, None)
    assert "n=3" in by_name["privacy_share"].how_to_provide
