"""What the benchmark says is what it measured: its arithmetic, its pacing server, its table."""

from __future__ import annotations

import json
import re
import urllib.request

import pytest

from scripts.benchmarks.__main__ import line
from scripts.benchmarks.measure import Row, percentile
from scripts.benchmarks.server import PacedServer, markdown_tokens


def test_percentiles_are_of_the_values_themselves() -> None:
    values = [float(value) for value in range(1, 101)]
    assert percentile(values, 0.5) == 50
    assert percentile(values, 0.95) == 95
    assert percentile([7.0], 0.95) == 7


@pytest.mark.parametrize(
    ("row", "holds"),
    [
        (Row("x", 5, "ms", 5), True),
        (Row("x", 5.1, "ms", 5), False),
        (Row("x", 981, "/s", 980, at_least=True), True),
        (Row("x", 979, "/s", 980, at_least=True), False),
        (Row("x", 1, "ms"), None),
    ],
)
def test_a_budget_holds_or_not(row: Row, holds: bool | None) -> None:
    assert row.holds is holds
    assert ("OVER" in line(row)) is (holds is False)


def test_each_token_is_one_word_that_appears_once() -> None:
    words = re.findall(r"w\d{4}", "".join(markdown_tokens(200, "w")))
    assert words == [f"w{number:04d}" for number in range(200)]


def test_the_server_streams_and_stamps_what_the_prompt_asks_for() -> None:
    body = {"messages": [{"role": "user", "content": "tokens=30 rate=1000 tag=z"}]}
    with (
        PacedServer() as server,
        urllib.request.urlopen(f"{server.url}/v1/chat/completions", json.dumps(body).encode()) as reply,
    ):
        events = [json.loads(event[6:]) for event in reply.read().decode().split("\n\n") if event.startswith("data: {")]
    text = "".join(choice["delta"].get("content", "") for event in events for choice in event["choices"])
    assert text == "".join(markdown_tokens(30, "z"))
    assert list(server.sent_at) == [f"z{number:04d}" for number in range(30)]
    assert sorted(server.sent_at.values()) == list(server.sent_at.values())
    assert len(server.arrived_at) == 1
