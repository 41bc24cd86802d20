"""A chat off the record says so in words, and its words never change sides."""

from __future__ import annotations

import pytest

from hybridchat import wiring
from hybridchat.backends import simulated
from hybridchat.domain.chat import Privacy, is_off_record
from hybridchat.session.chat import Session
from hybridchat.tui.screens.chats import ChatList
from hybridchat.tui.widgets.rows import Row
from tests.tui.conftest import Screenplay, Stage
from tests.tui.fake_session import FakeSession

MARK = "off the record"


@pytest.fixture(autouse=True)
def at_full_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    hurried = simulated.Pace(delay_s=0.0, tokens_per_s=10_000.0)
    monkeypatch.setattr(simulated, "Pace", lambda **_: hurried)


async def demo() -> Session:
    return wiring.open_demo_session()


async def begun(stage: Stage) -> None:
    await stage.until(lambda: "Enter sends to" in stage.text)
    await stage.press("alt+n")
    await stage.until(lambda: MARK in stage.text)


def title(stage: Stage) -> str:
    return stage.text.split("\n", 1)[0]


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (200, 60)])
async def test_the_mark_is_always_there(play: Screenplay, size: tuple[int, int]) -> None:
    async with play(open_session=demo, size=size) as stage:
        await begun(stage)
        assert MARK in title(stage)
        await stage.send("a question")
        await stage.until(lambda: stage.screen.chat.messages and not stage.screen.chat.is_streaming)
        assert MARK in title(stage)
        await stage.press("f1")
        await stage.press("escape")
        await stage.press("ctrl+n")
        await stage.until(lambda: MARK not in stage.text)


async def test_an_empty_one_says_what_that_means(play: Screenplay) -> None:
    async with play(open_session=demo) as stage:
        await begun(stage)
        assert "Off the record: this chat is in memory only, and gone when you quit." in stage.text
        assert "Rented models still get your words, and the audit a row without them." in stage.text


async def test_it_is_as_private_as_the_run(play: Screenplay) -> None:
    async with play(FakeSession(local_only=True)) as stage:
        await begun(stage)
        assert stage.screen.chat is not None
        assert stage.screen.chat.privacy is Privacy.LOCAL_ONLY
        assert "local only" in title(stage)


async def test_a_draft_stays_on_its_side(play: Screenplay) -> None:
    async with play(open_session=demo) as stage:
        await stage.until(lambda: "Enter sends to" in stage.text)
        stage.screen.composer.set_draft("for the record")
        await begun(stage)
        assert stage.screen.composer.text == ""
        stage.screen.composer.set_draft("not for the record")
        await stage.press("ctrl+n")
        assert stage.screen.composer.text == "for the record"
        await stage.press("alt+z", "alt+z")
        assert "not" not in stage.screen.composer.text, "nor does taking back bring it here"
        await stage.press("alt+n")
        assert stage.screen.composer.text == "not for the record"


async def test_it_is_in_the_list_with_its_mark_and_opens_from_there(play: Screenplay) -> None:
    async with play(open_session=demo, size=(120, 40)) as stage:
        await begun(stage)
        await stage.send("an axolotl")
        await stage.until(lambda: stage.screen.chat.messages and not stage.screen.chat.is_streaming)
        await stage.press("ctrl+n", "ctrl+o")
        chats: ChatList = await stage.until_top(ChatList)
        await stage.until(lambda: chats.all_rows)
        (row,) = chats.all_rows
        assert isinstance(row, Row) and is_off_record(row.key) and MARK in row.detail
        await stage.press("enter")
        await stage.until(lambda: MARK in title(stage) and "an axolotl" in stage.text)
