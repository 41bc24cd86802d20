"""Conversations that begin as another one: as private, whole, and beside a reply that runs there."""

from __future__ import annotations

import asyncio

import pytest

from hybridchat.domain.chat import Privacy
from hybridchat.domain.events import Finished, Text
from hybridchat.errors import HybridchatError, UsageError
from tests.unit.session.conftest import Build
from tests.unit.session.test_branches import LAB, texts
from tests.unit.session.test_other_answers import talk


async def test_a_fork_from_any_message_is_as_private_and_says_so_in_its_title(build: Build) -> None:
    world = await build(LAB)
    chat = world.session.new(privacy=Privacy.PRIVATE, system="be brief")
    await talk(world, chat, "one", "two", "three")
    fork = await world.session.open(await world.session.branches.fork(chat, chat.messages[3].id))
    assert texts(fork) == ["one", "Hello", "two", "Hello"]
    assert (fork.privacy, fork.system) == (Privacy.PRIVATE, "be brief")
    assert fork.conversation is not None and fork.conversation.title == "one (forked)"
    assert [m.model for m in fork.messages] == [None, "tiny", None, "tiny"]
    await talk(world, fork, "on")
    assert texts(chat) == ["one", "Hello", "two", "Hello", "three", "Hello"]
    again = await world.session.open(await world.session.branches.fork(fork, fork.messages[0].id))
    assert again.conversation is not None and again.conversation.title == "one (forked)"
    assert texts(again) == ["one"]


async def test_a_fork_is_pinned_where_another_window_pinned_meanwhile(build: Build) -> None:
    world = await build(LAB)
    chat = world.session.new()
    await talk(world, chat, "one")
    assert chat.id is not None
    await asyncio.wrap_future(world.ledger.update_conversation(chat.id, privacy=Privacy.LOCAL_ONLY))
    fork = await world.session.open(await world.session.branches.fork(chat, chat.messages[1].id))
    assert fork.privacy is Privacy.LOCAL_ONLY


async def test_no_fork_from_what_is_not_there_or_not_whole(build: Build) -> None:
    world = await build(LAB)
    gate = asyncio.Event()
    world.backends["lab"].script = (Text("so"), gate, Finished("stop"))
    chat, other = world.session.new(), world.session.new()
    with pytest.raises(UsageError, match="no message 1 "):
        await world.session.branches.fork(chat, 1)
    await world.session.send(chat, "one")
    with pytest.raises(UsageError, match="still being written"):
        await world.session.branches.fork(chat, chat.messages[1].id)
    with pytest.raises(UsageError, match="no message"):
        await world.session.branches.fork(other, chat.messages[0].id)
    fork = await world.session.open(await world.session.branches.fork(chat, chat.messages[0].id))
    assert texts(fork) == ["one"]
    gate.set()
    await world.session.wait(chat)


async def test_in_a_fork_one_goes_on_beside_the_running_reply(build: Build) -> None:
    """One reply at a time runs in a conversation; the way around it that the refusal names."""
    world = await build(LAB)
    chat = world.session.new()
    await talk(world, chat, "one")
    gate = asyncio.Event()
    world.backends["lab"].first = [(Text("slow"), gate, Finished("stop"))]
    await world.session.send(chat, "two")
    with pytest.raises(HybridchatError, match="or go on in a fork"):
        await world.session.answer_again(chat)
    with pytest.raises(HybridchatError, match="or go on in a fork"):
        await world.session.send(chat, "otherwise", rewords=chat.messages[0].id)
    fork = await world.session.open(await world.session.branches.fork(chat, chat.messages[1].id))
    await talk(world, fork, "meanwhile")
    assert chat.is_streaming and texts(fork)[-2:] == ["meanwhile", "Hello"]
    gate.set()
    assert (await world.session.wait(chat)).text == "slow"
