"""A conversation's own settings go with each of its messages, and what of them went is on the attempt."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from msgspec.structs import replace

from hybridchat.domain.chat import Effort, Kind, Parameters, Privacy, Zone
from hybridchat.session.chat import Chat
from tests.unit.session.conftest import Build, World, spec

LAB = spec("lab", Zone.DEVICE, kind=Kind.OLLAMA)
TUNED = Parameters(temperature=0.2, max_tokens=50, stop=("END",), num_ctx=4096, effort=Effort.LOW)


async def tuned(world: World) -> Chat:
    chat = world.session.new()
    await world.session.set_settings(chat, TUNED, "Be brief.")
    await world.session.send(chat, "one")
    await world.session.wait(chat)
    return chat


def sent(world: World) -> list[Parameters]:
    return [request.parameters for request in world.backends["lab"].requests]


def trace(chat: Chat) -> dict[str, Any]:
    attempt = chat.messages[-1].attempt
    assert attempt is not None and attempt.parameters is not None
    return dict(json.loads(attempt.parameters))


async def test_they_go_with_each_message_and_a_message_may_say_otherwise(build: Build) -> None:
    world = await build(LAB)
    chat = await tuned(world)
    await world.session.send(chat, "two", parameters=Parameters(temperature=1.0))
    await world.session.wait(chat)
    await world.session.answer_again(chat)
    await world.session.wait(chat)
    assert sent(world) == [TUNED, replace(TUNED, temperature=1.0), TUNED]
    assert world.backends["lab"].requests[0].messages[0].text == "Be brief."
    assert trace(chat) == {
        "temperature": 0.2,
        "max_tokens": 50,
        "effort": "low",
        "num_ctx": 4096,
        "stop": 1,
        "system_characters": 9,
    }


async def test_reopening_and_forks_keep_them(build: Build) -> None:
    world = await build(LAB)
    chat = await tuned(world)
    assert chat.id is not None
    later = await build(LAB, ledger=world.ledger)
    again = await later.session.open(chat.id)
    assert (again.parameters, again.effort, again.system) == (replace(TUNED, effort=None), Effort.LOW, "Be brief.")
    fork = await later.session.open(await later.session.make_fork(again, Privacy.OPEN, (1,)))
    assert (fork.parameters, fork.effort, fork.system) == (again.parameters, Effort.LOW, "")
    summary = await later.session.fork_with_summary(again)
    await later.session.wait(summary)
    assert summary.parameters == again.parameters
    (asked,) = sent(later)
    assert (asked.temperature, asked.max_tokens, asked.stop) == (0.2, None, ()), "what ends a reply ends no summary"


async def test_a_change_while_the_words_go_to_disk_is_kept(build: Build) -> None:
    world = await build(LAB)
    chat = world.session.new()
    sending = asyncio.create_task(world.session.send(chat, "think"))
    for _ in range(2):  # planned, and on its way to disk
        await asyncio.sleep(0)
    await world.session.set_settings(chat, TUNED, "Be brief.")
    await sending
    await world.session.wait(chat)
    assert chat.id is not None
    kept = world.ledger.conversation(chat.id).result()
    assert kept is not None
    assert (kept.parameters, kept.effort, kept.system) == (replace(TUNED, effort=None), Effort.LOW, "Be brief.")


async def test_what_is_not_taken_is_planned_so_and_not_on_the_attempt(build: Build) -> None:
    world = await build(spec("lab", Zone.DEVICE))
    chat = await tuned(world)
    plan = world.session.plan(chat, "more")
    assert [(one.name, one.why) for one in plan.untaken] == [
        ("effort", "no way is known to tell tiny"),
        ("num_ctx", "openai-compatible has no such setting"),
    ]
    assert trace(chat) == {"temperature": 0.2, "max_tokens": 50, "stop": 1, "system_characters": 9}


async def test_the_context_size_is_what_a_message_must_fit(build: Build) -> None:
    world = await build(LAB)
    chat = world.session.new()
    await world.session.set_settings(chat, Parameters(num_ctx=64), "")
    assert world.session.plan(chat, "word " * 500).decision.target is None
    await world.session.set_settings(chat, Parameters(num_ctx=4096), "")
    target = world.session.plan(chat, "word " * 500).decision.target
    assert target is not None and target.context_window == 4096


async def test_off_the_record_they_stay_in_memory(build: Build) -> None:
    world = await build(LAB)
    chat = world.session.new(off_record=True)
    await world.session.set_settings(chat, TUNED, "a secret prompt")
    await world.session.send(chat, "one")
    await world.session.wait(chat)
    assert chat.id is not None and (await world.session.open(chat.id)).parameters == replace(TUNED, effort=None)
    assert world.ledger.conversations().result() == []
