"""Pixels as DEC's terminals take them, six rows at a time: for each colour of a band, which of them it has."""

from __future__ import annotations

import re

BAND = 6  # rows
_BLANK = ord("?")  # of six pixels none; each of them adds its bit
_PRINTABLE = bytes(_BLANK + bits if bits < 1 << BAND else 0 for bits in range(256))
_RUN = re.compile(rb"(.)\1{3,}", re.DOTALL)


def encode(width: int, height: int, indexes: bytes, palette: bytes) -> bytes:
    """The whole sequence. `indexes`: one byte a pixel, by rows from the top, into `palette`: red, green, blue each."""
    used = set(indexes)
    colours = (b"#%d;2;%d;%d;%d" % (one, *_percent(palette[3 * one : 3 * one + 3])) for one in sorted(used))
    rows = [indexes[at : at + width] for at in range(0, width * height, width)]
    bands = (_band(rows[top : top + BAND]) for top in range(0, height, BAND))
    return b'\x1bP0;1;0q"1;1;%d;%d' % (width, height) + b"".join(colours) + b"-".join(bands) + b"\x1b\\"


def _percent(colour: bytes) -> tuple[int, ...]:
    return tuple((value * 100 + 127) // 255 for value in colour)


def _band(rows: list[bytes]) -> bytes:
    """Each colour goes over the band once; what it does not have stays as it is."""
    lines = []
    for colour in sorted(set().union(*rows)):
        only = bytes(value == colour for value in range(256))
        bits = sum(int.from_bytes(row.translate(only)) << place for place, row in enumerate(rows))
        line = bits.to_bytes(len(rows[0])).translate(_PRINTABLE).rstrip(b"?")
        lines.append(b"#%d" % colour + _RUN.sub(lambda run: b"!%d" % len(run[0]) + run[1], line))
    return b"$".join(lines)
