"""Less to see for those who ask for it: NO_COLOR takes the colours, reduced motion all that moves by itself."""

from __future__ import annotations

import pytest
from textual.widgets import Input

from hybridchat.config import UiConfig
from hybridchat.tui.screens.chats import ChatList
from tests.tui.conftest import Screenplay

STILL = UiConfig(reduced_motion=True)


@pytest.mark.parametrize(
    ("chosen", "shown"), [("hybrid-dark", "mono-dark"), ("paper", "mono-light"), ("mono-light", "mono-light")]
)
async def test_no_color_begins_without_colour_as_dark_or_light_as_before(
    chosen: str, shown: str, play: Screenplay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with play(theme=chosen) as stage:
        assert stage.app.theme == shown


async def test_a_theme_that_is_not_there_is_told_also_without_colour(
    play: Screenplay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with play(theme="nowhere") as stage:
        assert any("nowhere" in banner for banner in stage.banners)


async def test_with_motion_things_move(play: Screenplay) -> None:
    async with play(ui=UiConfig()) as stage:
        assert stage.app.animation_level == "full"
        assert stage.screen.composer.cursor_blink
        await stage.send("hello")
        assert stage.screen.panel._ticks._active.is_set()
        assert " s" in stage.text.partition("no token yet")[2][:8]


async def test_with_reduced_motion_nothing_moves_by_itself(play: Screenplay) -> None:
    async with play(ui=STILL) as stage:
        assert stage.app.animation_level == "none"
        assert not stage.screen.composer.cursor_blink
        await stage.send("hello")
        assert "no token yet" in stage.text
        assert " s" not in stage.text.partition("no token yet")[2][:8]
        assert not stage.screen.panel._ticks._active.is_set()
        chat = stage.screen.chat
        assert chat is not None
        stage.session.wait_to_retry(chat, 60.0)
        await stage.settle()
        assert "trying again in" in stage.text
        assert not stage.screen._countdown._active.is_set()
        await stage.press("ctrl+o")
        chats = await stage.until_top(ChatList)
        assert [field.cursor_blink for field in chats.query(Input)] == [False]
