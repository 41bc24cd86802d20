"""Pictures in pixels, where the terminal has them: as kitty or as DEC's terminals take them.

Textual draws cells and must not know: it gets private characters that stand for them. A terminal that speaks kitty's
protocol shows the picture in their place; for the others they are blanked at the last moment and the picture is drawn
there.
Loaded when the first picture is opened.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from base64 import b64encode
from collections.abc import Awaitable, Callable
from random import randrange
from typing import Literal

from msgspec import Struct
from rich.color import Color
from textual.geometry import Offset, Size

from hybridchat.domain.files import Preview, Sixels
from hybridchat.tui.pasting import Told

QUESTION = "\x1b[>q\x1b[16t\x1b[c"  # its name, a cell's pixels, and at last what every terminal answers
SIXEL = "4"  # among the attributes of a terminal that has them
MOST = Size(1600, 1200)  # pixels
_PIECE = 4096  # bytes of a command of kitty's
_KITTY = re.compile(r"kitty\((\d+)\.(\d+)|(ghostty)\b")
_KITTY_SINCE = (0, 28)  # the characters that stand for cells of a picture

STANDS_IN = "\U0010eeee"
# With that character, these stand for numbers from 0 on: a cell's row and column. Kitty's rowcolumn-diacritics.txt.
_NUMBERS = """
305 30d-30e 310 312 33d-33f 346 34a-34c 350-352 357 35b 363-36f 483-487 592-595 597-599 59c-5a1 5a8-5a9 5ab-5ac 5af
5c4 610-617 657-65b 65d-65e 6d6-6dc 6df-6e2 6e4 6e7-6e8 6eb-6ec 730 732-733 735-736 73a 73d 73f-741 743 745 747 749-74a
7eb-7f1 7f3 816-819 81b-823 825-827 829-82d 951 953-954 f82-f83 f86-f87 135d-135f 17dd 193a 1a17 1a75-1a7c 1b6b
1b6d-1b73 1cd0-1cd2 1cda-1cdb 1ce0 1dc0-1dc1 1dc3-1dc9 1dcb-1dcc 1dd1-1de6 1dfe 20d0-20d1 20d4-20d7 20db-20dc 20e1
20e7 20e9 20f0 2cef-2cf1 2de0-2dff a66f a67c-a67d a6f0-a6f1 a8e0-a8f1 aab0 aab2-aab3 aab7-aab8 aabe-aabf aac1 fe20-fe26
10a0f 10a38 1d185-1d189 1d1aa-1d1ad 1d242-1d244
"""


def _numbers() -> list[str]:
    ends = ([int(end, 16) for end in span.split("-")] for span in _NUMBERS.split())
    return [chr(code) for span in ends for code in range(span[0], span[-1] + 1)]


NUMBERS = _numbers()
_CELLS = re.compile(f"(?:{STANDS_IN}[{''.join(NUMBERS)}]{{2}})+")


Way = Literal["kitty", "sixel"]
Read = Callable[[Way, Size], Awaitable[Preview | Sixels]]
"""Reads a picture in at most so many pixels, and no more than it has. Raises UsageError."""


def way_of(told: Told, colours: str | None) -> Way | None:
    """How this terminal takes pixels, by its answers; None: not at all.

    A name is asked for, because some speak kitty's protocol without the characters that stand in. Their colour is the
    picture's number, so it must arrive as it is: `colours` is the system that is in use.
    """
    found = _KITTY.match(told.name)
    has_stand_ins = found and (found[3] or (int(found[1]), int(found[2])) >= _KITTY_SINCE)
    if has_stand_ins and colours == "truecolor":
        return "kitty"
    return "sixel" if SIXEL in told.attributes else None


class Drawn(Struct, frozen=True):
    """A picture that the terminal shows where its cells are: `begin` is written before them, `end` when they are gone.
    `sixels` are drawn over them."""

    cells: Size
    colour: Color | None = None
    begin: str = ""
    end: str = ""
    sixels: str = ""

    def line(self, row: int) -> str:
        return "".join(f"{STANDS_IN}{NUMBERS[row]}{NUMBERS[column]}" for column in range(self.cells.width))


async def draw(read: Read, way: Way, room: Size, cell: Size) -> Drawn:
    """As large as there is room, in cells of so many pixels. Raises UsageError where it cannot be read."""
    room = Size(min(room.width, len(NUMBERS)), min(room.height, len(NUMBERS)))
    most = Size(min(MOST.width, room.width * cell.width), min(MOST.height, room.height * cell.height))
    picture = await read(way, most)
    cells = Size(-(-picture.width // cell.width), -(-picture.height // cell.height))
    if isinstance(picture, Sixels):
        return Drawn(cells, sixels=picture.sequence)
    return await asyncio.to_thread(as_kitty, picture, cells)


def as_kitty(preview: Preview, cells: Size) -> Drawn:
    """Under a number that no other program is likely to have given; the terminal answers nothing."""
    number = randrange(1 << 16, 1 << 24)
    data = b64encode(zlib.compress(preview.rgb, 1)).decode()
    pieces = [data[at : at + _PIECE] for at in range(0, len(data), _PIECE)]
    what = f"a=T,U=1,i={number},f=24,o=z,s={preview.width},v={preview.height},c={cells.width},r={cells.height},"
    begin = "".join(
        f"\x1b_G{'' if at else what}q=2,m={int(at < len(pieces) - 1)};{piece}\x1b\\" for at, piece in enumerate(pieces)
    )
    colour = Color.from_rgb(number >> 16, number >> 8 & 255, number & 255)
    return Drawn(cells, colour, begin, end=f"\x1b_Ga=d,d=I,q=2,i={number}\x1b\\")


def blanked(data: str) -> str:
    """What is written to the terminal, with blanks for the cells that stand in: these also take sixels away."""
    return _CELLS.sub(lambda cells: " " * (len(cells[0]) // 3), data)


def passed_over(data: str) -> str:
    """With steps over these cells: what is there stays."""
    return _CELLS.sub(lambda cells: f"\x1b[{len(cells[0]) // 3}C", data)


def drawn_at(at: Offset, sixels: str) -> str:
    """With the cursor there, which then goes back."""
    return f"\x1b7\x1b[{at.y + 1};{at.x + 1}H{sixels}\x1b8"
