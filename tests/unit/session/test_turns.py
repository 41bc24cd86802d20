"""One turn from the words to the record: streamed, stopped, failed, queued, refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from hybridchat.domain.chat import (
    ChatRequest,
    HealthState,
    MessageState,
    ModelInfo,
    Outcome,
    Privacy,
    Purpose,
    Role,
    Zone,
)
from hybridchat.domain.events import Event, Failed, Finished, Loading, Started, Text, Thinking, Usage
from hybridchat.errors import ErrorKind, HybridchatError, Refused, UsageError
from hybridchat.ledger.reads import USAGE_COLUMNS
from hybridchat.session.events import Delta, EngineLoading, Notice, TurnBegan
from tests.unit.session.conftest import Build, Scripted, spec, until

LAB = spec("lab", Zone.DEVICE)


async def test_a_reply_streams_and_is_recorded(build: Build) -> None:
    world = await build(LAB)
    chat = world.session.new()
    await world.session.send(chat, "hi there")
    reply = await world.session.wait(chat)

    assert (reply.text, reply.state) == ("Hello", MessageState.COMPLETE)
    attempt = reply.attempt
    assert attempt is not None
    assert (attempt.outcome, attempt.finish_reason, attempt.model) == (Outcome.OK, "stop", "tiny")
    assert (attempt.prompt_tokens, attempt.completion_tokens) == (5, 2)
    assert attempt.ttft_ms is not None and attempt.latency_ms is not None
    assert 0 <= attempt.ttft_ms <= attempt.latency_ms
    assert [d.text for d in world.told(Delta)] == ["Hel", "lo"]
    assert [d.ttft_ms is not None for d in world.told(Delta)] == [True, False]
    assert chat.id is not None
    stored = await asyncio.wrap_future(world.ledger.branch(chat.id))
    assert [(m.role, m.text) for m in stored] == [(Role.USER, "hi there"), (Role.ASSISTANT, "Hello")]
    assert stored[1].attempt is not None
    assert stored[1].attempt.route_reason


async def test_the_words_are_on_disk_before_the_request(build: Build) -> None:
    world = await build(LAB)
    seen: list[list[str]] = []

    class Watching(Scripted):
        async def chat(self, request: ChatRequest) -> AsyncIterator[Event]:
            listed = world.ledger.conversations().result()
            seen.append([m.text for m in world.ledger.branch(listed[0].id).result()])
            yield Finished("stop")

    world.backends["lab"].__class__ = Watching
    chat = world.session.new()
    await world.session.send(chat, "precious words")
    await world.session.wait(chat)
    assert seen == [["precious words", ""]]


async def test_history_goes_along(build: Build) -> None:
    world = await build(LAB)
    chat = world.session.new(system="be brief")
    for text in ("one", "two"):
        await world.session.send(chat, text)
        await world.session.wait(chat)
    sent = world.backends["lab"].requests[1].messages
    assert [(m.role, m.text) for m in sent] == [
        (Role.SYSTEM, "be brief"),
        (Role.USER, "one"),
        (Role.ASSISTANT, "Hello"),
        (Role.USER, "two"),
    ]


async def test_stop_keeps_what_came(build: Build) -> None:
    world = await build(LAB)
    gate = asyncio.Event()
    world.backends["lab"].script = (Started("tiny"), Text("partial"), gate)
    chat = world.session.new()
    await world.session.send(chat, "go")
    await until(lambda: world.told(Delta))
    await world.session.stop(chat)

    assert world.backends["lab"].was_cancelled
    reply = chat.messages[-1]
    assert (reply.text, reply.state) == ("partial", MessageState.STOPPED)
    assert reply.attempt is not None and reply.attempt.outcome is Outcome.STOPPED
    assert not chat.is_streaming


async def test_a_failure_keeps_the_text_and_says_why(build: Build) -> None:
    world = await build(LAB)
    world.backends["lab"].script = (Started(), Text("half"), Failed(ErrorKind.RESET, "connection lost", "try again"))
    chat = world.session.new()
    await world.session.send(chat, "go")
    reply = await world.session.wait(chat)
    assert (reply.text, reply.state) == ("half", MessageState.FAILED)
    assert reply.note == "connection lost — try again; or ask it to go on: what came goes along"
    assert reply.attempt is not None
    assert (reply.attempt.outcome, reply.attempt.error_kind) == (Outcome.ERROR, "reset")
    assert reply.attempt.prompt_tokens is None


async def test_a_crash_of_ours_keeps_the_text(build: Build) -> None:
    world = await build(LAB)

    class Broken(Scripted):
        async def chat(self, request: ChatRequest) -> AsyncIterator[Event]:
            yield Text("half")
            raise ZeroDivisionError

    world.backends["lab"].__class__ = Broken
    chat = world.session.new()
    await world.session.send(chat, "go")
    reply = await world.session.wait(chat)
    assert reply.text == "half"
    assert "ZeroDivisionError" in reply.note


@pytest.mark.parametrize(
    ("words", "skipped", "note"),
    [
        ("hm", 1, "1 event was not understood"),
        ("hm", 3, "3 events were not understood"),
        ("", 3, "empty reply; 3 events were not understood"),
        ("hm", 0, ""),
    ],
)
async def test_events_that_were_not_understood_are_counted(build: Build, words: str, skipped: int, note: str) -> None:
    world = await build(LAB)
    world.backends["lab"].script = (Started(), Text(words), Finished("stop", skipped))
    chat = world.session.new()
    await world.session.send(chat, "go")
    reply = await world.session.wait(chat)
    assert (reply.state, reply.note) == (MessageState.COMPLETE, note)
    (recorded,) = [dict(zip(USAGE_COLUMNS, row, strict=True)) for row in world.ledger.usage_rows()]
    assert recorded["skipped_events"] == skipped
    assert reply.attempt is not None and reply.attempt.skipped_events == skipped


async def test_a_lone_question_says_that_nothing_will_follow(build: Build) -> None:
    """So that no provider is asked, and paid, to keep it for later turns."""
    world = await build(LAB)
    asked, chatted = world.session.new(), world.session.new()
    for chat, purpose in ((asked, Purpose.ASK), (asked, Purpose.ASK), (chatted, Purpose.CHAT)):
        await world.session.send(chat, "go", purpose=purpose)
        await world.session.wait(chat)
    assert [request.will_go_on for request in world.backends["lab"].requests] == [False, True, True]


async def test_thinking_is_timed_and_an_empty_reply_is_said(build: Build) -> None:
    world = await build(LAB)
    world.backends["lab"].script = (Started(), Thinking("hmm"), Finished("stop"))
    chat = world.session.new()
    await world.session.send(chat, "go")
    reply = await world.session.wait(chat)
    assert (reply.thinking, reply.text, reply.note) == ("hmm", "", "empty reply")
    assert reply.thinking_ms is not None and reply.thinking_ms >= 0


async def test_loading_is_told_and_kept_apart(build: Build) -> None:
    world = await build(LAB)
    world.backends["lab"].script = (Loading("tiny.gguf", 0.5), Started(), Text("x"), Finished("stop"))
    chat = world.session.new()
    await world.session.send(chat, "go")
    reply = await world.session.wait(chat)
    assert [(e.detail, e.fraction) for e in world.told(EngineLoading)] == [("tiny.gguf", 0.5)]
    assert reply.attempt is not None and reply.attempt.load_ms is not None


async def test_speed_leaves_out_the_first_token(build: Build) -> None:
    world = await build(LAB)
    gate = asyncio.Event()
    world.backends["lab"].script = (Text("a"), gate, Text("b"), Usage(completion_tokens=11), Finished("stop"))
    chat = world.session.new()
    await world.session.send(chat, "go")
    asyncio.get_running_loop().call_later(0.02, gate.set)
    attempt = (await world.session.wait(chat)).attempt
    assert attempt is not None and attempt.latency_ms is not None and attempt.ttft_ms is not None
    expected = 10 / (attempt.latency_ms - attempt.ttft_ms) * 1000
    assert attempt.tokens_per_s == pytest.approx(expected)


async def test_nothing_configured_and_empty_text_are_usage_errors(build: Build) -> None:
    world = await build()
    chat = world.session.new()
    with pytest.raises(UsageError, match="no backend is configured"):
        await world.session.send(chat, "hi")
    with pytest.raises(UsageError, match="empty"):
        await world.session.send(chat, "  \n")
    assert await world.session.conversations() == []


async def test_an_unhealthy_local_asks_and_nothing_is_sent(build: Build) -> None:
    world = await build(LAB, spec("cloud", Zone.MANAGED))
    world.backends["lab"].state = HealthState.UNHEALTHY
    await world.session.check_health("lab")
    chat = world.session.new()
    with pytest.raises(HybridchatError) as caught:
        await world.session.send(chat, "hi")
    assert caught.value.exit_code == 1
    assert "--backend" in str(caught.value)
    assert all(not b.requests for b in world.backends.values())


async def test_local_only_runs_never_open_a_managed_backend(build: Build) -> None:
    world = await build(spec("cloud", Zone.MANAGED), local_only=True)
    chat = world.session.new()
    with pytest.raises(HybridchatError):
        await world.session.send(chat, "hi", route="cloud")
    await world.session.check_health()
    assert not world.backends["cloud"].requests


async def test_a_pin_is_not_loosened_once_there_are_turns(build: Build) -> None:
    world = await build(LAB)
    chat = world.session.new(privacy=Privacy.LOCAL_ONLY)
    await world.session.set_privacy(chat, Privacy.OPEN)
    await world.session.set_privacy(chat, Privacy.LOCAL_ONLY)
    await world.session.send(chat, "secret")
    await world.session.wait(chat)
    with pytest.raises(Refused):
        await world.session.set_privacy(chat, Privacy.OPEN)
    assert chat.privacy is Privacy.LOCAL_ONLY


async def test_auto_decides_once_and_an_override_is_for_one_message(build: Build) -> None:
    world = await build(LAB, spec("cloud", Zone.MANAGED))
    chat = world.session.new()
    for text, route in (("one", None), ("two", "cloud"), ("three", None)):
        await world.session.send(chat, text, route=route)
        await world.session.wait(chat)
    assert [t.target.backend for t in world.told(TurnBegan)] == ["lab", "cloud", "lab"]
    assert chat.conversation is not None
    assert chat.conversation.decided_backend == "lab"


async def test_a_forwarding_server_is_demoted(build: Build) -> None:
    world = await build(LAB)
    world.backends["lab"].script = (Failed(ErrorKind.FORWARDED, "answered by elsewhere.example"),)
    chat = world.session.new()
    await world.session.send(chat, "go")
    await world.session.wait(chat)
    await asyncio.sleep(0)
    assert world.session.candidates()[0].zone is Zone.MANAGED
    assert world.told(Notice)


async def test_a_rename_reaches_the_chat_that_is_open(build: Build) -> None:
    world = await build(LAB)
    chat = world.session.new()
    await world.session.send(chat, "hello world")
    await world.session.wait(chat)
    assert chat.conversation is not None
    await world.session.rename(chat.conversation.id, "by another name")
    assert chat.conversation.title == "by another name"
    again = await world.session.open(chat.conversation.id)
    await world.session.rename(chat.conversation.id, "and another")
    assert again.conversation is not None and again.conversation.title == "and another"


async def test_delete_and_undo(build: Build) -> None:
    world = await build(LAB)
    chat = world.session.new()
    await world.session.send(chat, "hello world")
    await world.session.wait(chat)
    assert chat.id is not None
    await world.session.rename(chat.id, "renamed")
    await world.session.delete(chat.id)
    assert await world.session.conversations() == []
    assert await world.session.undo_delete() == chat.id
    assert [c.title for c in await world.session.conversations()] == ["renamed"]
    assert await world.session.undo_delete() is None


async def test_opening_a_running_conversation_finds_it_running(build: Build) -> None:
    world = await build(LAB)
    world.backends["lab"].script = (Text("partial"), asyncio.Event())
    chat = world.session.new()
    await world.session.send(chat, "go")
    assert chat.id is not None
    assert await world.session.open(chat.id) is chat


async def test_the_window_of_the_model_is_a_hard_rule(build: Build) -> None:
    world = await build(replace(LAB, model="tiny"))
    world.backends["lab"].models = (ModelInfo("tiny", context_window=10),)
    await world.session.check_health("lab")
    chat = world.session.new()
    with pytest.raises(HybridchatError, match=r"context window"):
        await world.session.send(chat, "word " * 1000)


async def test_unanswered_questions_are_joined(build: Build) -> None:
    world = await build(LAB)
    world.backends["lab"].script = (Failed(ErrorKind.BAD_REQUEST, "no"),)
    chat = world.session.new()
    await world.session.send(chat, "one")
    await world.session.wait(chat)
    await world.session.send(chat, "two")
    await world.session.wait(chat)
    assert [(m.role, m.text) for m in world.backends["lab"].requests[1].messages] == [(Role.USER, "one\n\ntwo")]


async def test_one_failure_does_not_close_a_managed_backend(build: Build) -> None:
    world = await build(spec("cloud", Zone.MANAGED))
    world.backends["cloud"].script = (Failed(ErrorKind.DNS, "no such name"),)
    chat = world.session.new()
    await world.session.send(chat, "one")
    await world.session.wait(chat)
    await world.session.send(chat, "two")
    await world.session.wait(chat)
    assert len(world.backends["cloud"].requests) == 2


async def test_a_local_only_run_pins_what_is_said_in_it(build: Build) -> None:
    world = await build(LAB)
    chat = world.session.new()
    await world.session.send(chat, "one")
    await world.session.wait(chat)
    world.session.floor._local_only = True  # as in a later run with --local-only
    await world.session.send(chat, "two")
    await world.session.wait(chat)
    assert chat.id is not None
    assert (await world.session.open(chat.id)).privacy is Privacy.LOCAL_ONLY
