"""A managed backend that cannot answer: a local one does, marked. The other way round nothing happens by itself."""

from __future__ import annotations

import asyncio

import pytest

from hybridchat.config import Config, RouteConfig
from hybridchat.domain.chat import HealthState, Message, MessageState, Privacy, Zone
from hybridchat.domain.events import Failed, Text
from hybridchat.errors import ErrorKind, HybridchatError
from hybridchat.ledger.reads import USAGE_COLUMNS
from hybridchat.session.events import AttemptBegan, Offered
from hybridchat.session.state import Chat
from tests.unit.session.conftest import Build, World, spec, until

LAB, CLOUD = spec("lab", Zone.DEVICE), spec("cloud", Zone.MANAGED, model="big")
BUSY = (Failed(ErrorKind.OVERLOADED, "cloud: busy", "wait a little"),)


def rows(world: World, *names: str) -> list[tuple[object, ...]]:
    wanted = [USAGE_COLUMNS.index(name) for name in names]
    return [tuple(row[index] for index in wanted) for row in world.ledger.usage_rows()]


async def ask(world: World, chat: Chat, text: str = "go", **options: str) -> Message:
    await world.session.send(chat, text, **options)  # type: ignore[arg-type]
    return await world.session.wait(chat)


async def test_a_local_backend_answers_instead_and_the_reply_says_so(build: Build, at_once: None) -> None:
    world = await build(CLOUD, LAB)
    world.backends["cloud"].script = BUSY
    reply = await ask(world, world.session.new(route="managed"))
    assert (reply.text, reply.state) == ("Hello", MessageState.COMPLETE)
    assert reply.note == "answered by tiny on lab: cloud was overloaded"
    assert reply.attempt is not None and reply.attempt.zone is Zone.DEVICE
    ended = rows(world, "backend", "attempt_no", "outcome", "message_id")
    assert ended == [("cloud", n, "error", reply.id) for n in (1, 2, 3, 4)] + [("lab", 5, "ok", reply.id)]
    assert str(rows(world, "route_reason")[-1][0]).startswith("fallback: cloud was overloaded; ")
    began = world.told(AttemptBegan)[-1]
    assert (began.is_fallback, began.target.backend) == (True, "lab")


@pytest.mark.parametrize("kind", [ErrorKind.DNS, ErrorKind.CONNECT, ErrorKind.QUOTA])
async def test_what_no_retry_mends_falls_back_at_once(build: Build, kind: ErrorKind) -> None:
    world = await build(CLOUD, LAB)
    world.backends["cloud"].script = (Failed(kind, "no", "add credit"),)
    reply = await ask(world, world.session.new(route="cloud"))
    assert reply.text == "Hello"
    assert ("add credit" in reply.note) == (kind is ErrorKind.QUOTA)
    assert len(world.backends["cloud"].requests) == 1


@pytest.mark.parametrize("kind", [ErrorKind.AUTH, ErrorKind.BAD_REQUEST, ErrorKind.MODEL_MISSING])
async def test_what_lies_with_the_request_or_the_key_does_not(build: Build, kind: ErrorKind) -> None:
    world = await build(CLOUD, LAB)
    world.backends["cloud"].script = (Failed(kind, "no"),)
    reply = await ask(world, world.session.new(route="managed"))
    assert reply.state is MessageState.FAILED
    assert world.backends["lab"].requests == []


async def test_not_after_the_first_word(build: Build) -> None:
    world = await build(CLOUD, LAB)
    world.backends["cloud"].script = (Text("half"), Failed(ErrorKind.RESET, "broke"))
    reply = await ask(world, world.session.new(route="managed"))
    assert (reply.text, reply.state) == ("half", MessageState.FAILED)


async def test_not_where_the_config_says_no(build: Build, at_once: None) -> None:
    world = await build(CLOUD, LAB, config=Config(route=RouteConfig(fallback=False)))
    world.backends["cloud"].script = BUSY
    reply = await ask(world, world.session.new(route="managed"))
    assert reply.state is MessageState.FAILED
    offered = world.told(Offered)[-1]
    assert [way.candidate.backend for way in offered.ways] == ["lab"]


async def test_not_where_that_very_backend_was_asked_for(build: Build, at_once: None) -> None:
    world = await build(CLOUD, LAB)
    world.backends["cloud"].script = BUSY
    reply = await ask(world, world.session.new(), route="cloud")
    assert reply.state is MessageState.FAILED
    assert world.backends["lab"].requests == []


async def test_not_to_a_local_backend_that_cannot_answer(build: Build, at_once: None) -> None:
    world = await build(CLOUD, LAB)
    world.backends["lab"].state = HealthState.UNHEALTHY
    await world.session.check_health("lab")
    world.backends["cloud"].script = BUSY
    assert (await ask(world, world.session.new(route="managed"))).state is MessageState.FAILED


async def test_both_reasons_are_told_when_the_local_one_fails_as_well(build: Build, at_once: None) -> None:
    world = await build(CLOUD, LAB)
    world.backends["cloud"].script = BUSY
    world.backends["lab"].script = (Failed(ErrorKind.BAD_REQUEST, "lab: no"),)
    reply = await ask(world, world.session.new(route="managed"))
    assert reply.note == "asked tiny on lab: cloud was overloaded; lab: no"


async def test_a_paused_backend_is_not_asked_and_the_next_message_returns_to_it(build: Build, at_once: None) -> None:
    world = await build(CLOUD, LAB)
    world.backends["cloud"].script = BUSY
    chat = world.session.new(route="cloud")
    await ask(world, chat)
    asked = len(world.backends["cloud"].requests)
    plan = world.session.plan(chat, "more")
    assert plan.decision.target is not None and plan.decision.target.backend == "lab"
    assert plan.instead_of.startswith("cloud is paused after")
    reply = await ask(world, chat, "more")
    assert reply.note.startswith("answered by tiny on lab: cloud is paused after")
    assert len(world.backends["cloud"].requests) == asked
    world.session.fleet._breakers.clear()  # as when its pause is over, and a probe was answered
    target = world.session.plan(chat, "and then").decision.target
    assert target is not None and target.backend == "cloud"  # the conversation was never at home: no question


async def test_autos_decision_outlives_a_fallback(build: Build, at_once: None) -> None:
    world = await build(CLOUD, LAB, config=Config(route=RouteConfig(table="article")))
    world.backends["cloud"].script = BUSY
    first, second = world.session.new(), world.session.new()
    await ask(world, first)
    await ask(world, second)  # cloud is paused by now
    for chat, decided in ((first, "cloud"), (second, None)):
        assert chat.conversation is not None
        assert chat.conversation.decided_backend == decided


# --- from local to managed


async def test_a_local_failure_offers_and_names_what_would_go_along(build: Build) -> None:
    world = await build(LAB, CLOUD)
    chat = world.session.new()
    await ask(world, chat, "one")
    world.backends["lab"].script = (Failed(ErrorKind.CONNECT, "nothing listens"),)
    await ask(world, chat, "two")
    assert world.backends["cloud"].requests == []
    (way,) = world.told(Offered)[-1].ways
    assert (way.kind, way.candidate.backend, way.turns) == ("ask", "cloud", 1)
    assert str(way) == "ask big on cloud; 1 earlier turn goes along"
    assert world.session.ways_on(chat) == (way,)
    await world.session.answer_again(chat, route=way.candidate.backend, model=way.candidate.model)
    reply = await world.session.wait(chat)
    assert (reply.text, [m.text for m in chat.messages]) == ("Hello", ["one", "Hello", "two", "Hello"])
    assert [m.text for m in world.backends["cloud"].requests[0].messages] == ["one", "Hello", "two"]
    assert rows(world, "message_id", "attempt_no")[-2:] == [(reply.id, 1), (reply.id, 2)]


@pytest.mark.parametrize("privacy", [Privacy.LOCAL_ONLY, Privacy.PRIVATE])
async def test_from_a_pinned_conversation_there_is_no_way_out(build: Build, privacy: Privacy) -> None:
    world = await build(LAB, CLOUD)
    world.backends["lab"].script = (Failed(ErrorKind.BAD_REQUEST, "no"),)
    chat = world.session.new(privacy=privacy)
    await ask(world, chat)
    assert [way.candidate.backend for way in world.told(Offered)[-1].ways] == ["lab"]
    with pytest.raises(HybridchatError):
        await world.session.answer_again(chat, route="cloud")
    assert world.backends["cloud"].requests == []


async def test_a_pin_set_as_the_fallback_begins_holds(build: Build, at_once: None) -> None:
    world = await build(CLOUD, spec("house", Zone.PRIVATE))
    world.backends["cloud"].script = BUSY
    chat = world.session.new(route="managed")
    began = world.ledger.begin_attempt

    def slowly(message_id: int, attempt: object) -> object:
        if attempt.backend == "house":  # type: ignore[attr-defined]
            asyncio.get_running_loop().create_task(world.session.set_privacy(chat, Privacy.LOCAL_ONLY))
        return began(message_id, attempt)  # type: ignore[arg-type]

    world.ledger.begin_attempt = slowly  # type: ignore[method-assign,assignment]
    await world.session.send(chat, "secret")
    await until(lambda: not chat.is_streaming)
    assert world.backends["house"].requests == []
    assert chat.messages[-1].state in (MessageState.STOPPED, MessageState.FAILED)
