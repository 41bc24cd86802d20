"""Which failures are worth another attempt, and after how long."""

from __future__ import annotations

import pytest

from hybridchat.domain.events import Failed
from hybridchat.domain.retry import LONGEST_WAIT_S, MAX_RETRIES, may_answer_elsewhere, plan_retry, slept
from hybridchat.errors import ErrorKind

RETRIED = {ErrorKind.RATE_LIMIT, ErrorKind.OVERLOADED, ErrorKind.SERVER, ErrorKind.RESET, ErrorKind.TIMEOUT}
ONLY_WHEN_ASKED_TO = {ErrorKind.CONNECT, ErrorKind.CUT_SHORT}
ELSEWHERE = {*RETRIED, *ONLY_WHEN_ASKED_TO, ErrorKind.DNS, ErrorKind.TLS, ErrorKind.QUOTA}


def wait_s(
    kind: ErrorKind = ErrorKind.OVERLOADED,
    *,
    retries: int = 0,
    is_local: bool = False,
    jitter: float = 0.5,
    retry_after_s: float | None = None,
    should_retry: bool | None = None,
) -> float | None:
    failed = Failed(kind, "no", retry_after_s=retry_after_s, should_retry=should_retry)
    return plan_retry(failed, retries=retries, is_local=is_local, jitter=jitter).wait_s


@pytest.mark.parametrize("kind", ErrorKind)
def test_every_kind_is_retried_or_not(kind: ErrorKind) -> None:
    assert (wait_s(kind) is not None) == (kind in RETRIED)
    assert (wait_s(kind, should_retry=True) is not None) == (kind in RETRIED | ONLY_WHEN_ASKED_TO)
    assert wait_s(kind, should_retry=False) is None
    assert may_answer_elsewhere(kind) == (kind in ELSEWHERE)


@pytest.mark.parametrize("kind", [ErrorKind.CONNECT, ErrorKind.TIMEOUT])
def test_what_is_slow_or_gone_on_ones_own_machine_is_left_to_the_health_look(kind: ErrorKind) -> None:
    assert wait_s(kind, is_local=True) is None
    assert wait_s(kind, is_local=True, should_retry=True) is None
    assert wait_s(ErrorKind.OVERLOADED, is_local=True) is not None


@pytest.mark.parametrize(("retries", "longest_s"), [(0, 0.5), (1, 1.0), (2, 2.0)])
def test_backoff_doubles_with_equal_jitter(retries: int, longest_s: float) -> None:
    assert wait_s(retries=retries, jitter=0.0) == longest_s / 2
    assert wait_s(retries=retries, jitter=0.5) == longest_s * 0.75
    assert wait_s(retries=retries, jitter=1.0) == longest_s


@pytest.mark.parametrize(
    ("said_s", "waits_s"), [(0.02, 0.02), (7.0, 7.0), (LONGEST_WAIT_S, LONGEST_WAIT_S), (0.0, 0.375)]
)
def test_the_servers_own_wait_counts(said_s: float, waits_s: float) -> None:
    assert wait_s(ErrorKind.RATE_LIMIT, retry_after_s=said_s) == waits_s


@pytest.mark.parametrize("said_s", [120.5, 86_400.0, float("inf")])
def test_too_long_a_wait_is_refused_and_said(said_s: float) -> None:
    retry = plan_retry(Failed(ErrorKind.RATE_LIMIT, "no", retry_after_s=said_s), retries=0, is_local=False, jitter=0)
    assert retry.wait_s is None
    assert f"{said_s:,.0f} s" in retry.why


def test_three_retries_and_then_it_is_said() -> None:
    assert [wait_s(retries=n) is not None for n in range(5)] == [True, True, True, False, False]
    assert "3 retries" in plan_retry(Failed(ErrorKind.SERVER, "no"), retries=MAX_RETRIES, is_local=False, jitter=0).why


@pytest.mark.parametrize(
    ("planned_s", "monotonic_s", "wall_s", "expected"),
    [
        (5.0, 5.1, 5.1, False),
        (5.0, 9.0, 9.0, False),  # a busy machine
        (5.0, 5.0, 3605.0, True),  # the monotonic clock stood still in sleep
        (5.0, 3605.0, 3605.0, True),  # it went on
        (5.0, 5.0, -3600.0, True),  # the wall clock was set back
    ],
)
def test_sleep_and_clock_jumps_show(planned_s: float, monotonic_s: float, wall_s: float, expected: bool) -> None:
    assert slept(planned_s, monotonic_s, wall_s) is expected
