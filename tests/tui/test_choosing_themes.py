"""Trying themes before choosing one, and editing the one in use."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hybridchat.config import load_config
from hybridchat.session.settings import Settings
from hybridchat.tui.screens.chat import ChatScreen
from hybridchat.tui.screens.theme_picker import ThemePicker
from tests.tui.conftest import Screenplay, Stage

MINE = 'background = "#000000"\nforeground = "#ffffff"\nprimary = "#86b4f5"\n'


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    file = tmp_path / "mine.toml"
    file.write_text(MINE)
    return file


def background(stage: Stage) -> str:
    return stage.screen.styles.background.hex


def words(stage: Stage) -> str:
    """What is on the screen, without blanks: a path may be cut anywhere."""
    return "".join(stage.text.split())


def save(file: Path, text: str) -> None:
    """As an editor does: another file takes the name."""
    new = file.with_suffix(".new")
    new.write_text(text)
    new.replace(file)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybridchat.tui.theming.LOOK_EVERY_S", 0.01)


async def test_the_screen_shows_the_theme_under_the_cursor(play: Screenplay, mine: Path) -> None:
    config = mine.parent / "config.toml"
    async with play(folders=[mine.parent], settings=Settings(config)) as stage:
        before = background(stage)
        await stage.press("f6")
        await stage.until_top(ThemePicker)
        await stage.type("mine")
        await stage.until(lambda: background(stage) == "#000000")
        assert not await asyncio.to_thread(config.exists)
        await stage.press("escape")
        await stage.until(lambda: background(stage) == before)
        await stage.press("f6")
        await stage.until_top(ThemePicker)
        await stage.type("mine")
        await stage.press("enter")
        await stage.until(lambda: load_config(config)[0].ui.theme == "mine")
        assert background(stage) == "#000000"


async def test_a_theme_that_cannot_be_read_says_why_and_changes_nothing(play: Screenplay, mine: Path) -> None:
    save(mine, MINE + 'mutted = "#888888"\n')
    async with play(folders=[mine.parent], size=(120, 40)) as stage:
        before = background(stage)
        await stage.press("f6")
        await stage.until_top(ThemePicker)
        await stage.type("mine")
        await stage.until(lambda: "mutted: there is no such" in stage.text)
        await stage.press("enter")
        assert isinstance(stage.app.screen, ThemePicker)
        assert "cannot be read" in stage.text
        assert background(stage) == before
        await stage.press("escape")
        await stage.until_top(ChatScreen)


async def test_a_theme_that_is_hard_to_read_says_so(play: Screenplay, mine: Path) -> None:
    save(mine, MINE + 'muted = "#333333"\n')
    async with play(folders=[mine.parent], size=(120, 40)) as stage:
        await stage.press("f6")
        await stage.until_top(ThemePicker)
        assert "hard to read: muted on" in stage.text


async def test_the_screen_follows_the_file_of_its_theme(play: Screenplay, mine: Path) -> None:
    async with play(folders=[mine.parent], theme="mine") as stage:
        save(mine, MINE.replace("#000000", "#101010"))
        await stage.until(lambda: background(stage) == "#101010")
        assert "mine is drawn as its file is now" in stage.text


async def test_a_mistake_while_editing_is_one_line_and_the_old_look_stays(play: Screenplay, mine: Path) -> None:
    async with play(folders=[mine.parent], theme="mine", size=(120, 40)) as stage:
        save(mine, MINE.replace("#86b4f5", "blau"))
        await stage.until(lambda: "primary: 'blau' is no colour" in stage.text)
        assert "mine.toml:3:primary:" in words(stage)
        assert background(stage) == "#000000"
        save(mine, MINE.replace("#000000", "#101010"))
        await stage.until(lambda: background(stage) == "#101010")
        assert "is no colour" not in stage.text


async def test_a_file_that_is_gone_changes_nothing(play: Screenplay, mine: Path) -> None:
    async with play(folders=[mine.parent], theme="mine") as stage:
        save(mine, "")
        await asyncio.to_thread(mine.unlink)
        save(mine, MINE.replace("#000000", "#202020"))
        await stage.until(lambda: background(stage) == "#202020")
