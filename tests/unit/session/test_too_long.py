"""Conversations that a context window does not hold: known before, or learned from an error; never cut silently."""

from __future__ import annotations

import asyncio
import io

import pytest

from hybridchat.backends.base import BackendSpec
from hybridchat.domain.chat import Message, MessageState, ModelInfo, Privacy, Purpose, Role, Zone
from hybridchat.domain.events import Failed
from hybridchat.domain.routing import Outlook
from hybridchat.domain.text import oldest_turns
from hybridchat.errors import ErrorKind, HybridchatError
from hybridchat.export.conversation import Along, write_markdown
from hybridchat.ledger.reads import USAGE_COLUMNS
from hybridchat.session.chat import SUMMARIZE
from hybridchat.session.events import Offered
from hybridchat.session.state import Chat
from tests.unit.session.conftest import HELLO, Build, World, spec

LAB, BIG, CLOUD = spec("lab", Zone.DEVICE), spec("big", Zone.DEVICE, model="large"), spec("cloud", Zone.MANAGED)
WORDS = "word " * 160  # ≈ 200 tokens


async def talk(world: World, chat: Chat, *texts: str) -> None:
    for text in texts:
        await world.session.send(chat, text)
        await world.session.wait(chat)


async def with_windows(build: Build, *windows: tuple[BackendSpec, int]) -> World:
    world = await build(*(s for s, _ in windows))
    for backend, tokens in windows:
        world.backends[backend.id].models = (ModelInfo(backend.model or "", context_window=tokens),)
    await world.session.check_health()
    return world


async def test_what_would_be_left_out_is_known_before_sending(build: Build) -> None:
    world = await with_windows(build, (LAB, 1000))
    chat = world.session.new()
    await talk(world, chat, "first " + WORDS, "second " + WORDS, "third " + WORDS, "fourth " + WORDS)
    plan = world.session.plan(chat, "fifth " + WORDS)
    assert plan.decision.outlook is not Outlook.SEND
    assert [(way.kind, way.turns) for way in plan.ways] == [("drop", 2), ("summarize", 4)]
    with pytest.raises(HybridchatError, match="--drop-oldest leaves out the 2 oldest turns"):
        await world.session.send(chat, "fifth " + WORDS)
    assert len(world.backends["lab"].requests) == 4


async def test_the_oldest_turns_are_left_out_on_ones_word_and_it_is_said(build: Build) -> None:
    world = await with_windows(build, (LAB, 1000))
    chat = world.session.new(system="be brief")
    await talk(world, chat, *(f"{n} {WORDS}" for n in range(4)))
    await world.session.send(chat, f"4 {WORDS}", drop_turns=2)
    reply = await world.session.wait(chat)
    sent = world.backends["lab"].requests[-1].messages
    assert [(m.role, m.text[:1]) for m in sent] == [
        (Role.SYSTEM, "b"),
        (Role.USER, "2"),
        (Role.ASSISTANT, "H"),
        (Role.USER, "3"),
        (Role.ASSISTANT, "H"),
        (Role.USER, "4"),
    ]
    assert reply.note == "without the 2 oldest turns"
    again = await stored(world, chat)
    assert again[-1].attempt is not None and again[-1].attempt.left_out_turns == 2
    assert [m.text[:1] for m in again if m.role is Role.USER] == list("01234")
    shown = io.StringIO()
    assert chat.conversation is not None
    write_markdown(chat.conversation, again, shown, Along())
    assert "*without the 2 oldest turns*" in shown.getvalue()


async def stored(world: World, chat: Chat) -> list[Message]:
    assert chat.id is not None
    return await asyncio.wrap_future(world.ledger.branch(chat.id))


async def test_what_was_left_out_stays_left_out_and_is_said_each_time(build: Build) -> None:
    world = await with_windows(build, (LAB, 1000))
    chat = world.session.new()
    await talk(world, chat, *(f"{n} {WORDS}" for n in range(4)))
    await world.session.send(chat, "short", drop_turns=3)
    await world.session.wait(chat)
    plan = world.session.plan(chat, "short too")
    assert (plan.decision.outlook, plan.left_out_turns) == (Outlook.SEND, 3)
    await talk(world, chat, "short too")
    assert chat.messages[-1].note == "without the 3 oldest turns"
    assert [m.text[:5] for m in world.backends["lab"].requests[-1].messages] == [
        "3 wor",
        "Hello",
        "short",
        "Hello",
        "short",
    ]


async def test_a_model_that_holds_it_is_offered_with_how_much_would_go_along(build: Build) -> None:
    world = await with_windows(build, (LAB, 1000), (BIG, 9000), (CLOUD, 9000))
    chat = world.session.new(route="lab")
    await talk(world, chat, *(f"{n} {WORDS}" for n in range(4)))
    plan = world.session.plan(chat, WORDS)
    assert plan.decision.outlook is Outlook.ASK
    ways = [(way.kind, way.candidate.backend, way.turns) for way in plan.ways]
    assert ways == [("drop", "lab", 2), ("ask", "big", 4), ("ask", "cloud", 4), ("summarize", "big", 4)]


async def test_the_draft_alone_may_be_too_long(build: Build) -> None:
    world = await with_windows(build, (LAB, 100))
    plan = world.session.plan(world.session.new(), WORDS)
    assert (plan.decision.outlook, plan.ways) == (Outlook.REFUSE, ())


@pytest.mark.parametrize(
    "error",
    [
        Failed(ErrorKind.CONTEXT_OVERFLOW, "too long"),
        Failed(ErrorKind.CONTEXT_OVERFLOW, "too long", prompt_tokens=4000, context_window=2000),
    ],
)
async def test_an_overflow_that_only_the_server_knew_is_remembered(build: Build, error: Failed) -> None:
    world = await build(LAB)
    chat = world.session.new()
    await talk(world, chat, *(f"{n} {WORDS}" for n in range(4)))
    world.backends["lab"].first = [(error,)]
    await talk(world, chat, "last")
    assert chat.messages[-1].state is MessageState.FAILED
    offered = world.told(Offered)[-1]
    assert [way.kind for way in offered.ways] == ["drop", "summarize"]
    assert world.session.plan(chat, "last").decision.outlook is Outlook.REFUSE
    drop = offered.ways[0]
    assert 1 <= drop.turns <= 4
    await world.session.answer_again(chat, drop_turns=drop.turns)
    reply = await world.session.wait(chat)
    assert (reply.text, reply.state) == ("Hello", MessageState.COMPLETE)
    assert f"without {oldest_turns(drop.turns)}" in reply.note
    assert chat.messages[-2].text == "last"
    assert len(world.backends["lab"].requests) == 6  # never the same request twice


# --- a fork with a summary


async def test_a_fork_begins_with_a_summary_and_is_as_private(build: Build) -> None:
    world = await with_windows(build, (LAB, 1000), (BIG, 9000))
    chat = world.session.new(privacy=Privacy.LOCAL_ONLY, route="lab", system="be brief")
    await talk(world, chat, *(f"{n} {WORDS}" for n in range(4)))
    way = world.session.plan(chat, WORDS).ways[-1]
    assert way.kind == "summarize"
    fork = await world.session.fork_with_summary(chat, way.candidate.backend, way.candidate.model)
    summary = await world.session.wait(fork)
    asked = world.backends["big"].requests[-1].messages
    assert [m.text[:1] for m in asked if m.role is Role.USER] == [*"0123", SUMMARIZE[0]]
    assert (fork.privacy, fork.route, fork.system) == (Privacy.LOCAL_ONLY, "lab", "be brief")
    assert fork.id != chat.id
    assert summary.attempt is not None and summary.attempt.purpose is Purpose.SUMMARY
    purposes = [row[USAGE_COLUMNS.index("purpose")] for row in world.ledger.usage_rows()]
    assert purposes == ["chat"] * 4 + ["summary"]
    titles = {c.id: c.title for c in await world.session.conversations()}
    assert fork.id is not None and titles[fork.id].endswith("(from a summary)")
    await talk(world, fork, "and now?")
    assert [m.text for m in world.backends["lab"].requests[-1].messages][1:] == [SUMMARIZE, "Hello", "and now?"]


async def test_a_summarizer_that_is_too_small_says_what_it_did_without(build: Build) -> None:
    world = await with_windows(build, (LAB, 880))
    chat = world.session.new()
    await talk(world, chat, *(f"{n} {WORDS}" for n in range(4)))
    fork = await world.session.fork_with_summary(chat, "lab", "tiny")
    summary = await world.session.wait(fork)
    assert summary.note.startswith("without the ")
    world.backends["lab"].script = HELLO
    await talk(world, fork, "go on")
    assert fork.messages[-1].note == ""  # those were turns of the other conversation


async def test_a_pinned_conversation_is_not_summarized_elsewhere(build: Build) -> None:
    world = await with_windows(build, (LAB, 1000), (CLOUD, 9000))
    chat = world.session.new(privacy=Privacy.PRIVATE)
    await talk(world, chat, *(f"{n} {WORDS}" for n in range(4)))
    assert {way.candidate.backend for way in world.session.plan(chat, WORDS).ways} == {"lab"}
    with pytest.raises(HybridchatError):
        await world.session.fork_with_summary(chat, "cloud", "tiny")
    assert world.backends["cloud"].requests == []


async def test_a_conversation_that_stayed_home_is_summarized_there(build: Build) -> None:
    world = await build(LAB, CLOUD)
    chat = world.session.new()
    await talk(world, chat, "one", "two")
    await world.session.set_route(chat, "auto")
    fork = await world.session.fork_with_summary(chat)
    await world.session.wait(fork)
    assert world.backends["cloud"].requests == []
