"""A circuit breaker: a backend that keeps failing is left alone for a while, then tried with one request."""

from __future__ import annotations

import math

from msgspec import Struct
from msgspec.structs import replace

from hybridchat.errors import ErrorKind

FAILURES = 3
FIRST_PAUSE_S = 15.0
LONGEST_PAUSE_S = 300.0

# Transport errors and 5xx. What is wrong with a request, a key or a content says nothing about the backend's health.
_COUNTED = {
    *(ErrorKind.CONNECT, ErrorKind.DNS, ErrorKind.TLS, ErrorKind.TIMEOUT, ErrorKind.RESET, ErrorKind.CUT_SHORT),
    *(ErrorKind.OVERLOADED, ErrorKind.SERVER),
}


class Breaker(Struct, frozen=True):
    """The state of one backend's breaker; every function gives the next one. Times are of a monotonic clock."""

    failures: int = 0  # in a row
    pause_s: float = 0.0  # of the last opening; 0: closed
    open_until: float = 0.0
    is_probing: bool = False  # one request is out to see whether it is back

    @property
    def is_open(self) -> bool:
        """Also when its pause is over and only the probe is let through."""
        return self.pause_s > 0


def why_paused(breaker: Breaker, now: float) -> str | None:
    """None when a request may go out."""
    if not breaker.is_open:
        return None
    times = f"{breaker.failures} failures"
    if breaker.is_probing:
        return f"paused after {times}, being tried again"
    left_s = breaker.open_until - now
    return f"paused after {times}, next try in {math.ceil(left_s)} s" if left_s > 0 else None


def begun(breaker: Breaker) -> Breaker:
    """A request goes out that `why_paused` had nothing against."""
    return replace(breaker, is_probing=breaker.is_open)


def given_up(breaker: Breaker) -> Breaker:
    """The request was stopped before it could tell: the next one is the probe."""
    return replace(breaker, is_probing=False)


def failed(breaker: Breaker, kind: ErrorKind, retry_after_s: float | None, now: float) -> Breaker:
    """An error that does not count shows that somebody answers: as good as a success."""
    if kind not in _COUNTED:
        return given_up(breaker) if kind is ErrorKind.REFUSED else Breaker()
    failures = breaker.failures + 1
    if breaker.is_open and not breaker.is_probing:  # a retry of the turn that opened it
        return replace(breaker, failures=failures)
    if failures < FAILURES:
        return replace(breaker, failures=failures)
    pause_s = min(2 * breaker.pause_s or FIRST_PAUSE_S, LONGEST_PAUSE_S)
    until = now + max(pause_s, min(retry_after_s or 0.0, LONGEST_PAUSE_S))
    return Breaker(failures, pause_s, until)
