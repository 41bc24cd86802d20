"""How much a model may think belongs to the conversation: each of its messages says it, and reopening keeps it."""

from __future__ import annotations

import asyncio

from hybridchat.domain.chat import Effort, Parameters, Zone
from tests.unit.session.conftest import Build, World, spec

LAB = spec("lab", Zone.DEVICE)


def efforts(world: World) -> list[Effort | None]:
    return [request.parameters.effort for request in world.backends["lab"].requests]


async def test_it_goes_with_each_message_from_then_on(build: Build) -> None:
    world = await build(LAB)
    chat = world.session.new()
    for effort in (None, Effort.HIGH, Effort.OFF, None):
        await world.session.set_effort(chat, effort)
        await world.session.send(chat, "think")
        await world.session.wait(chat)
    assert efforts(world) == [None, Effort.HIGH, Effort.OFF, None]


async def test_a_message_may_say_otherwise(build: Build) -> None:
    world = await build(LAB)
    chat = world.session.new()
    await world.session.set_effort(chat, Effort.LOW)
    await world.session.send(chat, "think", parameters=Parameters(effort=Effort.HIGH))
    await world.session.wait(chat)
    await world.session.answer_again(chat)
    await world.session.wait(chat)
    assert efforts(world) == [Effort.HIGH, Effort.LOW]


async def test_reopening_keeps_it(build: Build) -> None:
    world = await build(LAB)
    chat = world.session.new()
    await world.session.set_effort(chat, Effort.MEDIUM)
    await world.session.send(chat, "think")
    await world.session.wait(chat)
    assert chat.id is not None
    assert world.ledger.conversation(chat.id).result().effort is Effort.MEDIUM  # type: ignore[union-attr]
    await world.session.set_effort(chat, Effort.HIGH)
    again = await (await build(LAB, ledger=world.ledger)).session.open(chat.id)
    assert again.effort is Effort.HIGH


async def test_a_change_while_the_words_go_to_disk_is_kept(build: Build) -> None:
    world = await build(LAB)
    chat = world.session.new()
    sending = asyncio.create_task(world.session.send(chat, "think"))
    for _ in range(2):  # planned, and on its way to disk
        await asyncio.sleep(0)
    await world.session.set_effort(chat, Effort.LOW)
    await sending
    await world.session.wait(chat)
    assert chat.id is not None
    assert world.ledger.conversation(chat.id).result().effort is Effort.LOW  # type: ignore[union-attr]


async def test_what_a_newer_version_wrote_is_left_to_the_model(build: Build) -> None:
    world = await build(LAB)
    chat = world.session.new()
    await world.session.send(chat, "think")
    await world.session.wait(chat)
    assert chat.id is not None
    world.ledger.update_conversation(chat.id, effort="utmost").result()
    assert world.ledger.conversation(chat.id).result().effort is None  # type: ignore[union-attr]
