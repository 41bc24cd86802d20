"""A key waits for what the one before has set going, but not for what takes as long as it takes."""

from __future__ import annotations

import asyncio

import pytest
from textual import events
from textual.keys import key_to_character

from hybridchat.domain.compare import Side
from hybridchat.session.chat import Session
from hybridchat.tui import keys_in_order
from hybridchat.tui.screens.choose_sides import ChooseSides
from tests.tui.conftest import Screenplay, Stage
from tests.tui.fake_session import FakeSession

SLOW_S = 0.2  # of a disk: longer than anybody's patience with a loop of looks


def post(stage: Stage, *keys: str) -> None:
    """All of them at once, as one write; Alt with a letter as a terminal without kitty's spelling is understood."""
    for key in keys:
        stage.app.post_message(events.Key(key, key[-1] if key.startswith("alt+") else key_to_character(key)))


async def test_a_dialog_that_comes_late_gets_what_was_typed_for_it(
    play: Screenplay, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = FakeSession()

    async def remembered() -> tuple[Side, ...]:
        await asyncio.sleep(SLOW_S)
        return ()

    monkeypatch.setattr(session.comparing, "remembered", remembered)
    async with play(session) as stage:
        await stage.type("which")
        post(stage, "alt+c", "l", "a", "b")
        screen: ChooseSides = await stage.until_top(ChooseSides)
        await stage.until(lambda: screen.filter.value == "lab")
        assert stage.screen.composer.text == "which"


async def test_another_chat_gets_what_was_typed_for_it(play: Screenplay, monkeypatch: pytest.MonkeyPatch) -> None:
    session = FakeSession()
    there = session.add("There", [])
    opened = session.open

    async def open_late(conversation_id: int) -> object:
        await asyncio.sleep(SLOW_S)
        return await opened(conversation_id)

    monkeypatch.setattr(session, "open", open_late)
    async with play(session) as stage:
        await stage.type("here")
        post(stage, "ctrl+o", "t", "h", "e", "r", "e", "enter", "a", "l", "s", "o")
        await stage.until(lambda: stage.screen.chat is session.kept[there])
        await stage.until(lambda: stage.screen.composer.text == "also")


async def test_a_key_typed_before_there_is_a_session_waits_for_it(play: Screenplay) -> None:
    session = FakeSession()
    there = session.add("There", [])

    async def open_late() -> Session:
        await asyncio.sleep(SLOW_S)
        return session.as_session()

    async with play(session, open_session=open_late) as stage:
        post(stage, "ctrl+o", "t", "h", "e", "r", "e", "enter", "a", "l", "s", "o")
        await stage.until(lambda: stage.screen.chat is session.kept[there])
        await stage.until(lambda: stage.screen.composer.text == "also")


async def test_nobody_waits_for_a_message_on_its_way(play: Screenplay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys_in_order, "FOR_WORK_S", 3600.0)
    session, may_send = FakeSession(), asyncio.Event()
    sent = session.send

    async def send_late(*arguments: object, **options: object) -> None:
        await may_send.wait()
        await sent(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(session, "send", send_late)
    async with play(session) as stage:
        await stage.type("first")
        post(stage, "enter", "m", "o", "x", "backspace", "r", "e")
        await stage.until(lambda: stage.screen.composer.text == "more")
        assert not session.sent
        may_send.set()
        await stage.until(lambda: session.sent)
