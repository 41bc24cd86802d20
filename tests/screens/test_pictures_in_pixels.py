"""A picture's life in a terminal that shows pixels: asked for, drawn, covered, resized, put away."""

from __future__ import annotations

from typing import Any

import pytest
from rich.color import ColorSystem
from textual.geometry import Size

from hybridchat.domain.files import Preview, Sixels
from hybridchat.errors import UsageError
from hybridchat.tui.pasting import Told
from hybridchat.tui.pixels import MOST, QUESTION, STANDS_IN, Way
from hybridchat.tui.screens.attachment import AttachmentView
from hybridchat.tui.screens.help import HelpScreen
from hybridchat.tui.widgets.picture import UPPER_HALF, Picture
from tests.tui.conftest import Screenplay, Stage

KITTY = Told("kitty(0.41.1)", Size(10, 20), frozenset({"62"}))
DEC = Told("", Size(10, 20), frozenset({"63", "4"}))
SMALL = Preview(4, 4, bytes(48))
SIXELS = "\x1bPq-the picture-\x1b\\"


class Viewing:
    """A picture of 200 × 90 pixels on the screen, what was asked of it, and what went to the terminal."""

    def __init__(self, stage: Stage, monkeypatch: pytest.MonkeyPatch, *, can_ask: bool = True) -> None:
        self.stage = stage
        self.written: list[str] = []
        self.asked: list[Size] = []
        self.fails = False
        self.picture = Picture(SMALL, self.read)
        self.driver: Any = stage.app._driver
        monkeypatch.setattr(self.driver, "write", self.written.append)
        monkeypatch.setattr(stage.app.console, "_color_system", ColorSystem.TRUECOLOR)
        stage.app.can_ask_terminal = can_ask
        stage.app.push_screen(AttachmentView("a.png", self.picture))

    async def read(self, way: Way, most: Size) -> Preview | Sixels:
        self.asked.append(most)
        if self.fails:
            raise UsageError("a.png cannot be read", "save it anew")
        return Sixels(200, 90, SIXELS) if way == "sixel" else Preview(200, 90, bytes(3 * 200 * 90))

    async def be_told(self, told: Told) -> None:
        """As the terminal answers the question, which must have been put."""
        await self.stage.until(lambda: QUESTION in self.written)
        self.written.clear()
        self.stage.app.post_message(Told(told.name, told.cell, told.attributes))
        await self.stage.until(lambda: STANDS_IN in self.line)

    @property
    def line(self) -> str:
        """Through its middle."""
        return self.picture.render_line((self.picture.size.height - 1) // 2).text.strip()

    def sent(self, part: str) -> int:
        return sum(part in sequence for sequence in self.written)


async def test_kitty_keeps_it_while_it_is_looked_at(play: Screenplay, monkeypatch: pytest.MonkeyPatch) -> None:
    async with play(size=(100, 40)) as stage:
        view = Viewing(stage, monkeypatch)
        await stage.until(lambda: UPPER_HALF in stage.text)
        await view.be_told(KITTY)
        await stage.until(lambda: STANDS_IN in stage.text)
        assert view.asked == [Size(view.picture.size.width * 10, view.picture.size.height * 20)]
        assert len(view.line) == 3 * 20
        assert sum(STANDS_IN in line for line in stage.text.splitlines()) == 5
        assert view.sent("c=20,r=5") == 1
        stage.app.app_resume_signal.publish(stage.app)
        await stage.until(lambda: view.sent("c=20,r=5") == 2)
        await stage.press("escape")
        await stage.until(lambda: view.sent("a=d") == 1)


async def test_under_another_screen_it_is_in_half_cells(play: Screenplay, monkeypatch: pytest.MonkeyPatch) -> None:
    async with play(size=(100, 40)) as stage:
        view = Viewing(stage, monkeypatch)
        await view.be_told(KITTY)
        await stage.press("f1")
        await stage.until_top(HelpScreen)
        assert set(view.line) == {UPPER_HALF}
        await stage.press("escape")
        await stage.until_top(AttachmentView)
        await stage.until(lambda: STANDS_IN in stage.text)
        assert view.sent("c=20") == 1, "it is still there"


async def test_in_another_size_all_is_asked_again(play: Screenplay, monkeypatch: pytest.MonkeyPatch) -> None:
    async with play(size=(100, 40)) as stage:
        view = Viewing(stage, monkeypatch)
        await view.be_told(KITTY)
        await stage.resize(60, 24)
        await stage.until(lambda: view.sent("a=d") == 1)
        await view.be_told(Told(KITTY.name, Size(300, 300), KITTY.attributes))
        assert view.asked[1] == Size(*MOST), "no more than that goes to any terminal"
        assert len(view.line) == 3


async def test_what_cannot_be_read_again_stays_as_it_is(play: Screenplay, monkeypatch: pytest.MonkeyPatch) -> None:
    async with play(size=(100, 40)) as stage:
        view = Viewing(stage, monkeypatch)
        view.fails = True
        await stage.until(lambda: QUESTION in view.written)
        stage.app.post_message(KITTY)
        await stage.until(lambda: view.asked)
        await stage.settle()
        assert set(view.line) == {UPPER_HALF}
        assert view.sent("\x1b_G") == 0


async def test_sixels_are_drawn_once_and_again_when_they_were_covered(
    play: Screenplay, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with play(size=(100, 40)) as stage:
        view = Viewing(stage, monkeypatch)
        await view.be_told(DEC)
        revise, line = view.driver.revise, view.line
        place, size = view.picture.region.offset, view.picture.size
        row, column = 1 + place.y + (size.height - 5) // 2, 1 + place.x + (size.width - 20) // 2
        drawn = f"{' ' * 20}\x1b7\x1b[{row};{column}H{SIXELS}\x1b8"
        assert revise(line) == drawn
        assert revise(f"a{line}b") == "a\x1b[20Cb", "they are not written over"
        assert revise("other cells") == "other cells"
        await stage.press("f1")
        await stage.until_top(HelpScreen)
        assert revise(line) == " " * 20, "nor do they lie over another screen"
        await stage.press("escape")
        await stage.until_top(AttachmentView)
        assert revise(line) == drawn
        await stage.press("escape")
        await stage.until(lambda: view.driver.revise is None)


async def test_nothing_is_asked_where_answers_would_be_keys(play: Screenplay, monkeypatch: pytest.MonkeyPatch) -> None:
    async with play(size=(100, 40)) as stage:
        view = Viewing(stage, monkeypatch, can_ask=False)
        await stage.until(lambda: UPPER_HALF in stage.text)
        await stage.resize(60, 24)
        assert view.sent(QUESTION) == 0
