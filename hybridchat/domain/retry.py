"""Whether a failed attempt is worth another one, and after how long; as the vendors' own clients do it."""

from __future__ import annotations

from msgspec import Struct

from hybridchat.domain.events import Failed
from hybridchat.errors import ErrorKind

MAX_RETRIES = 3
LONGEST_WAIT_S = 120.0
BACKOFF_FIRST_S = 0.5
BACKOFF_LONGEST_S = 8.0
SLEPT_S = 10.0

# What passes by itself.
_PASSING = {ErrorKind.RATE_LIMIT, ErrorKind.OVERLOADED, ErrorKind.SERVER, ErrorKind.RESET, ErrorKind.TIMEOUT}
# What `x-should-retry: true` may add; where the same request can only meet the same answer, nothing does.
_ASKED_FOR = {*_PASSING, ErrorKind.CONNECT, ErrorKind.CUT_SHORT}
# Here a look at its health finds a server when it is back, and one that is slow has enough to do.
_NEVER_LOCALLY = {ErrorKind.CONNECT, ErrorKind.TIMEOUT}
# What another backend may do better.
_ELSEWHERE = {*_ASKED_FOR, ErrorKind.DNS, ErrorKind.TLS, ErrorKind.QUOTA}


class Retry(Struct, frozen=True):
    """`wait_s` None: no retry, and `why` says so where that is not plain from the failure itself."""

    wait_s: float | None
    why: str = ""


def plan_retry(failed: Failed, *, retries: int, is_local: bool, jitter: float) -> Retry:
    """After `retries` retries, for a failure before the first visible token; `jitter` is random in [0, 1).

    The server's own wait counts up to LONGEST_WAIT_S; without one, 0.5 · 2ⁿ s up to 8 s, with equal jitter (half of it
    fixed, half random: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015). Full jitter has less
    work for a crowd of clients; one that has a few tries must not spend them all within the same second.
    """
    worth_it = _ASKED_FOR if failed.should_retry else _PASSING
    if is_local:
        worth_it = worth_it - _NEVER_LOCALLY
    if failed.should_retry is False or failed.kind not in worth_it:
        return Retry(None)
    if failed.retry_after_s is not None and failed.retry_after_s > LONGEST_WAIT_S:
        return Retry(None, f"it asks to wait {failed.retry_after_s:,.0f} s, too long to wait for by itself")
    if retries >= MAX_RETRIES:
        return Retry(None, f"{MAX_RETRIES} retries did not help")
    if failed.retry_after_s:
        return Retry(failed.retry_after_s)
    step_s = min(BACKOFF_FIRST_S * 2**retries, BACKOFF_LONGEST_S)
    return Retry(step_s / 2 + jitter * step_s / 2)


def may_answer_elsewhere(kind: ErrorKind) -> bool:
    """Whether the failure lies with the backend, rather than with the request or with our own policy."""
    return kind in _ELSEWHERE


def slept(planned_s: float, monotonic_s: float, wall_s: float) -> bool:
    """Whether the machine slept, or its clock jumped, during a wait: `monotonic_s` and `wall_s` say how long it took.

    Some systems' monotonic clocks stand still in sleep, others' go on; a wall clock set back counts too.
    """
    return monotonic_s - planned_s > SLEPT_S or abs(wall_s - monotonic_s) > SLEPT_S
