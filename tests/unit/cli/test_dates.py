from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click
import pytest

from hybridchat.cli.dates import When, parse_when
from tests.conftest import LiveIn

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("7d", NOW - timedelta(days=7)),
        ("24h", NOW - timedelta(hours=24)),
        ("4w", NOW - timedelta(weeks=4)),
        (" 1d ", NOW - timedelta(days=1)),
        ("2026-11-01", datetime(2026, 11, 1).astimezone(UTC)),
        ("2026-11-01T14:30", datetime(2026, 11, 1, 14, 30).astimezone(UTC)),
        ("2026-11-01T14:30Z", datetime(2026, 11, 1, 14, 30, tzinfo=UTC)),
        ("2026-11-01T14:30+02:00", datetime(2026, 11, 1, 12, 30, tzinfo=UTC)),
    ],
)
def test_what_people_type(typed: str, expected: datetime) -> None:
    assert parse_when(typed, NOW) == expected


def test_today_is_the_users_day() -> None:
    today = parse_when("today", NOW).astimezone()
    assert (today.hour, today.minute, today.second) == (0, 0, 0)
    assert timedelta(0) <= NOW - today < timedelta(days=1)


@pytest.mark.parametrize(
    ("typed", "now", "expected"),
    [
        ("today", "2026-03-29T10:00Z", "2026-03-28T23:00Z"),  # the clocks went forward, or back, since midnight
        ("today", "2026-10-25T20:00Z", "2026-10-24T22:00Z"),
        ("2026-07-01", "2026-11-21T10:00Z", "2026-06-30T22:00Z"),
        ("2026-12-01", "2026-07-21T10:00Z", "2026-11-30T23:00Z"),
    ],
)
def test_midnight_is_that_of_its_own_season(live_in: LiveIn, typed: str, now: str, expected: str) -> None:
    live_in("Europe/Berlin")
    assert parse_when(typed, datetime.fromisoformat(now)) == datetime.fromisoformat(expected)


@pytest.mark.parametrize("typed", ["", "yesterdayish", "2026-13-01", "7x", "-7d", "99999999d", "11/01/2026"])
def test_others_are_refused_with_what_is_allowed(typed: str) -> None:
    with pytest.raises(click.BadParameter, match="allowed: 2026-11-01"):
        When().convert(typed, None, None)


def test_the_option_gives_what_the_ledger_compares_with() -> None:
    assert When().convert("2026-11-01T14:30Z", None, None) == "2026-11-01T14:30:00.000Z"
