"""Less to see for those who ask for it: NO_COLOR takes the colours, reduced motion all that moves by itself."""

from __future__ import annotations

import pytest
from rich.segment import Segment
from textual.widgets import Input

from hybridchat.config import UiConfig
from hybridchat.tui.screens.chats import ChatList
from tests.tui.conftest import Screenplay, Stage

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


async def test_an_empty_no_color_asks_for_nothing(play: Screenplay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "")
    async with play(theme="paper") as stage:
        assert stage.app.theme == "paper"
        assert any(segment.style and segment.style.color for segment in drawn(stage))


@pytest.mark.parametrize("theme", ["mono-dark", "hybrid-light"])
async def test_without_colour_what_is_marked_is_reversed_or_underlined(
    theme: str, play: Screenplay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with play() as stage:
        stage.app.show_theme(theme)
        await stage.send("hello")
        stage.screen.composer.set_draft("words")
        await stage.press("shift+left", "shift+left")
        assert reversed_on(stage) == "ds"
        stage.screen.transcript.point_step(-1)
        await stage.settle()
        pointed = [s.text.strip() for s in drawn(stage) if s.style and s.style.underline]
        assert pointed
        assert not any(s.style and (s.style.color or s.style.bgcolor) for s in drawn(stage))
        await stage.press("ctrl+o")
        await stage.until_top(ChatList)
        assert "›" in reversed_on(stage)
        assert not any(s.style and (s.style.color or s.style.bgcolor) for s in drawn(stage))


@pytest.mark.parametrize("theme", ["hybrid-dark", "hybrid-light"])
async def test_in_sixteen_colours_what_is_marked_is_reversed_and_dialogs_have_frames(
    theme: str, play: Screenplay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("textual.constants.COLOR_SYSTEM", "standard")
    async with play(theme=theme) as stage:
        assert stage.app.theme == theme
        await stage.send("hello")
        await stage.press("ctrl+o")
        await stage.until_top(ChatList)
        await stage.until(lambda: "› " in reversed_on(stage))
        assert any(line.strip().startswith("╭") for line in stage.text.splitlines()[:12])


def drawn(stage: Stage) -> list[Segment]:
    return [segment for strip in stage.app.screen._compositor.render_strips() for segment in strip]


def reversed_on(stage: Stage) -> str:
    return "".join(segment.text for segment in drawn(stage) if segment.style and segment.style.reverse)


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
