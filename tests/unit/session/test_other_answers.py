"""The last question answered again: by the other side, as a sibling, and never unasked."""

from __future__ import annotations

import asyncio

import pytest

from hybridchat.domain.attachments import Attachment
from hybridchat.domain.chat import ChatMessage, Message, MessageState, Privacy, Role, Zone
from hybridchat.domain.events import Failed, Finished, Signature, Text, Thinking
from hybridchat.errors import ErrorKind, Refused, UsageError
from hybridchat.session.events import BranchShown, TurnBegan
from hybridchat.session.sending import _joined
from hybridchat.session.state import Chat
from tests.unit.session.conftest import Build, World, spec

LAB, CLOUD = spec("lab", Zone.DEVICE), spec("cloud", Zone.MANAGED, model="big")
FROM_CLOUD = (Text("cloudy"), Finished("stop"))


async def talk(world: World, chat: Chat, *texts: str) -> Message:
    for text in texts:
        await world.session.send(chat, text)
        await world.session.wait(chat)
    return chat.messages[-1]


async def test_the_last_question_goes_to_the_other_side_and_both_answers_stay(build: Build) -> None:
    world = await build(LAB, CLOUD)
    world.backends["cloud"].script = FROM_CLOUD
    chat = world.session.new()
    local = await talk(world, chat, "one", "two")
    await world.session.escalate(chat)
    managed = await world.session.wait(chat)

    sent = [(m.role, m.text) for m in world.backends["cloud"].requests[0].messages]
    assert sent == [(Role.USER, "one"), (Role.ASSISTANT, "Hello"), (Role.USER, "two")]
    assert [m.text for m in chat.messages] == ["one", "Hello", "two", "cloudy"]
    assert managed.parent_id == local.parent_id
    both = await world.session.siblings(managed.id)
    assert [(m.id, m.text) for m in both] == [(local.id, "Hello"), (managed.id, "cloudy")]
    assert all(m.attempt is not None and m.attempt.latency_ms is not None for m in both)
    began = world.told(TurnBegan)[-1]
    assert (began.instead_of, began.user.text, began.reply.id) == (local.id, "two", managed.id)
    assert chat.id is not None
    stored = await asyncio.wrap_future(world.ledger.branch(chat.id))
    assert [m.id for m in stored] == [m.id for m in chat.messages]


async def test_and_back(build: Build) -> None:
    world = await build(LAB, CLOUD)
    world.backends["cloud"].script = FROM_CLOUD
    chat = world.session.new(route="managed")
    await talk(world, chat, "one")
    await world.session.escalate(chat)
    back = await world.session.wait(chat)
    assert back.attempt is not None and back.attempt.backend == "lab"
    assert [m.text for m in await world.session.siblings(back.id)] == ["cloudy", "Hello"]


@pytest.mark.parametrize("privacy", [Privacy.LOCAL_ONLY, Privacy.PRIVATE])
async def test_only_in_an_open_conversation(build: Build, privacy: Privacy) -> None:
    world = await build(LAB, CLOUD)
    chat = world.session.new(privacy=privacy)
    await talk(world, chat, "secret")
    for backend in (None, "cloud", "lab"):
        with pytest.raises(Refused, match="this conversation is"):
            await world.session.escalate(chat, backend)
    assert world.backends["cloud"].requests == []
    assert len(world.told(TurnBegan)) == 1


async def test_without_an_answer_or_the_other_side_it_says_so(build: Build) -> None:
    world = await build(LAB)
    chat = world.session.new()
    with pytest.raises(UsageError, match="no question"):
        await world.session.escalate(chat)
    await talk(world, chat, "one")
    with pytest.raises(Exception, match="no managed backend is configured"):
        await world.session.escalate(chat)
    assert chat.messages[-1].text == "Hello"
    assert not chat.is_streaming


async def test_not_while_a_reply_runs(build: Build) -> None:
    world = await build(LAB, CLOUD)
    world.backends["lab"].script = (Text("x"), asyncio.Event())
    chat = world.session.new()
    await world.session.send(chat, "go")
    with pytest.raises(UsageError, match="a reply is running"):
        await world.session.escalate(chat)
    await world.session.stop(chat)
    assert world.backends["cloud"].requests == []


async def test_an_escalation_that_fails_does_not_come_back_by_itself(build: Build, at_once: None) -> None:
    world = await build(LAB, CLOUD)
    world.backends["cloud"].script = (Failed(ErrorKind.OVERLOADED, "busy"),)
    chat = world.session.new()
    await talk(world, chat, "one")
    await world.session.escalate(chat)
    assert (await world.session.wait(chat)).state is MessageState.FAILED
    assert len(world.backends["lab"].requests) == 1


async def test_a_paused_other_side_is_not_replaced_by_the_one_that_has_answered(build: Build, at_once: None) -> None:
    world = await build(LAB, CLOUD)
    world.backends["cloud"].script = (Failed(ErrorKind.OVERLOADED, "busy"),)
    chat = world.session.new(route="managed")
    fallback = await talk(world, chat, "one")
    assert fallback.attempt is not None and fallback.attempt.backend == "lab"
    with pytest.raises(Exception, match="cloud: paused after"):
        await world.session.escalate(chat)
    assert len(world.backends["lab"].requests) == 1
    assert chat.messages[-1].id == fallback.id


async def test_another_answer_can_be_shown_and_gone_on_from(build: Build) -> None:
    world = await build(LAB, CLOUD)
    world.backends["cloud"].script = FROM_CLOUD
    chat = world.session.new()
    local = await talk(world, chat, "one")
    await world.session.escalate(chat)
    managed = await world.session.wait(chat)
    await world.session.show_sibling(chat, local.id)
    assert [m.text for m in chat.messages] == ["one", "Hello"]
    await talk(world, chat, "more")
    await world.session.show_sibling(chat, managed.id)
    assert [m.text for m in chat.messages] == ["one", "cloudy"]
    await world.session.show_sibling(chat, local.id)
    assert [m.text for m in chat.messages] == ["one", "Hello", "more", "Hello"]
    assert len(world.told(BranchShown)) == 3
    assert chat.id is not None
    reopened = await world.session.open(chat.id)
    assert [m.text for m in reopened.messages] == ["one", "Hello", "more", "Hello"]


async def test_an_answer_of_another_conversation_is_not_shown(build: Build) -> None:
    world = await build(LAB)
    chat, other = world.session.new(), world.session.new()
    await talk(world, chat, "one")
    elsewhere = await talk(world, other, "two")
    for message_id in (elsewhere.id, 999):
        with pytest.raises(UsageError, match="no message"):
            await world.session.show_sibling(chat, message_id)
    assert [m.text for m in chat.messages] == ["one", "Hello"]


async def test_the_estimate_follows_the_branch_that_is_shown(build: Build) -> None:
    world = await build(LAB, CLOUD)
    world.backends["cloud"].script = (Text("long " * 1000), Finished("stop"))
    chat = world.session.new()
    local = await talk(world, chat, "one")
    before = world.session.plan(chat, "more").prompt_tokens
    await world.session.escalate(chat)
    await world.session.wait(chat)
    assert world.session.plan(chat, "more", route="cloud").prompt_tokens > before + 1000
    await world.session.show_sibling(chat, local.id)
    assert world.session.plan(chat, "more").prompt_tokens == before


async def test_closing_while_the_second_answer_goes_to_disk_records_it_once(build: Build) -> None:
    world = await build(LAB, CLOUD)
    chat = world.session.new()
    await talk(world, chat, "one")
    asking = asyncio.create_task(world.session.escalate(chat))
    while not chat.is_streaming:  # noqa: ASYNC110 - a longer sleep would let the disk be done
        await asyncio.sleep(0)
    await world.session.stop(chat)
    await asking
    assert chat.messages[-1].state is MessageState.STOPPED
    assert world.backends["cloud"].requests == []


# --- what goes along


async def test_signed_thinking_goes_back_to_the_model_that_thought_it_alone(build: Build) -> None:
    world = await build(LAB, CLOUD)
    world.backends["cloud"].script = (Thinking("hm"), Signature("sig"), *FROM_CLOUD)
    chat = world.session.new(route="cloud")
    await talk(world, chat, "one", "two")
    assert world.backends["cloud"].requests[-1].messages[1] == ChatMessage(
        Role.ASSISTANT, "cloudy", thinking="hm", signature="sig"
    )
    await world.session.escalate(chat, "lab")
    await world.session.wait(chat)
    assert world.backends["lab"].requests[-1].messages[1] == ChatMessage(Role.ASSISTANT, "cloudy")


def test_joining_loses_neither_attachments_nor_signatures() -> None:
    one, two = (Attachment(name, "image/png", b"x") for name in "ab")
    joined = _joined(ChatMessage(Role.USER, "", (one,)), ChatMessage(Role.USER, "and this", (two,)))
    assert joined == ChatMessage(Role.USER, "and this", (one, two))
    signed = ChatMessage(Role.ASSISTANT, "a", thinking="hm", signature="s")
    assert _joined(signed, ChatMessage(Role.ASSISTANT, "b")) == ChatMessage(
        Role.ASSISTANT, "a\n\nb", thinking="hm", signature="s"
    )
