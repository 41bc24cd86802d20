"""A picture in terminals that show pixels and in those that do not: what goes there, byte by byte."""

from __future__ import annotations

import re
import sys
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from hybridchat.tui.pixels import NUMBERS, QUESTION, STANDS_IN
from tests import kitty, sixels
from tests.terminal.conftest import Serve
from tests.terminal.sitting import configure, sitting, stored
from tests.tui.terminal import Terminal

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal")

ALT_J, ESC = "\x1bj", "\x1b"
WIDTH, HEIGHT = 64, 48
COLOURS = [(0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 51, 204)]  # whole percents
PIXELS = Random(7).choices(COLOURS, k=WIDTH * HEIGHT)
CELLS = re.compile(f"(?:{STANDS_IN}..)+")


@contextmanager
def opened(home: Path, serve: Serve, folder: Path, env: Mapping[str, str] | None = None) -> Iterator[Terminal]:
    """The picture, until the program is left."""
    image = pytest.importorskip("PIL.Image")
    picture = image.new("RGB", (WIDTH, HEIGHT))
    picture.putdata(PIXELS)
    picture.save(folder / "noise.png")
    configure(home, serve())
    with sitting(home, env=env, columns=100, rows=30) as terminal:
        terminal.type(f"look @{folder}/noi")
        terminal.wait_for("noise.png")
        terminal.type("\r")
        terminal.wait_for("Attached")
        assert QUESTION not in written(terminal), "nothing is asked before there is a picture"
        terminal.type(ALT_J)
        terminal.wait_for("Open it")
        terminal.type("\r")
        yield terminal


@contextmanager
def looking(home: Path, serve: Serve, folder: Path, env: Mapping[str, str] | None = None) -> Iterator[Terminal]:
    """At the picture, until it is closed and the message goes on and is sent: no answer may be in it."""
    with opened(home, serve, folder, env) as terminal:
        yield terminal
        before = len(terminal.raw)
        terminal.type(ESC)
        terminal.wait_until(lambda: b"Enter sends to" in terminal.raw[before:])
        terminal.type("and on\r")
        terminal.wait_until(lambda: stored(home, "SELECT text FROM message WHERE role = 'user'"))
    assert stored(home, "SELECT text FROM message WHERE role = 'user'") == [(f"look @{folder}/noise.png and on",)]


def written(terminal: Terminal) -> str:
    return terminal.raw.decode(errors="ignore")


def answer(terminal: Terminal, answers: str) -> None:
    terminal.wait_until(lambda: QUESTION in written(terminal))
    terminal.type(answers)


def test_kitty_shows_every_pixel_where_its_cells_are(home: Path, serve: Serve, tmp_path: Path) -> None:
    with looking(home, serve, tmp_path) as terminal:
        answer(terminal, "\x1bP>|kitty(0.41.1)\x1b\\\x1b[6;18;9t\x1b[?62;c")
        cells = {f"{STANDS_IN}{NUMBERS[row]}{NUMBERS[column]}" for row in range(3) for column in range(8)}
        terminal.wait_until(lambda: cells <= set(re.findall(f"{STANDS_IN}..", written(terminal))))
        keys, data = kitty.read(written(terminal))
        assert zlib.decompress(data) == bytes(value for pixel in PIXELS for value in pixel)
        assert (keys["s"], keys["v"], keys["c"], keys["r"]) == ("64", "48", "8", "3")
        number = int(keys["i"])
        line = f"38;2;{number >> 16};{number >> 8 & 255};{number & 255};[0-9;]*m{STANDS_IN}{NUMBERS[0]}{NUMBERS[0]}"
        assert re.search(line, written(terminal)), "the colour of the cells is the picture's number"
        assert {len(run[0]) for run in CELLS.finditer(written(terminal))} == {3 * 8}, "and there are no others"
    assert f"\x1b_Ga=d,d=I,q=2,i={number}\x1b\\" in written(terminal), "its memory is given back"


def test_kitty_keeps_nothing_of_it_when_the_program_is_left(home: Path, serve: Serve, tmp_path: Path) -> None:
    with opened(home, serve, tmp_path) as terminal:
        answer(terminal, "\x1bP>|kitty(0.41.1)\x1b\\\x1b[6;18;9t\x1b[?62;c")
        terminal.wait_until(lambda: STANDS_IN in written(terminal))
    assert re.search("\x1b_Ga=d,d=I,.*\x1b\\[\\?1049l", written(terminal), re.DOTALL)


def test_a_terminal_with_sixels_gets_them_once(home: Path, serve: Serve, tmp_path: Path) -> None:
    with looking(home, serve, tmp_path) as terminal:
        answer(terminal, "\x1b[6;20;10t\x1b[?63;1;2;4c")
        terminal.wait_until(lambda: re.search(r"\x1bP0;1;0q[^\x1b]*\x1b\\\x1b8", written(terminal)))
    (drawn,) = re.finditer(r"\x1b7\x1b\[(\d+);(\d+)H(\x1bP[^\x1b]*\x1b\\)\x1b8", written(terminal))
    picture = sixels.read(drawn[3])
    assert (picture.width, picture.height) == (WIDTH, HEIGHT)
    assert picture.pixels == {
        (at % WIDTH, at // WIDTH): tuple(value * 100 // 255 for value in pixel) for at, pixel in enumerate(PIXELS)
    }
    row, column = int(drawn[1]), int(drawn[2])
    assert column == 1 + (100 - 7) // 2
    assert 1 < row < 30 - 3
    assert STANDS_IN not in written(terminal)


@pytest.mark.parametrize(
    "answers", ["\x1bP>|tmux 3.3a\x1b\\\x1b[?1;2c", "\x1bP>|kitty(0.27.0)\x1b\\\x1b[6;18;9t\x1b[?62c"]
)
def test_other_terminals_get_half_cells(home: Path, serve: Serve, tmp_path: Path, answers: str) -> None:
    with looking(home, serve, tmp_path) as terminal:
        answer(terminal, answers)
        terminal.wait_until(lambda: "▀" in written(terminal))
    assert not re.search(f"\x1b_|\x1bP|{STANDS_IN}", written(terminal))


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "linux", "COLORTERM": ""}])
def test_without_colours_nothing_is_asked(home: Path, serve: Serve, tmp_path: Path, env: dict[str, str]) -> None:
    with looking(home, serve, tmp_path, env) as terminal:
        terminal.wait_until(lambda: "No preview" in written(terminal))
    assert not re.search(f"\x1b_|\x1bP|\x1b\\[>q|{STANDS_IN}", written(terminal))
