"""What rate limits leave: only what was told, and only while it can hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from textual.content import Content

from hybridchat.domain.events import Limits
from hybridchat.tui.widgets.allowances import Allowance, allowance_parts

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
