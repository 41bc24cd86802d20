"""What is attached goes along with its message, and again with every later one, on whatever way that goes."""

from __future__ import annotations

import asyncio

import pytest

from hybridchat.domain.attachments import Attachment
from hybridchat.domain.chat import ChatMessage, Disclosure, Kind, ModelInfo, Zone
from hybridchat.domain.routing import Outlook
from hybridchat.errors import HybridchatError
from hybridchat.session.chat import Chat
from hybridchat.session.events import Notice
from hybridchat.session.state import Along
from tests.unit.session.conftest import HELLO, Build, World, spec

LAB, CLOUD = spec("lab", Zone.DEVICE), spec("cloud", Zone.MANAGED)
NOTES = Attachment("notes.txt", "text/plain", b"the plan is simple")
MAIL = Attachment("mail.txt", "text/plain", b"write to jo.doe@example.org")
PHOTO = Attachment("photo.png", "image/png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x04\0\0\0\x03")


async def say(world: World, chat: Chat, text: str, *attachments: Attachment, **options: object) -> None:
    await world.session.send(chat, text, along=Along(attachments), **options)  # type: ignore[arg-type]
    await world.session.wait(chat)


def went(world: World, backend: str = "lab") -> list[ChatMessage]:
    return list(world.backends[backend].requests[-1].messages)


async def test_it_goes_again_with_later_turns_and_other_answers(build: Build) -> None:
    world = await build(LAB, CLOUD)
    chat = world.session.new()
    await say(world, chat, "see there", NOTES)
    assert went(world)[0].attachments == (NOTES,)
    await say(world, chat, "and now?")
    assert [message.attachments for message in went(world)] == [(NOTES,), (), ()]
    await world.session.answer_again(chat)
    await world.session.wait(chat)
    assert [message.attachments for message in went(world)] == [(NOTES,), (), ()]


async def test_the_question_itself_asked_again_brings_it_along(build: Build) -> None:
    world = await build(LAB)
    chat = world.session.new()
    await say(world, chat, "see there", NOTES)
    await world.session.answer_again(chat)
    await world.session.wait(chat)
    assert [message.attachments for message in went(world)] == [(NOTES,)]


async def test_it_is_there_when_the_conversation_is_opened_again(build: Build) -> None:
    world = await build(LAB)
    chat = world.session.new()
    await say(world, chat, "see there", NOTES)
    assert chat.id is not None
    again = await world.session.open(chat.id)
    assert again.messages[0].attachments == (NOTES.file,)
    assert (await world.session.attached.content(again, NOTES.file)).text == "the plan is simple"
    await say(world, again, "and now?")
    assert went(world)[0].attachments == (NOTES,)


async def test_words_are_not_needed(build: Build) -> None:
    world = await build(LAB)
    chat = world.session.new()
    await say(world, chat, "", NOTES)
    assert chat.conversation is not None and chat.conversation.title == "notes.txt"
    with pytest.raises(HybridchatError, match="the message is empty"):
        await say(world, chat, "")


async def test_what_waits_behind_a_reply_keeps_it(build: Build) -> None:
    world = await build(LAB)
    gate = asyncio.Event()
    world.backends["lab"].first = [(HELLO[0], gate, *HELLO[1:])]
    chat = world.session.new()
    await world.session.send(chat, "first")
    await world.session.send(chat, "second", along=Along((NOTES,)))
    assert chat.id is not None
    assert await asyncio.wrap_future(world.ledger.waiting_files(chat.id)) == {0: (NOTES.file,)}
    taken = world.session.unqueue(chat)
    assert (taken.text, taken.along.attachments) == ("second", (NOTES,))
    await world.session.send(chat, "second", along=taken.along)
    gate.set()
    while len(world.backends["lab"].requests) < 2:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    await world.session.wait(chat)
    assert went(world)[-1].attachments == (NOTES,)
    assert await asyncio.wrap_future(world.ledger.waiting_files(chat.id)) == {}


async def test_off_the_record_it_stays_in_memory(build: Build) -> None:
    world = await build(LAB)
    chat = world.session.new(off_record=True)
    await say(world, chat, "see there", NOTES)
    await say(world, chat, "and now?")
    assert went(world)[0].attachments == (NOTES,)
    assert await asyncio.wrap_future(world.ledger.contents([NOTES.file.digest])) == {}


async def test_a_picture_goes_to_nobody_who_is_known_not_to_see(build: Build) -> None:
    world = await build(LAB)
    world.backends["lab"].models = (ModelInfo("tiny", sees=False),)
    await world.session.check_health("lab")
    chat = world.session.new()
    with pytest.raises(HybridchatError, match=r"tiny cannot see pictures such as photo\.png — .*choose another model"):
        await say(world, chat, "what is it?", PHOTO)
    assert (world.backends["lab"].requests, chat.messages) == ([], [])
    await say(world, chat, "without it")
    world.backends["lab"].models = (ModelInfo("tiny"),)
    await world.session.check_health("lab")
    await say(world, chat, "what is it?", PHOTO)
    assert went(world)[-1].attachments == (PHOTO,), "who says nothing may see"


async def test_a_picture_of_a_turn_that_is_left_out_keeps_nobody_away(build: Build) -> None:
    gemini = spec("gemini", Zone.DEVICE, kind=Kind.GEMINI)
    world = await build(LAB, gemini)
    chat = world.session.new(route="lab")
    await say(world, chat, "what is it?", Attachment("moving.gif", "image/gif", b"GIF89a\x04\0\x03\0"))
    with pytest.raises(HybridchatError, match=r"moving\.gif has a format that gemini does not take"):
        await say(world, chat, "and this?", PHOTO, route="gemini")
    await say(world, chat, "and this?", PHOTO, route="gemini", drop_turns=1)
    assert [message.attachments for message in went(world, "gemini")] == [(PHOTO,)]


async def test_text_of_an_earlier_turn_is_looked_through_before_it_leaves(build: Build) -> None:
    world = await build(LAB, CLOUD)
    chat = world.session.new(route="lab")
    await say(world, chat, "see there", MAIL)
    with pytest.raises(HybridchatError, match=r"1 email in mail\.txt of earlier turns"):
        await say(world, chat, "and you?", route="cloud")
    assert world.backends["cloud"].requests == []
    await say(world, chat, "and you?", route="cloud", disclosure=Disclosure.MASKED)
    assert went(world, "cloud")[0].attachments[0].text == "write to <EMAIL_1>"


async def test_what_it_weighs_is_in_the_plan(build: Build) -> None:
    world = await build(LAB)
    chat = world.session.new()
    before = world.session.plan(chat, "x").prompt_tokens
    long = Attachment("long.txt", "text/plain", b"four" * 1000)
    plan = world.session.plan(chat, "x", along=Along((long,)))
    assert (plan.decision.outlook, plan.prompt_tokens) == (Outlook.SEND, before + 1000)


async def test_what_the_ledger_lost_is_left_out_and_told_once(build: Build) -> None:
    world = await build(LAB)
    chat = world.session.new()
    await say(world, chat, "see there", NOTES)
    lost = world.ledger._write(lambda db: db.execute("DELETE FROM content").rowcount)
    assert await asyncio.wrap_future(lost) == 1
    for _ in range(2):
        await say(world, chat, "and now?")
    assert went(world)[0].attachments == ()
    assert [notice.text for notice in world.told(Notice)] == [
        "notes.txt: not in the ledger any more, so it does not go along"
    ]
