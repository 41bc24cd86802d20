"""Where an attempt's time went."""

from __future__ import annotations

from msgspec.structs import replace

from hybridchat.domain.chat import Attempt
from hybridchat.domain.waterfall import Span, waterfall
from tests.corpus.attempts import ANSWERED

ATTEMPT = replace(ANSWERED, ttft_ms=1000.0, latency_ms=3000.0)


def by_step(attempt: Attempt, thinking_ms: float | None = None) -> dict[str, Span]:
    return {span.step: span for span in waterfall(attempt, thinking_ms)}


def test_parts_of_the_first_token_follow_one_another() -> None:
    spans = by_step(replace(ATTEMPT, load_ms=600.0, queue_ms=100.0, prompt_ms=200.0), 500.0)
    assert [(step, span.start_ms, span.length_ms) for step, span in spans.items()] == [
        ("load", 0.0, 600.0),
        ("queue", 600.0, 100.0),
        ("prompt", 700.0, 200.0),
        ("first_token", 0.0, 1000.0),
        ("thinking", 1000.0, 500.0),
        ("decoding", 1000.0, 2000.0),
        ("whole", 0.0, 3000.0),
    ]


def test_what_was_not_measured_has_no_place() -> None:
    spans = by_step(replace(ATTEMPT, ttft_ms=None, latency_ms=None))
    assert all(span.length_ms is None and span.start_ms is None for span in spans.values())
    assert by_step(replace(ATTEMPT, ttft_ms=None))["decoding"] == Span("decoding", None)


def test_a_server_whose_clock_does_not_fit_ours_gets_no_place() -> None:
    spans = by_step(replace(ATTEMPT, load_ms=900.0, prompt_ms=900.0))
    assert (spans["load"].start_ms, spans["prompt"].start_ms) == (None, None)
    assert (spans["load"].length_ms, spans["prompt"].length_ms) == (900.0, 900.0)
