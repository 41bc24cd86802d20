"""Points in time: as the ledger keeps them, as people type them, and as other programs write them.

The ledger's are UTC, ISO 8601 with milliseconds, so that text order is time order.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

ALLOWED = "2026-11-01, 2026-11, 2026-11-01T14:30, 2026-11-01T14:30Z, 24h, 7d, 4w or today"
_AGO = re.compile(r"(\d{1,5})([hdw])")
_AGO_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
_MONTH = re.compile(r"\d{4}-\d{2}")
_MOST_S = 1e11  # in the year 5138; what is more is in a finer unit
_UNITS = (1, 1e3, 1e6, 1e9)  # in a second


def utc_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def day_start(now: datetime) -> datetime:
    """The start of the user's day, in UTC. The system's time zone as it was then: the clocks may have changed since."""
    local = now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    return local.astimezone(UTC)


def parse_when(text: str, now: datetime) -> datetime:
    """A moment in UTC. Dates and times without a zone are local; `7d` is seven days before `now`. Raises ValueError."""
    text = text.strip()
    if ago := _AGO.fullmatch(text):
        try:
            return (now - timedelta(**{_AGO_UNITS[ago[2]]: int(ago[1])})).astimezone(UTC)
        except OverflowError as error:
            raise ValueError(f"{text} is before all dates") from error
    if text == "today":
        return day_start(now)
    moment = datetime.fromisoformat(f"{text}-01" if _MONTH.fullmatch(text) else text)
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text} is outside all dates") from error


def moment_text(said: object) -> str | None:
    """What another program wrote as a time: seconds since 1970 or a finer unit of them, or ISO 8601 (UTC without an
    offset). None for anything else."""
    try:
        match said:
            case bool():
                return None
            case int() | float():
                unit = next((unit for unit in _UNITS if 0 <= said / unit < _MOST_S), None)
                return utc_text(datetime.fromtimestamp(said / unit, UTC)) if unit else None
            case str():
                moment = datetime.fromisoformat(said)
                return utc_text(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError, OSError):  # no time, or none that a calendar has
        return None
    return None
