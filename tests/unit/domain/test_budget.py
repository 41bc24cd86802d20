"""What a budget pays, what it says, and that no order of reserving and settling ever exceeds it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridchat.domain.budget import (
    MIN_REPLY_TOKENS,
    Hold,
    Limit,
    OverBudget,
    Scope,
    Stand,
    Standing,
    grant,
    judge,
    raise_remedy,
)
from hybridchat.errors import EXIT_REFUSED

DAY = Limit(Scope.DAY, Decimal(5))
CENTS = Hold(Decimal("0.10"), Decimal("0.001"), 1000)  # at most 1.10 USD


def left(usd: str, limit: Limit = DAY) -> Standing:
    return Standing(limit, limit.usd - Decimal(usd))


@pytest.mark.parametrize(
    ("remaining", "may_lower", "tokens"),
    [
        (["1.10"], False, 1000),
        (["1.099"], False, None),
        (["1.099"], True, 999),
        (["0.6", "2"], True, 500),
        (["0.164"], True, MIN_REPLY_TOKENS),
        (["0.1639"], True, None),
        (["0.05"], True, None),
        (["-1"], True, None),
        ([], False, 1000),
    ],
)
def test_what_the_rest_can_pay(remaining: list[str], may_lower: bool, tokens: int | None) -> None:
    hold = Hold(CENTS.prompt_usd, CENTS.reply_token_usd, CENTS.max_tokens, may_lower)
    assert grant(hold, [left(usd) for usd in remaining]) == tokens


def test_a_reply_that_costs_nothing_is_never_cut() -> None:
    free = Hold(Decimal(0), Decimal(0), 1000, may_lower=True)
    assert grant(free, [left("0")]) == 1000
    assert grant(Hold(Decimal(1), Decimal(0), 1000, may_lower=True), [left("0.5")]) is None


def test_what_is_said() -> None:
    lowering = Hold(CENTS.prompt_usd, CENTS.reply_token_usd, CENTS.max_tokens, may_lower=True)
    openai = Limit(Scope.MONTH, Decimal(20), "openai")
    said = {
        judge(CENTS, [left("3")], warn=0.8): "",
        judge(
            CENTS, [left("3"), left("1.2", openai)], warn=0.8
        ): "94% of the month budget of $20.00 for openai is used",
        judge(lowering, [left("0.3")], warn=0.8): "reply of at most 200 tokens: the day budget of $5.00 has $0.30 left",
        judge(CENTS, [left("0.02")], warn=0.8): "the day budget of $5.00 has $0.020 left, and this could cost $1.10",
        judge(CENTS, [Standing(DAY, Decimal(4), Decimal(2))], warn=0.8): "the day budget of $5.00 has $0 left beside "
        "$2.00 reserved for running replies, and this could cost $1.10",
        judge(None, [left("3")], warn=0.8): "its price is not known, and there is a budget to keep",
        judge(None, [left("0")], warn=0.8, may_be_unpriced=True): "the day budget of $5.00 has $0 left",
        judge(None, [left("3")], warn=0.8, may_be_unpriced=True): "",
    }
    assert [str(verdict) for verdict in said] == list(said.values())
    assert [verdict.stand for verdict in said] == [
        *(Stand.OK, Stand.WARNING, Stand.LOWERED, Stand.OVER, Stand.OVER, Stand.UNPRICED, Stand.OVER, Stand.OK)
    ]
    assert [verdict.forbids for verdict in said] == [False, False, False, True, True, True, True, False]


def test_the_remedy_is_a_command() -> None:
    assert raise_remedy(DAY) == "raise it with `hybridchat budget set day USD`"
    own = Limit(Scope.MONTH, Decimal(1), "openai")
    assert raise_remedy(own) == "raise it with `hybridchat budget set month USD --backend openai`"
    error = OverBudget(left("0"), Decimal(1))
    assert (error.exit_code, "or ask a local backend" in str(error)) == (EXIT_REFUSED, True)
    assert "--unpriced" in judge(None, [left("1")], warn=1).remedy


USD = st.decimals(0, 10, places=6)
HOLDS = st.builds(Hold, USD, st.decimals(0, "0.01", places=9), st.integers(1, 10_000), st.booleans())


@given(
    limits=st.lists(USD, min_size=1, max_size=3), steps=st.lists(st.tuples(HOLDS, st.floats(0, 1), st.integers(0, 9)))
)
def test_no_order_of_reserving_and_settling_overshoots(
    limits: list[Decimal], steps: list[tuple[Hold, float, int]]
) -> None:
    """A reply costs at most what was held for it; any that runs may end before the next begins."""
    running: list[tuple[Decimal, Decimal]] = []  # held, and what it will have cost
    settled = Decimal(0)
    for hold, share, ends in steps:
        while running and ends:
            held, cost = running.pop(ends % len(running))
            settled, ends = settled + cost, ends - 1
        reserved = sum((held for held, _ in running), Decimal(0))
        standings = [Standing(Limit(Scope.DAY, limit), settled, reserved) for limit in limits]
        tokens = grant(hold, standings)
        if tokens is not None:
            held = hold.usd(tokens)
            running.append((held, held * Decimal(share)))
            assert settled + reserved + held <= min(limits)
            assert tokens >= MIN_REPLY_TOKENS or tokens == hold.max_tokens
        elif not hold.may_lower:
            assert settled + reserved + hold.usd(hold.max_tokens) > min(limits)
