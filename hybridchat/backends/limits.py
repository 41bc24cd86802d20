"""What a provider's rate limits leave, as the headers of its replies tell."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from hybridchat.domain.events import Limits

# Each API's names; of the same count the first that is there is read.
_NAMES = {
    "requests": ("x-ratelimit-{}-requests", "anthropic-ratelimit-requests-{}"),
    "tokens": ("x-ratelimit-{}-tokens", "anthropic-ratelimit-tokens-{}", "anthropic-ratelimit-input-tokens-{}"),
}
_COUNT = re.compile(r"[0-9]{1,15}")
_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ms|us|µs|ns|h|m|s))+")
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|us|µs|ns|h|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def read_limits(headers: Mapping[str, str]) -> Limits | None:
    """None when no header tells anything."""
    requests_limit, requests_left, requests_reset_s = _read(headers, "requests")
    tokens_limit, tokens_left, tokens_reset_s = _read(headers, "tokens")
    limits = Limits(
        requests_left=requests_left,
        requests_limit=requests_limit,
        requests_reset_s=requests_reset_s,
        tokens_left=tokens_left,
        tokens_limit=tokens_limit,
        tokens_reset_s=tokens_reset_s,
    )
    return None if limits == Limits() else limits


def _read(headers: Mapping[str, str], what: str) -> tuple[int | None, int | None, float | None]:
    """limit, remaining, seconds to the reset"""
    for name in _NAMES[what]:
        limit, left, reset = (headers.get(name.format(part)) for part in ("limit", "remaining", "reset"))
        if left is not None:
            return _count(limit), _count(left), _seconds(reset)
    return None, None, None


def _count(text: str | None) -> int | None:
    return int(text) if text is not None and _COUNT.fullmatch(text) else None


def _seconds(text: str | None) -> float | None:
    """From now: a Go duration such as 6m0s, plain seconds, or a point in time as RFC 3339 writes it."""
    if text is None:
        return None
    if _DURATION.fullmatch(text):
        return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
    try:
        seconds = float(text)
    except ValueError:
        return _seconds_until(text)
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def _seconds_until(moment: str) -> float | None:
    try:
        parsed = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return max(0.0, (parsed - datetime.now(UTC)).total_seconds()) if parsed.tzinfo else None
