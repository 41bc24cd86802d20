"""`hybridchat budget`, and `ask` at its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from hybridchat.errors import EXIT_REFUSED, EXIT_USAGE
from tests.fakes.completions import FakeCompletions
from tests.faults.cli import backend, configure
from tests.unit.cli.conftest import Call, Cli

PRICED = 'zone = "managed"\n[backend.price.fake]\ninput = 1\noutput = 1000'


def test_without_budgets_it_says_so(cli: Cli, home: Path) -> None:
    said = cli("budget")
    assert (said.code, said.out) == (0, "")
    assert "no budget is set" in said.err
    assert cli("budget", "--json").json == []


def test_set_shown_and_cleared(cli: Cli, home: Path) -> None:
    configure(home, "# mine\n" + backend("https://api.openai.com", id="a.b"))
    assert cli("budget", "set", "day", "5").code == 0
    assert cli("budget", "set", "month", "$20.50", "--backend", "a.b").code == 0
    day, month = cli("budget", "show", "--json").json
    assert (day["scope"], day["backend"], day["limit_usd"], day["remaining_usd"]) == ("day", None, 5, 5)
    assert (month["scope"], month["backend"], month["limit_usd"], month["settled_usd"]) == ("month", "a.b", 20.5, 0)
    assert cli("budget").out.splitlines()[2].split() == ["month", "a.b", "$20.50", "$0", "$0", "$20.50", "0%"]
    assert cli("budget", "clear", "day").code == cli("budget", "clear", "month", "--backend", "a.b").code == 0
    assert cli("budget", "--json").json == []
    assert (home / "config.toml").read_text().startswith("# mine\n")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("day", "-1"), "-1 is not a budget — US dollars, from 0 to 1,000,000"),
        (("day", "nan"), "NaN is not a budget"),
        (("day", "1e9"), "1E+9 is not a budget"),
        (("day", "much"), "'much' is not an amount — US dollars, such as 2.50"),
        (("day", "1", "--backend", "gone"), "no backend is called gone"),
        (("conversation", "1", "--backend", "lab"), "a backend has no budget per conversation — day or month"),
        (("year", "1"), "'year' is not one of 'conversation', 'day', 'month'"),
    ],
)
def test_what_is_no_budget_is_one_line(cli: Cli, home: Path, arguments: tuple[str, ...], why: str) -> None:
    configure(home, backend("http://127.0.0.1:1"))
    before = (home / "config.toml").read_bytes()
    said = cli("budget", "set", *arguments)
    assert (said.code, said.out, said.err.count("\n")) == (EXIT_USAGE, "", 1)
    assert why in said.err
    assert (home / "config.toml").read_bytes() == before


async def test_ask_exits_at_the_stop_and_counts_what_it_spent(call: Call, home: Path) -> None:
    async with FakeCompletions() as server:
        configure(home, backend(server.url, more=PRICED) + "[budget]\nday = 5\n")
        first = await call("ask", "--json", "hi")
        assert first.code == 0
        spent = (await call("budget", "--json")).json[0]
        assert spent["settled_usd"] == pytest.approx(first.json["cost_usd"])
        assert spent["reserved_usd"] == 0
        await call("budget", "set", "day", "4")
        said = await call("ask", "hi")
        assert (said.code, said.out) == (EXIT_REFUSED, "")
        assert "the day budget of $4.00 has $" in said.err
        assert "left, and this could cost $4.10" in said.err
        assert "raise it with `hybridchat budget set day USD`" in said.err
        assert len(server.sent("/v1/chat/completions")) == 1


async def test_ask_says_beforehand_that_the_reply_must_be_shorter(call: Call, home: Path) -> None:
    async with FakeCompletions() as server:
        configure(home, backend(server.url, more=PRICED) + "[budget]\nday = 2\nlower_max_tokens = true\n")
        said = await call("ask", "--json", "hi")
        assert (said.code, said.err.count("\n")) == (0, 1)
        assert said.err.startswith("reply of at most 1,")
        assert said.err.endswith(" tokens: the day budget of $2.00 has $2.00 left\n")
        assert str(server.sent("/v1/chat/completions")[0].json()["max_tokens"]) in said.err.replace(",", "")


async def test_ask_names_the_flag_for_a_model_without_a_price(call: Call, home: Path) -> None:
    async with FakeCompletions() as server:
        configure(home, backend(server.url, more='zone = "managed"') + "[budget]\nmonth = 5\n")
        said = await call("ask", "hi")
        assert said.code == EXIT_REFUSED
        assert "--unpriced" in said.err
        assert server.sent("/v1/chat/completions") == []
        assert (await call("ask", "--unpriced", "hi")).code == 0


def test_a_budget_in_the_config_that_is_none_is_told_with_its_line(cli: Cli, home: Path) -> None:
    configure(
        home, "[budget]\nday = -3\nwarn = 80\n" + backend("http://127.0.0.1:1", more="[backend.budget]\nday = inf")
    )
    said = cli("list")
    assert said.code == EXIT_USAGE
    assert "config.toml:2: budget.day: -3 is not a budget — US dollars, from 0 to 1,000,000; and 2 more" in said.err
