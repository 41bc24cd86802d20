"""Times as the ledger keeps them: UTC, ISO 8601 with milliseconds, so that text order is time order."""

from __future__ import annotations

from datetime import UTC, datetime

_MOST_S = 1e11  # in the year 5138; what is more is in a finer unit
_UNITS = (1, 1e3, 1e6, 1e9)  # in a second


def utc_text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


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
