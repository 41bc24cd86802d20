"""The ledger's days, months and slots of time."""

from __future__ import annotations

from datetime import UTC, datetime

from hybridchat.domain.moments import day_start, utc_text
from hybridchat.errors import UsageError

__all__ = ["LOCAL_DAY", "SLOT_S", "from_epoch", "month_start", "parse", "slot_of", "utc_now", "utc_text"]

LOCAL_DAY = "date({moment}, 'localtime')"  # SQL for what `day_start` is here: the system's time zone as it was then
SLOT_S = 900  # summaries count by quarter hours: every time zone's midnight falls on one


def utc_now() -> str:
    return utc_text(datetime.now(UTC))


def parse(text: str) -> datetime:
    """Any ISO 8601 date or time; without an offset it is UTC. Raises UsageError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is not a time", "write it like 2026-11-01 or 2026-11-01T08:30Z") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def from_epoch(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def slot_of(moment: datetime) -> int:
    """Quarter hours since 1970."""
    return int(moment.timestamp()) // SLOT_S


def month_start(now: datetime) -> datetime:
    """The start of the user's month, in UTC."""
    return day_start(now.astimezone().replace(day=1, hour=0, tzinfo=None).astimezone())
