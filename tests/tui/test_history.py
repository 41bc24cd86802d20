"""Saying something again: Up and Down through this chat's messages, Alt+P through all of them."""

from __future__ import annotations

import pytest

from hybridchat.domain.chat import Privacy
from hybridchat.tui.screens.chat import ChatScreen
from hybridchat.tui.screens.dialogs import Confirm
from hybridchat.tui.screens.said import SaidList, found
from tests.tui.conftest import Screenplay, Stage
from tests.tui.fake_session import FakeSession


async def said(stage: Stage, *texts: str) -> None:
    for text in texts:
        await stage.send(text)
        await stage.until(lambda text=text: stage.session.sent and stage.session.sent[-1].text == text)
        assert stage.screen.chat is not None
        stage.session.finish(stage.screen.chat)
        await stage.settle()


async def test_up_goes_back_and_down_comes_forward(play: Screenplay) -> None:
    async with play() as stage:
        await said(stage, "one", "/two", "two lines\nof it", "two lines\nof it")
        text = lambda: stage.screen.composer.text  # noqa: E731
        await stage.press("up")
        assert text() == "two lines\nof it"
        await stage.press("up")
        assert text() == "two lines\nof it", "in the first line first"
        await stage.press("up")
        assert text() == "//two"
        await stage.press("up", "up", "up")
        assert text() == "one", "the oldest stays"
        await stage.press("down", "down")
        assert text() == "two lines\nof it"
        await stage.press("down")
        assert text() == ""
        await stage.press("up")
        await stage.type(" changed")
        await stage.press("up", "up")
        assert text() == "two lines\nof it changed", "a text of one's own is not replaced"


async def test_where_nothing_was_said_up_tells_of_the_search(play: Screenplay) -> None:
    async with play() as stage:
        await stage.press("up")
        await stage.until(lambda: "Alt+P finds what you said elsewhere" in stage.text)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("", [0, 1, 2]), ("log wal", [1]), ("wal", [1, 2]), ("wahl", []), ("wrte", [0]), ("x", []), ("(", [])],
)
def test_what_is_found(typed: str, expected: list[int]) -> None:
    assert found(["write a haiku", "the wal log", "walk with me"], typed) == expected


async def test_a_message_of_another_chat_comes_and_says_from_where(play: Screenplay) -> None:
    session = FakeSession()
    async with play(session) as stage:
        await said(stage, "a question about logs")
        await stage.press("ctrl+n")
        await stage.type("before ")
        await stage.press("alt+p")
        await stage.until_top(SaidList)
        await stage.type("qstn lo")
        await stage.until(lambda: "a question about logs" in stage.text)
        await stage.press("enter")
        await stage.until(lambda: stage.screen.composer.text == "before a question about logs")
        await stage.until(lambda: "From “a question about logs”." in stage.text)
        assert len(session.sent) == 1


@pytest.mark.parametrize(("answer", "comes"), [("enter", False), ("y", True)])
async def test_pinned_words_come_on_ones_word_alone(play: Screenplay, answer: str, comes: bool) -> None:
    session = FakeSession()
    async with play(session) as stage:
        assert stage.screen.chat is not None
        await session.set_privacy(stage.screen.chat, Privacy.LOCAL_ONLY)
        await said(stage, "a secret plan")
        await stage.press("ctrl+n")
        await stage.type("/history secret")
        await stage.press("enter")
        await stage.until_top(SaidList)
        await stage.until(lambda: "local only" in stage.text)
        await stage.press("enter")
        await stage.until_top(Confirm)
        assert "They were said in “a secret plan” (local only" in stage.text
        await stage.press(answer)
        await stage.until_top(ChatScreen)
        await stage.until(lambda: all(worker.is_finished for worker in stage.app.workers))
        assert stage.screen.composer.text == ("a secret plan" if comes else "")
