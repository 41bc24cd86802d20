from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridchat.domain.stats import MIN_P95_SAMPLES, Percentiles, Side, Snapshot, percentile, summarize, tokens_per_s


@pytest.mark.parametrize(
    ("values", "q", "expected"),
    [
        ([], 0.5, None),
        ([7.0], 0.5, 7.0),
        ([7.0], 0.95, 7.0),
        ([1.0, 2.0], 0.5, 1.0),  # nearest rank takes a measured value, never one between two
        ([1.0, 2.0, 3.0], 0.5, 2.0),
        ([float(n) for n in range(1, 101)], 0.95, 95.0),
        ([float(n) for n in range(1, 101)], 0.07, 7.0),  # 0.07 · 100 = 7.000000000000001
        ([float(n) for n in range(1, 60)], 0.95, 57.0),  # ⌈56.05⌉
        ([1.0, 2.0], 0.0, 1.0),
        ([1.0, 2.0], 1.0, 2.0),
    ],
)
def test_percentile_by_nearest_rank(values: list[float], q: float, expected: float | None) -> None:
    assert percentile(values, q) == expected


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 1))
def test_percentile_is_the_smallest_with_enough_at_or_below(values: list[float], q: float) -> None:
    values.sort()
    found = percentile(values, q)
    assert found is not None
    enough = q * len(values) - 1e-6
    assert sum(v <= found for v in values) >= enough
    below = [v for v in values if v < found]
    assert not below or len(below) < q * len(values)


def test_too_few_for_a_p95_are_said_to_be_too_few() -> None:
    assert summarize([]) == Percentiles(0, None, None)
    assert summarize([3.0, 1.0, 2.0]) == Percentiles(3, 2.0, None)
    assert summarize([1.0] * (MIN_P95_SAMPLES - 1)).p95 is None
    assert summarize([float(n) for n in range(MIN_P95_SAMPLES, 0, -1)]) == Percentiles(59, 30.0, 57.0)


@pytest.mark.parametrize(
    ("tokens", "was_streamed", "latency_ms", "ttft_ms", "expected"),
    [
        (101, True, 2500.0, 500.0, 50.0),  # 100 tokens after the first in 2 s
        (2, True, 1100.0, 100.0, 1.0),
        (1, True, 1100.0, 100.0, None),
        (0, True, 1100.0, 100.0, None),
        (None, True, 1100.0, 100.0, None),
        (101, False, 2500.0, 500.0, None),
        (101, True, None, 500.0, None),
        (101, True, 2500.0, None, None),
        (101, True, 500.0, 500.0, None),  # all at once: no rate was measured
    ],
)
def test_tokens_per_second(
    tokens: int | None, was_streamed: bool, latency_ms: float | None, ttft_ms: float | None, expected: float | None
) -> None:
    assert tokens_per_s(tokens, latency_ms, ttft_ms, was_streamed=was_streamed) == expected


def test_local_share() -> None:
    assert Snapshot().local_share is None
    assert Snapshot(local=Side(replies=1), managed=Side(replies=3)).local_share == 0.25
