"""Points in time as people type them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import click

from hybridchat.ledger.times import day_start, utc_text

ALLOWED = "2026-11-01, 2026-11-01T14:30, 2026-11-01T14:30Z, 24h, 7d, 4w or today"
_AGO = re.compile(r"(\d{1,5})([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def parse_when(text: str, now: datetime) -> datetime:
    """A moment in UTC. Dates and times without a zone are local; `7d` is seven days before `now`. Raises ValueError."""
    text = text.strip()
    if ago := _AGO.fullmatch(text):
        return (now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})).astimezone(UTC)
    if text == "today":
        return day_start(now)
    return datetime.fromisoformat(text).astimezone(UTC)


class When(click.ParamType[str]):
    """An option that holds a moment, as the ledger writes it (UTC, ISO 8601)."""

    name = "when"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            moment = parse_when(value, datetime.now(UTC))
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is not a date; allowed: {ALLOWED}", param, ctx)
        return utc_text(moment)


since_option = click.option("--since", type=When(), help="Only from this moment on: a date, or 7d.")
until_option = click.option("--until", type=When(), help="Only before this moment.")
backend_option = click.option("--backend", metavar="ID", help="Only this backend.")
