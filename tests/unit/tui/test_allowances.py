"""What rate limits leave: only what was told, and only while it can hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from textual.content import Content

from hybridchat.domain.budget import Limit, Scope, Standing
from hybridchat.domain.events import Limits
from hybridchat.tui.widgets.allowances import Allowance, allowance_lines, allowance_parts, budget_parts, scarce

TOLD = datetime(2026, 11, 20, 14, 2, 5, tzinfo=UTC)
LIMITS = Limits(4_999, 5_000, 0.1, 39_000, 40_000, 60.0)


def shown(limits: Limits, later_s: float = 0.0, backend: str = "openai") -> list[str]:
    parts = allowance_parts([Allowance(backend, limits, TOLD)], TOLD + timedelta(seconds=later_s), 38)
    return [" ".join(line.split()) for line in Content.assemble(*parts).plain.split("\n") if line.strip()]


def test_what_is_left_of_what_and_until_when() -> None:
    assert shown(LIMITS) == [
        "limits of openai",
        "requests left 4,999 of 5,000",
        "tokens left 39,000 of 40,000",
        "full again at 14:03:05",
    ]


def test_what_was_not_told_is_not_shown() -> None:
    assert shown(Limits(requests_left=3)) == ["limits of openai", "requests left 3", "told at 14:02:05"]


def test_after_the_reset_nothing_is_known() -> None:
    assert shown(LIMITS, later_s=59.0)
    assert shown(LIMITS, later_s=60.0) == []


def test_names_are_inert_and_absurd_times_harmless() -> None:
    assert "\x1b" not in "".join(shown(Limits(requests_left=1, requests_reset_s=1e300), backend="\x1b[2J"))


def test_a_line_for_where_there_is_no_panel() -> None:
    told = [Allowance("openai", LIMITS, TOLD), Allowance("lab", Limits(requests_left=3), TOLD)]
    assert allowance_lines(told, TOLD) == [
        "openai: 4,999 of 5,000 requests left, 39,000 of 40,000 tokens left, full again at 14:03:05",
        "lab: 3 requests left, told at 14:02:05",
    ]
    assert allowance_lines(told, TOLD + timedelta(seconds=60))[0].startswith("lab")


@pytest.mark.parametrize(
    ("limits", "later_s", "said"),
    [
        (LIMITS, 0.0, ""),
        (Limits(12, 60, 30.0, 39_000, 40_000, 60.0), 0.0, "openai: 12 requests left"),
        (Limits(60, 60, 30.0, 400, 40_000, 60.0), 0.0, "openai: 400 tokens left"),
        (Limits(60, 60, 30.0, 400, 40_000, 60.0), 61.0, ""),
        (Limits(requests_left=1), 0.0, ""),
    ],
)
def test_what_is_scarce(limits: Limits, later_s: float, said: str) -> None:
    assert scarce([Allowance("openai", limits, TOLD)], TOLD + timedelta(seconds=later_s)) == said


def test_a_budget_is_coloured_from_where_the_user_wants_to_be_warned() -> None:
    day = Standing(Limit(Scope.DAY, Decimal(10)), settled_usd=Decimal(6))
    assert [part[1] for part in budget_parts([day], 0.5, 38) if "60%" in part[0]] == ["$warning"]
    assert [part[1] for part in budget_parts([day], 0.8, 38) if "60%" in part[0]] == [""]
