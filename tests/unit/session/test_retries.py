"""Attempts that follow a failed one: by themselves, visibly, stoppable, and never once something came."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hybridchat.domain.chat import Message, MessageState, Privacy, Zone
from hybridchat.domain.events import Event, Failed, Limits, Started, Text, Thinking
from hybridchat.errors import ErrorKind, HybridchatError
from hybridchat.ledger.reads import USAGE_COLUMNS
from hybridchat.session.chat import Session
from hybridchat.session.events import AttemptBegan, LimitsChanged, Offered, RetryWaits, SessionEvent, TurnEnded
from hybridchat.session.state import Chat
from tests.unit.session.conftest import HELLO, Build, World, spec, until

CLOUD = spec("cloud", Zone.MANAGED)
LAB = spec("lab", Zone.DEVICE)
OVERLOADED = (Failed(ErrorKind.OVERLOADED, "cloud: busy", "wait a little"),)
LIMITED = (Failed(ErrorKind.RATE_LIMIT, "cloud: slow down", "wait a little", retry_after_s=60.0),)


def column(world: World, name: str) -> list[object]:
    index = USAGE_COLUMNS.index(name)
    return [row[index] for row in world.ledger.usage_rows()]


async def sent(world: World, text: str = "go", **options: object) -> tuple[Chat, Message]:
    chat = world.session.new()
    await world.session.send(chat, text, **options)  # type: ignore[arg-type]
    return chat, await world.session.wait(chat)


async def test_each_retry_is_a_row_of_its_own_under_one_reply(build: Build, at_once: None) -> None:
    world = await build(CLOUD)
    world.backends["cloud"].first = [OVERLOADED, OVERLOADED, OVERLOADED]
    chat, reply = await sent(world)
    assert (reply.text, reply.state, reply.note) == ("Hello", MessageState.COMPLETE, "")
    assert column(world, "outcome") == ["error", "error", "error", "ok"]
    assert column(world, "attempt_no") == [1, 2, 3, 4]
    assert set(column(world, "message_id")) == {reply.id}
    assert [(e.attempt_no, e.retry_no) for e in world.told(RetryWaits)] == [(2, 1), (3, 2), (4, 3)]
    assert [(e.attempt.attempt_no, e.is_fallback) for e in world.told(AttemptBegan)] == [(n, False) for n in (2, 3, 4)]
    assert [m.state for m in await stored(world, chat)] == [MessageState.COMPLETE] * 2


async def stored(world: World, chat: Chat) -> list[Message]:
    assert chat.id is not None
    return await asyncio.wrap_future(world.ledger.branch(chat.id))


async def test_after_three_retries_it_says_so(build: Build, at_once: None) -> None:
    world = await build(CLOUD)
    world.backends["cloud"].script = OVERLOADED
    chat, reply = await sent(world)
    assert (reply.state, reply.note) == (MessageState.FAILED, "cloud: busy — wait a little; 3 retries did not help")
    assert len(world.backends["cloud"].requests) == 4
    assert [w.kind for offer in world.told(Offered) for w in offer.ways] == []  # paused: nothing to offer
    assert (await stored(world, chat))[-1].note == reply.note


@pytest.mark.parametrize("came", [Text("half"), Thinking("hm")])
async def test_nothing_is_retried_once_something_came(build: Build, came: Event) -> None:
    world = await build(CLOUD, LAB)
    world.backends["cloud"].script = (Started("m"), came, *OVERLOADED)
    _, reply = await sent(world, route="managed")
    assert reply.state is MessageState.FAILED
    assert len(world.backends["cloud"].requests) == 1
    assert world.backends["lab"].requests == []


@pytest.mark.parametrize(
    "kind",
    [
        *(ErrorKind.QUOTA, ErrorKind.AUTH, ErrorKind.BAD_REQUEST, ErrorKind.CONTEXT_OVERFLOW),
        *(ErrorKind.MODEL_MISSING, ErrorKind.REFUSED, ErrorKind.FORWARDED, ErrorKind.PROTOCOL),
    ],
)
async def test_what_another_try_cannot_mend_is_not_tried(build: Build, kind: ErrorKind) -> None:
    world = await build(CLOUD)
    world.backends["cloud"].script = (Failed(kind, "no", "do this"),)
    _, reply = await sent(world)
    assert reply.note == "no — do this"
    assert len(world.backends["cloud"].requests) == 1
    assert world.told(RetryWaits) == []


async def test_the_servers_word_is_obeyed(build: Build, at_once: None) -> None:
    world = await build(CLOUD)
    world.backends["cloud"].first = [(replace(OVERLOADED[0], should_retry=False),)]
    _, reply = await sent(world)
    assert reply.state is MessageState.FAILED
    assert len(world.backends["cloud"].requests) == 1


async def test_a_wait_over_two_minutes_is_not_waited_for(build: Build) -> None:
    world = await build(CLOUD)
    world.backends["cloud"].script = (replace(LIMITED[0], retry_after_s=3600.0),)
    _, reply = await sent(world)
    assert "it asks to wait 3,600 s" in reply.note
    assert world.told(RetryWaits) == []


async def test_no_retry_goes_past_the_deadline_of_the_reply(build: Build) -> None:
    world = await build(replace(CLOUD, deadline_s=30.0))
    world.backends["cloud"].script = LIMITED
    _, reply = await sent(world)
    assert reply.state is MessageState.FAILED
    assert world.told(RetryWaits) == []


async def test_esc_ends_the_countdown_and_keeps_why(build: Build) -> None:
    world = await build(CLOUD)
    world.backends["cloud"].script = LIMITED
    chat = world.session.new()
    await world.session.send(chat, "go")
    await until(lambda: world.told(RetryWaits))
    waits = world.told(RetryWaits)[0]
    assert 50 < waits.until_monotonic - time.monotonic() <= 60
    assert waits.reason == "cloud limited its rate"
    await world.session.stop(chat)
    reply = chat.messages[-1]
    expected = (MessageState.STOPPED, "cloud: slow down — wait a little; stopped before the next try")
    assert (reply.state, reply.note) == expected
    again = (await stored(world, chat))[-1]
    assert (again.state, again.note) == expected
    assert column(world, "outcome") == ["error"]
    assert not chat.is_streaming


async def test_closing_ends_the_countdown_too(build: Build) -> None:
    world = await build(CLOUD)
    world.backends["cloud"].script = LIMITED
    chat = world.session.new()
    await world.session.send(chat, "go")
    await until(lambda: world.told(RetryWaits))
    await world.session.close()
    assert chat.messages[-1].state is MessageState.INTERRUPTED


async def test_a_pin_ends_the_countdown_and_nothing_more_is_sent(build: Build) -> None:
    world = await build(CLOUD)
    world.backends["cloud"].script = LIMITED
    chat = world.session.new()
    await world.session.send(chat, "go")
    await until(lambda: world.told(RetryWaits))
    await world.session.set_privacy(chat, Privacy.LOCAL_ONLY)
    reply = await world.session.wait(chat)
    assert reply.state is MessageState.STOPPED
    assert "pinned" in reply.note
    assert len(world.backends["cloud"].requests) == 1


async def test_a_retry_is_as_private_as_the_conversation_is_by_then(build: Build, at_once: None) -> None:
    world = await build(LAB)
    world.backends["lab"].first = [OVERLOADED]
    chat = world.session.new()

    def pin(event: SessionEvent) -> None:
        if isinstance(event, RetryWaits):
            world.session.floor._local_only = True

    world.session.listen(pin)
    await world.session.send(chat, "go")
    await world.session.wait(chat)
    assert column(world, "privacy") == ["open", "local_only"]


@pytest.mark.parametrize("clock", ["monotonic", "time"])
async def test_after_sleep_nothing_is_sent_by_itself(
    build: Build, at_once: None, monkeypatch: pytest.MonkeyPatch, clock: str
) -> None:
    world = await build(CLOUD)
    world.backends["cloud"].script = OVERLOADED
    real = getattr(time, clock)
    readings = iter([real()])
    clocks = SimpleNamespace(monotonic=time.monotonic, time=time.time)
    setattr(clocks, clock, lambda: next(readings, real() + 3600))
    monkeypatch.setattr("hybridchat.session.turn.time", clocks)
    chat = world.session.new()
    await world.session.send(chat, "go")
    reply = await world.session.wait(chat)
    assert reply.state is MessageState.FAILED
    assert "the machine slept" in reply.note
    assert len(world.backends["cloud"].requests) == 1


async def test_a_retry_that_cannot_be_recorded_is_not_made(
    build: Build, at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await build(CLOUD)
    world.backends["cloud"].script = OVERLOADED

    def full(*_: object) -> None:
        raise HybridchatError("the disk is full", "make room")

    monkeypatch.setattr(world.ledger, "begin_attempt", full)
    _, reply = await sent(world)
    assert reply.state is MessageState.FAILED
    assert "not tried again: the disk is full — make room" in reply.note
    assert len(world.backends["cloud"].requests) == 1


async def test_two_chats_wait_apart(build: Build) -> None:
    world = await build(CLOUD)
    world.backends["cloud"].first = [LIMITED, HELLO]
    one, other = world.session.new(), world.session.new()
    await world.session.send(one, "one")
    await until(lambda: world.told(RetryWaits))
    await world.session.send(other, "other")
    assert (await world.session.wait(other)).text == "Hello"
    assert one.is_streaming
    await world.session.stop(one)
    assert [m.text for m in other.messages] == ["other", "Hello"]


async def test_what_the_limits_leave_is_kept_and_told(build: Build) -> None:
    world = await build(CLOUD)
    limits = Limits(requests_left=3, requests_limit=60, requests_reset_s=1.0)
    world.backends["cloud"].script = (limits, *HELLO)
    await sent(world)
    assert world.session.fleet.limits("cloud") == limits
    assert [(e.backend, e.limits) for e in world.told(LimitsChanged)] == [("cloud", limits)]


# --- the breaker


def sixteen_seconds_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    later = SimpleNamespace(monotonic=lambda: time.monotonic() + 16)
    monkeypatch.setattr("hybridchat.session.fleet.time", later)


async def test_an_open_breaker_costs_no_connection_and_a_probe_closes_it(
    build: Build, at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await build(CLOUD)
    world.backends["cloud"].script = OVERLOADED
    await sent(world)
    asked = len(world.backends["cloud"].requests)
    with pytest.raises(HybridchatError, match=r"paused after \d failures, next try in 1\d s"):
        await sent(world)
    assert len(world.backends["cloud"].requests) == asked
    sixteen_seconds_pass(monkeypatch)
    world.backends["cloud"].script = HELLO
    _, reply = await sent(world)
    assert reply.text == "Hello"
    assert not world.session.fleet.breaker("cloud").is_open


async def test_a_failed_probe_is_one_request(build: Build, at_once: None, monkeypatch: pytest.MonkeyPatch) -> None:
    world = await build(CLOUD)
    world.backends["cloud"].script = OVERLOADED
    await sent(world)
    asked = len(world.backends["cloud"].requests)
    sixteen_seconds_pass(monkeypatch)
    await sent(world)
    assert len(world.backends["cloud"].requests) == asked + 1
    assert "next try in 30 s" in world.session.candidates()[0].paused


async def test_of_two_messages_one_is_the_probe(build: Build, at_once: None, monkeypatch: pytest.MonkeyPatch) -> None:
    world = await build(CLOUD)
    world.backends["cloud"].script = OVERLOADED
    await sent(world)
    asked = len(world.backends["cloud"].requests)
    sixteen_seconds_pass(monkeypatch)
    gate = asyncio.Event()
    world.backends["cloud"].script = (gate, *HELLO)
    chats = [world.session.new(), world.session.new()]
    await asyncio.gather(*(world.session.send(chat, "go") for chat in chats))
    await until(lambda: len(world.told(TurnEnded)) == 2)
    assert world.session.fleet.breaker("cloud").is_probing  # who was turned away says nothing about it
    gate.set()
    replies = [await world.session.wait(chat) for chat in chats]
    assert sorted(reply.state for reply in replies) == [MessageState.COMPLETE, MessageState.FAILED]
    assert len(world.backends["cloud"].requests) == asked + 1


# --- any order of things

STEPS = st.sampled_from(["ok", "busy", "half", "hang", "limited"])
ACTS = st.lists(st.tuples(st.sampled_from(["stop", "send", "wait", "pin"]), st.integers(0, 12)), max_size=5)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=st.lists(STEPS, max_size=8), acts=ACTS)
async def test_every_attempt_ends_once_and_never_two_run(
    build: Build, at_once: None, script: list[str], acts: list[tuple[str, int]]
) -> None:
    world = await build(CLOUD, LAB)
    cloud = world.backends["cloud"]
    moves: dict[str, tuple[Event | asyncio.Event, ...]] = {
        "ok": HELLO,
        "busy": OVERLOADED,
        "half": (Text("half"), Failed(ErrorKind.RESET, "broke")),
        "hang": (Text("x"), asyncio.Event()),
        "limited": LIMITED,
    }
    cloud.first = [moves[name] for name in script]
    ends: list[int] = []
    record = world.ledger.end_attempt
    world.ledger.end_attempt = lambda end: (ends.append(end.attempt_id), record(end))[1]  # type: ignore[method-assign]
    chat = world.session.new(route="cloud")
    await world.session.send(chat, "go")
    for act, steps in acts:
        for _ in range(steps):
            await asyncio.sleep(0)
        match act:
            case "stop":
                await world.session.stop(chat)
            case "send":
                await _try_to_send(world.session, chat)
            case "pin":
                await world.session.set_privacy(chat, Privacy.LOCAL_ONLY)
            case "wait":
                await asyncio.sleep(0.002)
    chat.queue.clear()
    await world.session.stop(chat)
    rows = list(world.ledger.usage_rows())
    attempts = [row[USAGE_COLUMNS.index("attempt_id")] for row in rows]
    assert sorted(ends) == attempts
    assert None not in [row[USAGE_COLUMNS.index("outcome")] for row in rows]
    assert cloud.most <= 1
    assert cloud.running == 0
    assert MessageState.STREAMING not in [m.state for m in chat.messages]
    assert [(m.id, m.state) for m in await stored(world, chat)] == [(m.id, m.state) for m in chat.messages]
    await world.session.close()


async def _try_to_send(session: Session, chat: Chat) -> None:
    with suppress(HybridchatError):  # paused, or pinned: refused before anything was written
        await session.send(chat, "more")
