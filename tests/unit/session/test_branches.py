"""The tree of a conversation: other words, other answers, forks, deleted branches, and what goes on elsewhere."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hybridchat.domain.chat import Message, MessageState, Privacy, Role, Zone
from hybridchat.domain.events import Failed, Finished, Text
from hybridchat.errors import ErrorKind, HybridchatError, Refused, UsageError
from hybridchat.ledger.store import open_ledger
from hybridchat.session.events import BranchShown, TurnBegan
from hybridchat.session.state import Chat
from tests.unit.session.conftest import Build, World, spec
from tests.unit.session.test_other_answers import FROM_CLOUD, talk

LAB, CLOUD = spec("lab", Zone.DEVICE), spec("cloud", Zone.MANAGED, model="big")


def texts(chat: Chat) -> list[str]:
    return [message.text for message in chat.messages]


async def everything(world: World, chat: Chat) -> list[str]:
    return [node.text for node in await world.session.branches.outline(chat)]


async def reword(world: World, chat: Chat, message: Message, text: str) -> Message:
    await world.session.send(chat, text, rewords=message.id)
    return await world.session.wait(chat)


# --- in other words


async def test_a_question_in_other_words_stands_beside_the_old_one(build: Build) -> None:
    world = await build(LAB)
    chat = world.session.new()
    await talk(world, chat, "one", "two", "three")
    old = chat.messages[2]
    reply = await reword(world, chat, old, "two, better")
    assert texts(chat) == ["one", "Hello", "two, better", "Hello"]
    new = chat.messages[2]
    assert (new.parent_id, reply.parent_id) == (old.parent_id, new.id)
    sent = [(m.role, m.text) for m in world.backends["lab"].requests[-1].messages]
    assert sent == [(Role.USER, "one"), (Role.ASSISTANT, "Hello"), (Role.USER, "two, better")]
    began = world.told(TurnBegan)[-1]
    assert (began.instead_of, began.user.id) == (old.id, new.id)
    await world.session.show_sibling(chat, old.id)
    assert texts(chat) == ["one", "Hello", "two", "Hello", "three", "Hello"]
    assert [m.text for m in await world.session.siblings(new.id)] == ["two", "two, better"]


async def test_the_first_one_as_well_also_when_it_is_not_shown(build: Build) -> None:
    world = await build(LAB)
    chat = world.session.new()
    await talk(world, chat, "one")
    first = chat.messages[0]
    await reword(world, chat, first, "another")
    await reword(world, chat, first, "a third")
    assert texts(chat) == ["a third", "Hello"]
    assert [m.text for m in await world.session.with_siblings(chat)] == ["one", "another", "a third"]
    reopened = await world.session.open(chat.id or 0)
    assert texts(reopened) == ["a third", "Hello"]


async def test_the_plan_of_other_words_leaves_out_what_follows(build: Build) -> None:
    world = await build(LAB)
    chat = world.session.new()
    await talk(world, chat, "x" * 400, "y" * 4000)
    first, second = chat.messages[0].id, chat.messages[2].id
    plan = world.session.plan
    assert plan(chat, "z", rewords=first).counted_tokens < plan(chat, "z", rewords=second).counted_tokens
    assert plan(chat, "z", rewords=second).counted_tokens < plan(chat, "z").counted_tokens
    assert plan(chat, "z", rewords=chat.messages[1].id) == plan(chat, "z")
    before = plan(chat, "z", rewords=second).counted_tokens
    chat.show(chat.messages[2:])
    assert plan(chat, "z", rewords=second).counted_tokens < before


async def test_nothing_is_changed_where_other_words_cannot_be_sent(build: Build) -> None:
    world = await build(LAB, CLOUD)
    chat = world.session.new(privacy=Privacy.LOCAL_ONLY)
    await talk(world, chat, "one", "two")
    before = list(chat.messages)
    refused = (
        ("", before[0].id, None, "is empty"),
        ("new", before[1].id, None, "none of yours"),
        ("new", 999, None, "no message 999"),
        ("new", before[0].id, "cloud", "."),
    )
    for text, message_id, route, why in refused:
        with pytest.raises(HybridchatError, match=why):
            await world.session.send(chat, text, rewords=message_id, route=route)
    assert chat.messages == before
    assert await everything(world, chat) == ["one", "Hello", "two", "Hello"]
    assert world.backends["cloud"].requests == []


async def test_not_while_a_reply_runs_or_messages_wait(build: Build) -> None:
    world = await build(LAB)
    gate = asyncio.Event()
    chat = world.session.new()
    await talk(world, chat, "one")
    world.backends["lab"].first = [(Text("so"), gate, Finished("stop"))]
    await world.session.send(chat, "two")
    await world.session.send(chat, "three")
    with pytest.raises(UsageError, match="a reply is running"):
        await world.session.send(chat, "new", rewords=chat.messages[0].id)
    await world.session.stop(chat)
    with pytest.raises(UsageError, match="messages wait"):
        await world.session.send(chat, "new", rewords=chat.messages[0].id)
    assert [draft.text for draft in chat.queue] == ["three"]
    assert texts(chat) == ["one", "Hello", "two", "so"]


# --- answered again


async def test_an_earlier_answer_is_given_again_by_another_backend(build: Build) -> None:
    world = await build(LAB, CLOUD)
    world.backends["cloud"].script = FROM_CLOUD
    chat = world.session.new()
    await talk(world, chat, "one", "two")
    old = chat.messages[1]
    for message_id in (old.id, chat.messages[0].id):  # by the answer, and by its question
        await world.session.answer_again(chat, message_id, route="cloud", model="big")
        await world.session.wait(chat)
        assert texts(chat) == ["one", "cloudy"]
        assert world.told(TurnBegan)[-1].user.text == "one"
        await world.session.show_sibling(chat, old.id)
    assert len(await world.session.siblings(old.id)) == 3
    assert texts(chat) == ["one", "Hello", "two", "Hello"]
    assert [m.text for m in world.backends["cloud"].requests[-1].messages] == ["one"]


async def test_a_pinned_conversation_is_never_answered_elsewhere(build: Build) -> None:
    world = await build(LAB, CLOUD)
    chat = world.session.new(privacy=Privacy.LOCAL_ONLY)
    await talk(world, chat, "secret", "more")
    with pytest.raises(Refused):
        await world.session.answer_again(chat, chat.messages[1].id, route="cloud")
    assert world.backends["cloud"].requests == []
    assert texts(chat) == ["secret", "Hello", "more", "Hello"]


async def test_an_earlier_reply_without_a_word_gets_a_sibling_and_the_last_one_a_further_attempt(
    build: Build, at_once: None
) -> None:
    world = await build(LAB)
    world.backends["lab"].first = [(Failed(ErrorKind.AUTH, "no key"),)]
    chat = world.session.new()
    failed = await talk(world, chat, "one")
    await world.session.answer_again(chat)
    again = await world.session.wait(chat)
    assert (again.id, again.attempt and again.attempt.attempt_no) == (failed.id, 2)
    world.backends["lab"].first = [(Failed(ErrorKind.AUTH, "no key"),)]
    failed = await talk(world, chat, "two")
    await talk(world, chat, "three")
    await world.session.answer_again(chat, failed.id)
    again = await world.session.wait(chat)
    assert again.id != failed.id
    assert texts(chat) == ["one", "Hello", "two", "Hello"]


async def test_a_question_whose_answer_was_deleted_is_answered(build: Build) -> None:
    world = await build(LAB)
    chat = world.session.new()
    await talk(world, chat, "one", "two")
    await world.session.delete_branch(chat, chat.messages[-1].id)
    assert texts(chat) == ["one", "Hello", "two"]
    assert world.session.ways_on(chat) == ()
    await world.session.answer_again(chat)
    assert world.told(TurnBegan)[-1].instead_of is None
    await world.session.wait(chat)
    assert texts(chat) == ["one", "Hello", "two", "Hello"]


# --- deleting


async def test_a_deleted_branch_comes_back_as_it_was_shown(build: Build) -> None:
    world = await build(LAB, CLOUD)
    world.backends["cloud"].script = FROM_CLOUD
    chat = world.session.new()
    local = await talk(world, chat, "one")
    await world.session.escalate(chat)
    cloudy = await world.session.wait(chat)
    await talk(world, chat, "more")
    assert await world.session.delete_branch(chat, cloudy.id) == 3
    assert [m.id for m in chat.messages] == [chat.messages[0].id, local.id]
    assert chat.conversation is not None and chat.conversation.message_count == 2
    assert await everything(world, chat) == ["one", "Hello"]
    assert len(world.told(BranchShown)) == 1
    assert await world.session.undo_delete() == chat.id
    assert texts(chat) == ["one", "cloudy", "more", "Hello"]
    assert await world.session.undo_delete() is None


async def test_the_newest_deletion_comes_back_first_whatever_it_was(build: Build) -> None:
    world = await build(LAB)
    chat, other = world.session.new(), world.session.new()
    await talk(world, other, "other")
    await talk(world, chat, "one", "two")
    assert chat.id is not None and other.id is not None
    await world.session.delete_branch(chat, chat.messages[2].id)
    await world.session.delete(other.id)
    await world.session.delete_branch(chat, chat.messages[1].id)
    assert await world.session.undo_delete() == chat.id
    assert await everything(world, chat) == ["one", "Hello"]
    assert await world.session.undo_delete() == other.id
    assert await world.session.undo_delete() == chat.id
    assert await everything(world, chat) == ["one", "Hello", "two", "Hello"]
    assert texts(await world.session.open(chat.id)) == ["one", "Hello", "two", "Hello"]


async def test_the_only_branch_is_the_conversation(build: Build) -> None:
    world = await build(LAB)
    chat = world.session.new()
    await talk(world, chat, "one")
    assert await world.session.delete_branch(chat, chat.messages[0].id) is None
    assert await world.session.conversations() == []
    assert await world.session.undo_delete() == chat.id
    assert texts(await world.session.open(chat.id or 0)) == ["one", "Hello"]


async def test_no_branch_is_deleted_in_which_a_reply_runs(build: Build) -> None:
    world = await build(LAB)
    gate = asyncio.Event()
    chat = world.session.new()
    with pytest.raises(UsageError, match="no message yet"):
        await world.session.delete_branch(chat, 1)
    await talk(world, chat, "one")
    old = chat.messages[0]
    world.backends["lab"].first = [(Text("so"), gate, Finished("stop"))]
    await world.session.send(chat, "reworded", rewords=old.id)
    running = list(chat.messages)
    for message in running:
        with pytest.raises(UsageError, match="a reply is running in it"):
            await world.session.delete_branch(chat, message.id)
    assert await world.session.delete_branch(chat, old.id) == 2  # beside it
    assert chat.messages == running
    gate.set()
    reply = await world.session.wait(chat)
    assert (reply.text, reply.state) == ("so", MessageState.COMPLETE)
    await world.session.undo_delete()
    assert texts(chat) == ["reworded", "so"]
    assert await everything(world, chat) == ["one", "Hello", "reworded", "so"]


async def test_what_cannot_come_back_yet_waits_behind_the_others(build: Build) -> None:
    world = await build(LAB)
    chat = world.session.new()
    await talk(world, chat, "one", "two", "three")
    second, third = chat.messages[2].id, chat.messages[4].id
    await world.session.delete_branch(chat, third)
    elsewhere = await asyncio.wrap_future(world.ledger.delete_branch(second))  # as another window does
    with pytest.raises(HybridchatError, match="deleted in another window"):
        await world.session.undo_delete()
    await asyncio.wrap_future(world.ledger.restore_branch(elsewhere, None))
    assert await world.session.undo_delete() == chat.id
    assert await everything(world, chat) == ["one", "Hello", "two", "Hello", "three", "Hello"]


# --- elsewhere


async def test_what_runs_and_what_is_new_is_known_of_all(build: Build) -> None:
    world = await build(LAB)
    gate = asyncio.Event()
    world.backends["lab"].script = (Text("so"), gate, Finished("stop"))
    chat, secret = world.session.new(), world.session.new(off_record=True)
    await world.session.send(chat, "one")
    await world.session.send(secret, "two")
    assert chat.id is not None and secret.id is not None
    assert (await world.session.unread.look()).running == {chat.id, secret.id}
    gate.set()
    for one in (chat, secret):
        await world.session.wait(one)
        world.session.unread.ended(one.id or 0)
    now = await world.session.unread.look()
    assert (now.running, now.unread) == (frozenset(), {chat.id: 1, secret.id: 1})
    world.session.unread.seen(chat.id)
    assert (await world.session.unread.look()).unread == {secret.id: 1}


# --- going back and forth


async def test_what_nobody_has_changed_is_not_read_again(build: Build) -> None:
    world = await build(LAB)
    chats = [world.session.new(), world.session.new(), world.session.new()]
    for chat in chats:
        await talk(world, chat, "one", "two")
    one, other = [await world.session.open(chat.id or 0) for chat in chats[:2]]
    assert await world.session.open(one.id or 0) is one
    assert await world.session.open(other.id or 0) is other
    await world.session.open(chats[2].id or 0)
    assert await world.session.open(one.id or 0) is not one  # the newest two are kept


async def test_what_was_said_or_settled_meanwhile_is_read(build: Build) -> None:
    world = await build(LAB)
    chat, other = world.session.new(), world.session.new()
    for each in (chat, other):
        await talk(world, each, "one")
    before = await world.session.open(chat.id or 0)
    await talk(world, before, "two")
    await world.session.open(other.id or 0)
    after = await world.session.open(chat.id or 0)
    assert after is not before
    assert texts(after) == ["one", "Hello", "two", "Hello"]
    await world.session.delete_branch(after, after.messages[2].id)
    assert texts(await world.session.open(chat.id or 0)) == ["one", "Hello"]
    await world.session.undo_delete()
    assert texts(await world.session.open(chat.id or 0)) == ["one", "Hello", "two", "Hello"]


async def test_what_another_window_has_changed_is_read(build: Build, tmp_path: Path) -> None:
    here = await build(LAB, ledger=open_ledger(tmp_path / "h.db"))
    there = await build(LAB, ledger=open_ledger(tmp_path / "h.db"))
    chat = here.session.new()
    await talk(here, chat, "one", "two")
    id_ = chat.id or 0
    await here.session.open(id_)
    theirs = await there.session.open(id_)
    await there.session.delete_branch(theirs, theirs.messages[2].id)
    assert texts(await here.session.open(id_)) == ["one", "Hello"]
    await there.session.undo_delete()
    assert texts(await here.session.open(id_)) == ["one", "Hello", "two", "Hello"]
    await there.session.rename(id_, "Another title")
    again = await here.session.open(id_)
    assert again.conversation is not None and again.conversation.title == "Another title"


async def test_off_the_record_it_is_read_when_something_was_written(build: Build) -> None:
    world = await build(LAB)
    chat = world.session.new(off_record=True)
    await talk(world, chat, "one", "two")
    before = await world.session.open(chat.id or 0)
    assert await world.session.open(chat.id or 0) is before
    await world.session.delete_branch(before, before.messages[2].id)
    assert texts(await world.session.open(chat.id or 0)) == ["one", "Hello"]
