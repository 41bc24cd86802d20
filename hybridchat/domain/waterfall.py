"""Where the time of an attempt went: only what was measured, and only where it fits together."""

from __future__ import annotations

from typing import Literal, NamedTuple

from hybridchat.domain.chat import Attempt

TOLERANCE = 1.05  # two clocks never agree: ours, and the server's

Step = Literal["load", "queue", "prompt", "first_token", "thinking", "decoding", "whole"]


class Span(NamedTuple):
    """`length_ms` None: not measured. `start_ms`, since the attempt's start, None: not known where it stands."""

    step: Step
    length_ms: float | None
    start_ms: float | None = None
    by_server: bool = False  # as the server told, by its own clock


def waterfall(attempt: Attempt, thinking_ms: float | None = None) -> tuple[Span, ...]:
    """In the order of what happens. Load, queue and prompt are parts of the time to the first token."""
    ttft, whole = attempt.ttft_ms, attempt.latency_ms
    parts: tuple[tuple[Step, float | None], ...] = (
        ("load", attempt.load_ms),
        ("queue", attempt.queue_ms),
        ("prompt", attempt.prompt_ms),
    )
    room = ttft if ttft is not None else whole
    fits = room is not None and sum(length or 0 for _, length in parts) <= room * TOLERANCE
    spans: list[Span] = []
    at = 0.0
    for step, length in parts:
        spans.append(Span(step, length, at if fits and length is not None else None, by_server=True))
        at += length or 0
    decoding = None if ttft is None or whole is None else max(0.0, whole - ttft)
    spans += [
        Span("first_token", ttft, None if ttft is None else 0.0),
        Span("thinking", thinking_ms, None if thinking_ms is None else ttft),
        Span("decoding", decoding, None if decoding is None else ttft),
        Span("whole", whole, None if whole is None else 0.0),
    ]
    return tuple(spans)
