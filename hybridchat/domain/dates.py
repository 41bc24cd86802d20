"""Points in time as people type them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

ALLOWED = "2026-11-01, 2026-11, 2026-11-01T14:30, 2026-11-01T14:30Z, 24h, 7d, 4w or today"
_AGO = re.compile(r"(\d{1,5})([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
_MONTH = re.compile(r"\d{4}-\d{2}")


def day_start(now: datetime) -> datetime:
    """The start of the user's day, in UTC. The system's time zone as it was then: the clocks may have changed since."""
    local = now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    return local.astimezone(UTC)


def parse_when(text: str, now: datetime) -> datetime:
    """A moment in UTC. Dates and times without a zone are local; `7d` is seven days before `now`. Raises ValueError."""
    text = text.strip()
    if ago := _AGO.fullmatch(text):
        try:
            return (now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})).astimezone(UTC)
        except OverflowError as error:
            raise ValueError(f"{text} is before all dates") from error
    if text == "today":
        return day_start(now)
    moment = datetime.fromisoformat(f"{text}-01" if _MONTH.fullmatch(text) else text)
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text} is outside all dates") from error
