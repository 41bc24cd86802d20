"""What is sent to terminals that show pixels, read as they read it."""

from __future__ import annotations

import re
import unicodedata
import zlib
from random import Random

import pytest
from textual.geometry import Offset, Size

from hybridchat.domain.files import Preview
from hybridchat.tui.pasting import Told
from hybridchat.tui.pixels import NUMBERS, STANDS_IN, Drawn, as_kitty, blanked, drawn_at, passed_over, way_of
from tests.kitty import read

NOISE = Random(7).randbytes(3 * 90 * 80)


@pytest.mark.parametrize(
    ("name", "attributes", "colours", "way"),
    [
        ("kitty(0.41.1)", "62", "truecolor", "kitty"),
        ("kitty(0.28.0)", "62", "truecolor", "kitty"),
        ("kitty(0.27.1)", "62", "truecolor", None),
        ("kitty(1.0.0)", "62", "truecolor", "kitty"),
        ("kitty(0.41.1)", "62", "256", None),
        ("ghostty 1.2.0", "62;22", "truecolor", "kitty"),
        ("WezTerm 20240203", "65;4;6;18;22", "truecolor", "sixel"),
        ("XTerm(379)", "63;1;2;4;6", "256", "sixel"),
        ("XTerm(379)", "64;1;2;6;14;24;44", "truecolor", None),
        ("", "63;1;2;3;4", "truecolor", "sixel"),
        ("tmux 3.3a", "1;2", "truecolor", None),
    ],
)
def test_a_terminal_gets_what_it_says_that_it_takes(name: str, attributes: str, colours: str, way: str | None) -> None:
    assert way_of(Told(name, Size(10, 20), frozenset(attributes.split(";"))), colours) == way


def test_kitty_gets_every_pixel_in_pieces_that_it_takes() -> None:
    drawn = as_kitty(Preview(90, 80, NOISE), Size(9, 4))
    assert len(re.findall("\x1b_G", drawn.begin)) > 3
    keys, data = read(drawn.begin)
    assert zlib.decompress(data) == NOISE
    colour = drawn.colour
    assert colour is not None and colour.triplet is not None
    red, green, blue = colour.triplet
    number = keys.pop("i")
    assert int(number) == red << 16 | green << 8 | blue
    assert keys == {"a": "T", "U": "1", "q": "2", "f": "24", "o": "z", "s": "90", "v": "80", "c": "9", "r": "4"}
    assert drawn.end == f"\x1b_Ga=d,d=I,q=2,i={number}\x1b\\"


def test_each_cell_says_its_row_and_column() -> None:
    line = Drawn(Size(297, 297)).line(296)
    assert len(line) == 3 * 297
    assert {line[at] for at in range(0, len(line), 3)} == {STANDS_IN}
    assert {line[at] for at in range(1, len(line), 3)} == {NUMBERS[296]}
    assert [line[at] for at in range(2, len(line), 3)] == NUMBERS


def test_numbers_are_marks_over_a_letter() -> None:
    assert (len(NUMBERS), len(set(NUMBERS))) == (297, 297)
    assert (NUMBERS[0], NUMBERS[1], NUMBERS[296]) == ("\u0305", "\u030d", "\U0001d244")
    assert all(unicodedata.combining(mark) == 230 for mark in NUMBERS)


def test_for_sixels_the_cells_are_blanks_or_steps() -> None:
    line = Drawn(Size(12, 2)).line(1)
    written = f"\x1b[3;5H\x1b[48;2;1;2;3m {line}\x1b[0mrest"
    assert blanked(written) == f"\x1b[3;5H\x1b[48;2;1;2;3m {' ' * 12}\x1b[0mrest"
    assert passed_over(written) == "\x1b[3;5H\x1b[48;2;1;2;3m \x1b[12C\x1b[0mrest"
    assert blanked(f"a{STANDS_IN}\x1b[0m") == f"a{STANDS_IN}\x1b[0m", "a name may have that character too"
    assert drawn_at(Offset(4, 2), "SIXELS") == "\x1b7\x1b[3;5HSIXELS\x1b8"
