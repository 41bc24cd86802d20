"""Reads commands of kitty's graphics protocol as a terminal does: written to its page, not to what writes them here."""

from __future__ import annotations

import re
from base64 import b64decode

MOST_PIECE = 4096
_COMMAND = re.compile(r"\x1b_G([^;\x1b]*)(?:;([^\x1b]*))?\x1b\\")


def read(written: str) -> tuple[dict[str, str], bytes]:
    """Of the one picture in it: the keys of its first piece, and its data."""
    keys: dict[str, str] = {}
    data = b""
    goes_on = False
    for command in _COMMAND.finditer(written):
        said = dict(pair.split("=") for pair in command[1].split(","))
        if said.get("a") == "d":
            continue
        piece = command[2] or ""
        assert len(piece) <= MOST_PIECE
        assert goes_on or not keys, "a second picture"
        keys = keys or said
        assert set(said) <= {"m", "q"} or said is keys, "only the first piece says what it is"
        goes_on = said.pop("m") == "1"
        assert not goes_on or len(piece) % 4 == 0
        data += b64decode(piece)
    assert not goes_on, "the last piece never came"
    return keys, data
