"""What servers tell of their own times, in chunks before, with or after the counts."""

from __future__ import annotations

from typing import Any

import pytest

from hybridchat.domain.events import Usage
from tests.fakes.wire import CHAT_COMPLETIONS
from tests.unit.backends.test_decoders import decode, openai

COUNTS = {"prompt_tokens": 1, "completion_tokens": 2}


@pytest.mark.parametrize(
    ("chunks", "queue_ms", "prompt_ms"),
    [
        ([{"metrics": {"queue_time_ms": 12.5}, "usage": COUNTS}], 12.5, None),
        ([{"x_groq": {"usage": {"queue_time": 0.25, "prompt_time": 0.5}}}, {"choices": [], "usage": COUNTS}], 250, 500),
        ([{"choices": [], "usage": COUNTS}, {"x_groq": {"usage": {"queue_time": 0.25}}}], 250, None),
    ],
    ids=["vllm", "groq_before", "groq_after"],
)
def test_what_the_server_tells_of_its_times(
    chunks: list[dict[str, Any]], queue_ms: float, prompt_ms: float | None
) -> None:
    usages = [event for event in decode(CHAT_COMPLETIONS, *map(openai, chunks)) if isinstance(event, Usage)]
    assert usages[-1] == Usage(1, None, None, 2, queue_ms=queue_ms, prompt_ms=prompt_ms)
