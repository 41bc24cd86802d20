"""Reads sixels as a terminal does: written to the VT340's manual, not to what writes them here."""

from __future__ import annotations

import re
from typing import NamedTuple

_WHOLE = re.compile(r'\x1bP[\d;]*q"1;1;(\d+);(\d+)(.*)\x1b\\', re.DOTALL)
_TOKEN = re.compile(r"#(\d+)(?:;2;(\d+);(\d+);(\d+))?|!(\d+)([?-~])|([?-~])|([$-])")


class Picture(NamedTuple):
    """Pixels by (x, y): red, green, blue in percent."""

    width: int
    height: int
    pixels: dict[tuple[int, int], tuple[int, ...]]


def read(sequence: str) -> Picture:
    """Every character of it must mean something."""
    whole = _WHOLE.fullmatch(sequence)
    assert whole is not None, sequence[:80]
    registers: dict[int, tuple[int, ...]] = {}
    pixels: dict[tuple[int, int], tuple[int, ...]] = {}
    at = x = y = colour = 0
    while at < len(whole[3]):
        token = _TOKEN.match(whole[3], at)
        assert token is not None, whole[3][at : at + 20]
        at = token.end()
        register, *rgb, count, repeated, single, move = token.groups()
        if register is not None:
            colour = int(register)
            if rgb[0] is not None:
                registers[colour] = tuple(map(int, rgb))
        elif move is not None:
            x, y = 0, y + (6 if move == "-" else 0)
        else:
            bits = ord(repeated or single) - 63
            rows = [y + place for place in range(6) if bits >> place & 1]
            run = range(x, x + int(count or 1))
            pixels.update(((column, row), registers[colour]) for column in run for row in rows)
            x = run.stop
    return Picture(int(whole[1]), int(whole[2]), pixels)
