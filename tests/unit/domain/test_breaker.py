"""A backend that keeps failing is left alone for a while, then tried with one request."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridchat.domain.breaker import (
    FAILURES,
    FIRST_PAUSE_S,
    LONGEST_PAUSE_S,
    Breaker,
    begun,
    failed,
    given_up,
    why_paused,
)
from hybridchat.errors import ErrorKind

COUNTED = {
    *(ErrorKind.CONNECT, ErrorKind.DNS, ErrorKind.TLS, ErrorKind.TIMEOUT, ErrorKind.RESET, ErrorKind.CUT_SHORT),
    *(ErrorKind.OVERLOADED, ErrorKind.SERVER),
}


def after_failures(
    count: int, breaker: Breaker | None = None, *, now: float = 0.0, wait_s: float | None = None
) -> Breaker:
    breaker = breaker or Breaker()
    for _ in range(count):
        breaker = failed(begun(breaker), ErrorKind.OVERLOADED, wait_s, now)
    return breaker


@pytest.mark.parametrize("kind", ErrorKind)
def test_transport_errors_and_5xx_count_and_nothing_else(kind: ErrorKind) -> None:
    breaker = Breaker()
    for _ in range(FAILURES):
        breaker = failed(begun(breaker), kind, None, 0.0)
    assert breaker.is_open == (kind in COUNTED)


def test_three_failures_in_a_row_open_it_for_15_s() -> None:
    assert why_paused(after_failures(2), 0.0) is None
    breaker = after_failures(3)
    assert why_paused(breaker, 3.0) == "paused after 3 failures, next try in 12 s"
    assert why_paused(breaker, FIRST_PAUSE_S) is None


def test_an_answer_of_any_sort_in_between_begins_the_count_anew() -> None:
    breaker = failed(after_failures(2), ErrorKind.BAD_REQUEST, None, 0.0)
    assert not after_failures(2, breaker).is_open


def test_one_probe_at_a_time() -> None:
    probing = begun(after_failures(3))
    assert why_paused(probing, FIRST_PAUSE_S) == "paused after 3 failures, being tried again"
    assert why_paused(given_up(probing), FIRST_PAUSE_S) is None


def test_failing_probes_double_the_pause_up_to_5_minutes() -> None:
    breaker, now, pauses = after_failures(3), 0.0, []
    for _ in range(6):
        now = breaker.open_until
        breaker = failed(begun(breaker), ErrorKind.RESET, None, now)
        pauses.append(breaker.open_until - now)
    assert pauses == [30.0, 60.0, 120.0, 240.0, LONGEST_PAUSE_S, LONGEST_PAUSE_S]


@pytest.mark.parametrize(("said_s", "pause_s"), [(1.0, 15.0), (40.0, 40.0), (9_999.0, LONGEST_PAUSE_S), (None, 15.0)])
def test_a_wait_that_the_server_asks_for_is_honoured(said_s: float | None, pause_s: float) -> None:
    assert after_failures(3, wait_s=said_s).open_until == pause_s


def test_a_probe_that_meets_a_wrong_key_closes_it() -> None:
    assert failed(begun(after_failures(3)), ErrorKind.AUTH, None, 20.0) == Breaker()


def test_the_turn_that_opened_it_does_not_double_the_pause_by_its_own_retries() -> None:
    breaker = after_failures(3)
    assert failed(breaker, ErrorKind.OVERLOADED, None, 1.0).open_until == breaker.open_until


@given(
    st.lists(
        st.tuples(st.sampled_from(["begin", "fail", "succeed", "stop"]), st.floats(0, 400), st.sampled_from(ErrorKind)),
        max_size=40,
    )
)
def test_whatever_happens_it_lets_a_request_through_in_the_end(steps: list[tuple[str, float, ErrorKind]]) -> None:
    breaker, now = Breaker(), 0.0
    for step, passed_s, kind in steps:
        now += passed_s
        match step:
            case "begin" if why_paused(breaker, now) is None:
                breaker = begun(breaker)
            case "fail":
                breaker = failed(breaker, kind, passed_s, now)
            case "succeed":
                breaker = Breaker()
            case "stop":
                breaker = given_up(breaker)
        assert breaker.open_until - now <= LONGEST_PAUSE_S + 1e-6
    assert why_paused(given_up(breaker), now + LONGEST_PAUSE_S + 1e-6) is None
