"""The floor under all that is written in a run, and forks, by which alone a pin is loosened."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hybridchat.config import Config, PrivacyConfig
from hybridchat.config.folders import FolderPin
from hybridchat.domain.chat import Message, MessageState, Outcome, Privacy, Role, Zone
from hybridchat.domain.events import Failed
from hybridchat.domain.routing import Outlook
from hybridchat.errors import ErrorKind, Refused, UsageError
from hybridchat.ledger.store import open_ledger
from hybridchat.session.chat import Session
from hybridchat.session.events import Notice
from hybridchat.session.forking import past_turns
from hybridchat.session.state import Chat
from tests.unit.session.conftest import Build, World, spec, until

LAB, CLOUD = spec("lab", Zone.DEVICE), spec("cloud", Zone.MANAGED)
WHY = "pinned by /clients/.hybridchat.toml"
PINNED = FolderPin(WHY, ("a line about it",))


async def say(session: Session, chat: Chat, *texts: str, route: str | None = None) -> None:
    for text in texts:
        await session.send(chat, text, route=route)
        await session.wait(chat)


def routes(world: World) -> list[str]:
    return [row.route_reason for row in world.ledger.tree(1).result() if row.attempt for row in [row.attempt]]


# --- the floor


async def test_what_is_begun_in_a_pinned_folder_is_born_pinned_and_says_by_what(build: Build) -> None:
    world = await build(LAB, CLOUD, look_at_folder=lambda: PINNED)
    chat = world.session.new(privacy=Privacy.OPEN)
    assert chat.privacy is Privacy.LOCAL_ONLY
    plan = world.session.plan(chat, "words")
    assert (plan.privacy, plan.decision.reasons[-1]) == (Privacy.LOCAL_ONLY, "pinned by its folder")
    assert [notice.text for notice in world.told(Notice)] == ["a line about it"]
    await say(world.session, chat, "words")
    assert routes(world)[0].endswith("pinned by its folder"), "a usage row stays: no name of the user's is in it"
    with pytest.raises(Refused, match=WHY):
        await say(world.session, chat, "words", route="cloud")
    assert world.backends["cloud"].requests == []


@pytest.mark.parametrize("level", list(Privacy))
async def test_a_conversation_is_born_as_the_config_says(build: Build, level: Privacy) -> None:
    config = Config(privacy=PrivacyConfig(default=level.value))
    world = await build(LAB, config=config)
    assert world.session.new().privacy is level
    assert world.session.new(off_record=True).privacy is level
    pinned = await build(LAB, config=config, look_at_folder=lambda: PINNED)
    assert pinned.session.new().privacy is Privacy.LOCAL_ONLY


async def test_what_goes_on_in_a_pinned_folder_is_pinned_with_its_next_message(build: Build) -> None:
    pin = [FolderPin()]
    world = await build(LAB, CLOUD, look_at_folder=lambda: pin[0])
    chat = world.session.new()
    await say(world.session, chat, "elsewhere")
    assert chat.id is not None
    pin[0] = PINNED
    assert (await world.session.open(chat.id)).privacy is Privacy.OPEN, "reading it pins nothing"
    await say(world.session, chat, "in the folder")
    assert (await world.session.open(chat.id)).privacy is Privacy.LOCAL_ONLY


async def test_a_file_that_comes_while_the_program_runs_holds_from_the_next_message_on(build: Build) -> None:
    pin = [FolderPin()]
    world = await build(CLOUD, look_at_folder=lambda: pin[0])
    chat = world.session.new()
    assert world.session.plan(chat, "words").decision.outlook is Outlook.SEND
    pin[0] = PINNED
    with pytest.raises(Refused, match="pinned by"):
        await say(world.session, chat, "words")
    assert world.backends["cloud"].requests == []
    pin[0] = FolderPin()  # within a run a pin only tightens
    with pytest.raises(Refused):
        await say(world.session, chat, "words")


async def test_under_a_floor_nothing_is_loosened_not_even_by_a_fork(build: Build) -> None:
    world = await build(LAB, look_at_folder=lambda: PINNED)
    chat = world.session.new()
    with pytest.raises(Refused, match="pinned by"):
        await world.session.set_privacy(chat, Privacy.OPEN)
    await say(world.session, chat, "words")
    with pytest.raises(Refused, match="pinned by"):
        await world.session.make_fork(chat, Privacy.PRIVATE)
    assert len(await world.session.conversations()) == 1


async def test_a_summary_goes_into_a_fork_as_private_as_the_folder(build: Build) -> None:
    pin = [FolderPin()]
    world = await build(LAB, look_at_folder=lambda: pin[0])
    chat = world.session.new()
    await say(world.session, chat, "elsewhere")
    pin[0] = PINNED
    await world.session.floor.look_again()
    fork = await world.session.fork_with_summary(chat)
    await world.session.wait(fork)
    assert fork.privacy is Privacy.LOCAL_ONLY


async def test_without_its_guard_a_local_only_run_does_not_begin(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "hybridchat.session.chat.why_unguarded", lambda: Refused("the guard is not in place", "mend it")
    )
    with pytest.raises(Refused, match="guard"):
        await build(LAB, local_only=True)
    world = await build(LAB)
    chat, pinned = world.session.new(), world.session.new(privacy=Privacy.LOCAL_ONLY)
    await say(world.session, chat, "open ones go on")
    with pytest.raises(Refused, match="guard"):
        await say(world.session, pinned, "words")
    assert len(world.backends["lab"].requests) == 1


async def test_no_retry_leaves_once_the_folder_pins(build: Build, at_once: None) -> None:
    pin, fails = [FolderPin()], asyncio.Event()
    world = await build(LAB, CLOUD, look_at_folder=lambda: pin[0])
    world.backends["cloud"].first = [(fails, Failed(ErrorKind.SERVER, "it failed"))]
    chat = world.session.new()
    await world.session.send(chat, "words", route="cloud")
    await until(lambda: world.backends["cloud"].requests)
    pin[0] = PINNED
    await say(world.session, world.session.new(), "in another chat", route="lab")
    fails.set()
    reply = await world.session.wait(chat)
    assert len(world.backends["cloud"].requests) == 1
    assert reply.attempt is not None
    assert (reply.attempt.attempt_no, reply.attempt.outcome) == (2, Outcome.REFUSED)


async def test_what_another_window_pinned_is_pinned_here_with_the_next_message(build: Build, tmp_path: Path) -> None:
    here, there = [await build(LAB, CLOUD, ledger=open_ledger(tmp_path / "ledger.db")) for _ in range(2)]
    chat = here.session.new()
    await say(here.session, chat, "words", route="cloud")
    assert chat.id is not None
    await there.session.set_privacy(await there.session.open(chat.id), Privacy.LOCAL_ONLY)
    with pytest.raises(Refused, match="this conversation is local only"):
        await here.session.send(chat, "more words", route="cloud")
    with pytest.raises(Refused, match="this conversation is local only"):
        await here.session.answer_again(chat, route="cloud")
    assert len(here.backends["cloud"].requests) == 1
    assert here.session.plan(chat, "more words").privacy is Privacy.LOCAL_ONLY, "as the screen says from now on"
    await say(here.session, chat, "more words", route="lab")
    assert [message.text for message in here.backends["lab"].requests[-1].messages] == ["words", "Hello", "more words"]


async def test_a_summary_is_as_private_as_another_window_made_the_conversation(build: Build, tmp_path: Path) -> None:
    here, there = [await build(LAB, CLOUD, ledger=open_ledger(tmp_path / "ledger.db")) for _ in range(2)]
    chat = here.session.new()
    await say(here.session, chat, "words", route="lab")
    assert chat.id is not None
    await there.session.set_privacy(await there.session.open(chat.id), Privacy.LOCAL_ONLY)
    with pytest.raises(Refused, match="local only"):
        await here.session.fork_with_summary(chat, "cloud")
    assert here.backends["cloud"].requests == []
    assert (await here.session.fork_with_summary(chat, "lab")).privacy is Privacy.LOCAL_ONLY
    await there.session.delete(chat.id)
    with pytest.raises(UsageError, match="no conversation"):
        await here.session.fork_with_summary(chat, "lab")


# --- loosening


async def pinned_chat(world: World) -> Chat:
    chat = world.session.new(privacy=Privacy.LOCAL_ONLY, system="the secret prompt")
    await say(world.session, chat, "first secret", "second secret")
    return chat


async def test_privacy_16_a_pin_is_never_loosened_in_place(build: Build) -> None:
    world = await build(LAB, CLOUD)
    chat = await pinned_chat(world)
    assert chat.id is not None
    for level in (Privacy.PRIVATE, Privacy.OPEN):
        assert world.session.must_fork(chat, level)
        with pytest.raises(Refused, match="stays so"):
            await world.session.set_privacy(chat, level)
        with pytest.raises(Refused):  # as a window would that still believes it to be open
            await asyncio.wrap_future(world.ledger.update_conversation(chat.id, privacy=level))
    assert (await world.session.open(chat.id)).privacy is Privacy.LOCAL_ONLY


async def test_privacy_16_a_pin_is_not_loosened_while_its_first_words_go_to_disk(build: Build) -> None:
    world = await build(LAB)
    chat = world.session.new(privacy=Privacy.LOCAL_ONLY)
    sending = asyncio.create_task(world.session.send(chat, "secret"))
    await asyncio.sleep(0)
    assert chat.is_sending
    with pytest.raises(Refused):
        await world.session.set_privacy(chat, Privacy.OPEN)
    await sending


async def test_privacy_16_into_a_fork_nothing_goes_along_by_itself(build: Build) -> None:
    world = await build(LAB, CLOUD)
    chat = await pinned_chat(world)
    fork = await world.session.open(await world.session.make_fork(chat, Privacy.OPEN))
    assert (fork.privacy, fork.messages, fork.system) == (Privacy.OPEN, [], "")
    assert fork.conversation is not None and chat.conversation is not None
    assert fork.conversation.title == f"{chat.conversation.title} (forked)"
    await say(world.session, fork, "a new question", route="cloud")
    assert [m.text for r in world.backends["cloud"].requests for m in r.messages] == ["a new question"]
    assert (await world.session.open(chat.id or 0)).privacy is Privacy.LOCAL_ONLY


async def test_privacy_16_what_was_chosen_goes_along_and_nothing_else(build: Build) -> None:
    world = await build(LAB, CLOUD)
    chat = await pinned_chat(world)
    fork = await world.session.open(await world.session.make_fork(chat, Privacy.OPEN, [2], with_system=True))
    await say(world.session, fork, "a new question", route="cloud")
    (request,) = world.backends["cloud"].requests
    assert [(m.role, m.text) for m in request.messages] == [
        (Role.SYSTEM, "the secret prompt"),
        (Role.USER, "second secret"),
        (Role.ASSISTANT, "Hello"),
        (Role.USER, "a new question"),
    ]
    assert [m.text for m in chat.messages] == ["first secret", "Hello", "second secret", "Hello"]


async def test_what_is_off_the_record_stays_so_in_its_fork(build: Build) -> None:
    world = await build(LAB)
    chat = world.session.new(privacy=Privacy.LOCAL_ONLY, off_record=True)
    await say(world.session, chat, "secret")
    fork = await world.session.open(await world.session.make_fork(chat, Privacy.OPEN, [1]))
    assert fork.is_off_record
    assert [message.text for message in fork.messages] == ["secret", "Hello"]
    assert await asyncio.wrap_future(world.ledger.conversations()) == []


async def test_a_fork_of_nothing_or_of_what_is_not_there_is_refused(build: Build) -> None:
    world = await build(LAB)
    with pytest.raises(UsageError, match="no message yet"):
        await world.session.make_fork(world.session.new(), Privacy.OPEN)
    chat = await pinned_chat(world)
    with pytest.raises(UsageError, match="no turn 3"):
        await world.session.make_fork(chat, Privacy.OPEN, [1, 3])
    gate = asyncio.Event()
    world.backends["lab"].script = (gate,)
    await world.session.send(chat, "runs")
    with pytest.raises(UsageError, match="running"):
        await world.session.make_fork(chat, Privacy.OPEN, [1])
    gate.set()
    await world.session.wait(chat)


def message(number: int, role: Role, text: str, state: MessageState = MessageState.COMPLETE) -> Message:
    return Message(number, 1, number - 1, role, text, "2026-11-20T14:02:00.000+00:00", state=state)


def test_a_turn_is_what_has_words_from_question_to_question() -> None:
    chat = Chat(privacy=Privacy.LOCAL_ONLY, route="auto")
    chat.messages = [
        message(1, Role.USER, "one"),
        message(2, Role.ASSISTANT, "", MessageState.FAILED),
        message(3, Role.USER, "zwei ü"),
        message(4, Role.ASSISTANT, "half", MessageState.STOPPED),
        message(5, Role.USER, ""),
        message(6, Role.USER, "four"),
    ]
    found = [(turn.number, [m.text for m in turn.messages], turn.text_bytes) for turn in past_turns(chat)]
    assert found == [(1, ["one"], 3), (2, ["zwei ü", "half"], 11), (4, ["four"], 4)]
    chat.messages = []
    assert past_turns(chat) == ()
