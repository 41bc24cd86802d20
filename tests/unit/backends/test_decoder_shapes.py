"""Whatever a server puts in the place of a value: no decoder raises, and every stream ends once."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridchat.backends.failures import failed
from hybridchat.backends.ollama import OllamaDecoder
from hybridchat.backends.streaming import MAX_TOKENS, believable
from hybridchat.domain.events import Failed, Finished, Usage
from tests.fakes.captures import capture
from tests.fakes.wire import WIRES, Wire, text_of, thinking_of
from tests.unit.backends.test_decoders import CAPTURES, decode

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**400, -(10**400), 2**63, 1e308]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def values_of(wire: Wire) -> list[Any]:
    """The events of a real stream of this protocol, or of one as the tests write it."""
    body = next((capture(name).body for name, of, *_ in CAPTURES if of is wire), wire.reply("a", "b"))
    lines = (line.removeprefix("data: ") for line in body.decode().split("\n"))
    return [json.loads(line) for line in lines if line.startswith("{")]


def places_in(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a JSON value: what holds it, and where in there."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in list(keys):
        yield value, key
        yield from places_in(value[key])


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.kind)
@given(st.data())
def test_no_value_in_any_place_is_an_exception(wire: Wire, data: st.DataObject) -> None:
    values = values_of(wire)
    at = data.draw(st.sampled_from([0, 1, len(values) // 2, len(values) - 2, len(values) - 1]), "event")
    event = copy.deepcopy(values[at])
    holder, key = data.draw(st.sampled_from(list(places_in(event))), "place")
    holder[key] = data.draw(ANYTHING, "instead")
    stream = [*values[:at], event, *values[at + 1 :]]
    heard = decode(wire, *(wire.frame(json.dumps(one).encode()) for one in stream))
    assert sum(isinstance(one, Finished | Failed) for one in heard) == 1
    (text_of(heard) + thinking_of(heard)).encode()


@pytest.mark.parametrize("nanoseconds", ["-1", "1e400", f"{10**400}", "0.5", "null", '"x"'])
def test_no_load_time_is_an_exception(nanoseconds: str) -> None:
    decoder = OllamaDecoder(lambda body: failed(body, backend="it"), may_forward=False, was_cold=True)
    line = f'{{"model":"m","done":true,"done_reason":"stop","load_duration":{nanoseconds}}}\n'
    events = decoder.feed(line.encode()) or decoder.end()
    assert sum(isinstance(event, Finished | Failed) for event in events) == 1


COUNTS = st.none() | st.integers() | st.sampled_from([10**400, MAX_TOKENS, MAX_TOKENS + 1, 2**63])


@given(st.builds(Usage, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, st.none() | st.floats()))
def test_counts_that_cannot_be_are_unknown(usage: Usage) -> None:
    told = believable(usage)
    counts = [told.prompt_tokens, told.cached_tokens, told.cache_write_tokens, told.completion_tokens]
    assert all(count is None or 0 <= count <= MAX_TOKENS for count in (*counts, told.thinking_tokens))
    if told.prompt_tokens is not None:
        assert (told.cached_tokens or 0) + (told.cache_write_tokens or 0) <= told.prompt_tokens
    if told.completion_tokens is not None:
        assert (told.thinking_tokens or 0) <= told.completion_tokens
    assert told.load_ms is None or 0 <= told.load_ms < float("inf")
    assert believable(told) == told


@pytest.mark.parametrize(
    "usage", [Usage(), Usage(100, 80, 10, 50, 30, 4.0), Usage(35, 34, None, 16), Usage(0, 0, 0, 0, 0, 0)]
)
def test_counts_that_can_be_stay(usage: Usage) -> None:
    assert believable(usage) == usage
