"""What rate limits leave, in every API's headers; what cannot be read is unknown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridchat.backends.limits import read_limits
from hybridchat.domain.events import Limits

OPENAI = {
    "x-ratelimit-limit-requests": "5000",
    "x-ratelimit-remaining-requests": "4999",
    "x-ratelimit-reset-requests": "12ms",
    "x-ratelimit-limit-tokens": "800000",
    "x-ratelimit-remaining-tokens": "799986",
    "x-ratelimit-reset-tokens": "6m0s",
}


def test_openais_headers() -> None:
    assert read_limits(OPENAI) == Limits(4999, 5000, 0.012, 799_986, 800_000, 360.0)


def test_anthropics_headers() -> None:
    reset = (datetime.now(UTC) + timedelta(seconds=90)).strftime("%Y-%m-%dT%H:%M:%SZ")
    limits = read_limits(
        {
            "anthropic-ratelimit-requests-limit": "50",
            "anthropic-ratelimit-requests-remaining": "0",
            "anthropic-ratelimit-requests-reset": reset,
            "anthropic-ratelimit-tokens-limit": "30000",
            "anthropic-ratelimit-tokens-remaining": "29000",
            "anthropic-ratelimit-tokens-reset": reset,
            "anthropic-ratelimit-input-tokens-remaining": "1",
        }
    )
    assert limits is not None
    assert (limits.requests_left, limits.requests_limit) == (0, 50)
    assert (limits.tokens_left, limits.tokens_limit) == (29_000, 30_000)
    assert limits.requests_reset_s is not None
    assert 60 < limits.requests_reset_s <= 90


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [("1s", 1.0), ("2m59.56s", 179.56), ("1h0m1s", 3601.0), ("7", 7.0), ("2020-01-01T00:00:00Z", 0.0)]
    + [(unreadable, None) for unreadable in ("soon", "", "-1", "nan", "inf", "1e999", "2020-01-01T00:00:00")],
)
def test_resets(reset: str, seconds: float | None) -> None:
    limits = read_limits({"x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": reset})
    assert limits == Limits(requests_left=1, requests_reset_s=seconds)


def test_without_such_headers_nothing_is_known() -> None:
    assert read_limits({"content-type": "text/event-stream", "x-ratelimit-limit-requests": "7"}) is None


@given(st.dictionaries(st.sampled_from(sorted(OPENAI)), st.text(max_size=30)))
def test_no_value_of_a_header_raises(headers: dict[str, str]) -> None:
    read_limits(headers)
