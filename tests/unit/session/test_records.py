"""What an attempt leaves in the ledger: how it ended, and only what was measured."""

from __future__ import annotations

import asyncio
import time

import pytest

from hybridchat.domain.chat import Attempt, Message, MessageState, Outcome, Zone
from hybridchat.domain.events import Event, Failed, Finished, Loading, Requested, Started, Text, Thinking, Usage
from hybridchat.errors import ErrorKind
from hybridchat.session.events import Delta
from tests.unit.session.conftest import Build, spec, until

LAB = spec("lab", Zone.DEVICE)


async def recorded(build: Build, *script: Event | asyncio.Event) -> tuple[Message, Attempt]:
    """The reply that this script makes, and its attempt, as the ledger has them."""
    world = await build(LAB)
    world.backends["lab"].script = script
    chat = world.session.new()
    await world.session.send(chat, "go")
    shown = await world.session.wait(chat)
    assert chat.id is not None
    stored = (await asyncio.wrap_future(world.ledger.branch(chat.id)))[-1]
    assert stored.attempt is not None and shown.attempt is not None
    assert (stored.text, stored.state, stored.attempt.outcome) == (shown.text, shown.state, shown.attempt.outcome)
    return stored, stored.attempt


async def test_the_engines_own_measure_of_its_load_wins(build: Build) -> None:
    _, attempt = await recorded(build, Loading("x"), Started(), Text("x"), Usage(load_ms=1234.5), Finished("stop"))
    assert attempt.load_ms == 1234.5


async def test_what_came_all_at_once_has_no_speed(build: Build) -> None:
    usage = Usage(prompt_tokens=5, completion_tokens=40)
    _, whole = await recorded(build, Text("all of it"), usage, Finished("stop"))
    _, streamed = await recorded(build, Text("all"), Text(" of it"), usage, Finished("stop"))
    assert whole.ttft_ms is not None
    assert whole.tokens_per_s is None
    assert streamed.tokens_per_s is not None


@pytest.mark.parametrize("flush_s", [0.0, 3600.0])
async def test_a_request_is_kept_while_its_reply_streams_or_at_its_end_but_holds_nothing_up(
    build: Build, monkeypatch: pytest.MonkeyPatch, flush_s: float
) -> None:
    monkeypatch.setattr("hybridchat.session.turn.FLUSH_S", flush_s)
    world, gate = await build(LAB), asyncio.Event()
    world.backends["lab"].script = (Requested("/v1", b'{"model":"tiny"}'), Text("x"), gate, Finished("stop"))
    chat = world.session.new()
    await world.session.send(chat, "go")
    await until(lambda: world.told(Delta))
    reply_id = chat.messages[-1].id

    async def kept() -> str | None:
        (attempt,) = await asyncio.wrap_future(world.ledger.details(reply_id))
        return None if attempt.request is None else attempt.request.body

    while not flush_s and not await kept():  # noqa: ASYNC110 - the test's own timeout ends what never comes
        await asyncio.sleep(0.001)
    assert await kept() == (None if flush_s else '{"model":"tiny"}'), "what leaves is recorded first"
    gate.set()
    await world.session.wait(chat)
    assert await kept() == '{"model":"tiny"}'


async def test_what_was_not_said_is_unknown(build: Build) -> None:
    _, attempt = await recorded(build, Text("x"), Finished(None))
    unknown = (attempt.load_ms, attempt.prompt_tokens, attempt.cached_tokens, attempt.completion_tokens)
    assert (*unknown, attempt.thinking_tokens, attempt.tokens_per_s, attempt.finish_reason) == (None,) * 7


@pytest.mark.parametrize(
    ("reason", "note"),
    [
        ("length", "cut off at the most tokens it may have; ask it to go on"),
        ("max_tokens", "cut off at the most tokens it may have; ask it to go on"),
        ("MAX_TOKENS", "cut off at the most tokens it may have; ask it to go on"),
        ("model_context_window_exceeded", "cut off at the most tokens it may have; ask it to go on"),
        ("stop", ""),
        (None, ""),
    ],
)
async def test_a_part_is_not_taken_for_the_whole(reason: str | None, note: str, build: Build) -> None:
    message, attempt = await recorded(build, Text("x"), Finished(reason))
    assert (message.state, message.note, attempt.outcome) == (MessageState.COMPLETE, note, Outcome.OK)


async def test_no_speed_where_thinking_was_billed_and_not_streamed(build: Build) -> None:
    usage = Usage(completion_tokens=11, thinking_tokens=5)
    _, hidden = await recorded(build, Text("a"), Text("b"), usage, Finished("stop"))
    _, shown = await recorded(build, Thinking("a"), Text("b"), usage, Finished("stop"))
    assert hidden.tokens_per_s is None
    assert shown.tokens_per_s is not None


async def test_our_own_refusal_is_called_one(build: Build) -> None:
    message, attempt = await recorded(build, Failed(ErrorKind.REFUSED, "not on this device", "choose another"))
    assert (attempt.outcome, attempt.error_kind, attempt.ttft_ms) == (Outcome.REFUSED, ErrorKind.REFUSED, None)
    assert (message.state, "not on this device" in message.note) == (MessageState.FAILED, True)


async def test_a_stream_without_an_end_is_an_error(build: Build) -> None:
    message, attempt = await recorded(build, Text("kept"))
    assert (attempt.outcome, message.state, message.text) == (Outcome.ERROR, MessageState.FAILED, "kept")
    assert "without an end mark" in message.note


@pytest.mark.parametrize("jump_s", [-86_400.0, 86_400.0])
async def test_a_clock_that_is_set_changes_no_measurement(
    build: Build, monkeypatch: pytest.MonkeyPatch, jump_s: float
) -> None:
    world = await build(LAB)
    first, last = asyncio.Event(), asyncio.Event()
    world.backends["lab"].script = (first, Thinking("hm"), Text("a"), last, Finished("stop"))
    chat = world.session.new()
    await world.session.send(chat, "go")
    now = time.time
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: now() + jump_s)
        first.set()
        await until(lambda: len(world.told(Delta)) == 2)
    last.set()
    reply = await world.session.wait(chat)
    assert reply.attempt is not None
    measured = (reply.attempt.ttft_ms, reply.attempt.latency_ms, reply.thinking_ms)
    assert all(value is not None and 0 <= value < 3_600_000 for value in measured), measured
