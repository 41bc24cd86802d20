"""What is told of files that somebody may attach."""

from __future__ import annotations

from msgspec import Struct


class Listing(Struct, frozen=True):
    """Names below a folder, with / between their parts and at the end of a folder's; `is_whole` where none is left
    out because there are too many."""

    names: tuple[str, ...]
    is_whole: bool = True


class Preview(Struct, frozen=True):
    """A picture: rows of pixels from the top, three bytes each: red, green, blue."""

    width: int
    height: int
    rgb: bytes


class Sixels(Struct, frozen=True):
    """A picture of so many pixels, as the sequence that makes a terminal draw it where its cursor is."""

    width: int
    height: int
    sequence: str
