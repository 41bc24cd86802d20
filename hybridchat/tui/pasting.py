"""What a terminal sends, as Textual's parser can read it: a paste is text, never keys, nor is an answer, and a key is
the same key in whichever of its two spellings a terminal reports it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from itertools import chain

from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual.driver import Driver
from textual.geometry import Size
from textual.message import Message

ESCAPE, ITS_PICTURE = "\x1b", "␛"
OTHER_KEYS = re.compile("\x1b\\[27;(\\d+);(\\d+)~")  # xterm's and newer tmux' spelling of what kitty says with u
ALT_ENTER, ITS_NAME = "\x1b\r", "\x1b[13;3u"  # Textual would take it for Enter, which sends
# Textual takes Alt+C for ^ and c where much follows at once. What begins a longer sequence is left to it.
ALT_CHARACTER = re.compile("\x1b([!-MQ-WYZ`a-~])")
NAME, CELL, LAST = r"\x1bP>\|([^\x1b]*)\x1b\\", r"\x1b\[6;(\d+);(\d+)t", r"\x1b\[\?([\d;]*)c"  # its answers
CUT_ANSWER = r"\x1b(?:P>[^\x1b]{0,99}\x1b?|\[6;[\d;]{0,99}|\[\?[\d;]{0,99})\Z"
BEGIN, END = "\x1b[200~", "\x1b[201~"  # around a bracketed paste


class InertPastes:
    """Makes the escape characters within bracketed pastes visible, however the input is cut into pieces.

    Outside of a paste nothing is held back: a lone escape character is a key.
    """

    def __init__(self) -> None:
        self._is_pasting = False
        self._before = ""  # what went by, for a mark that is cut in two
        self._held = ""  # the end of a paste's piece that may be the beginning of its end mark

    def __call__(self, data: str) -> str:
        out = ""
        while data:
            piece, data = self._paste(data) if self._is_pasting else self._keys(data)
            out += piece
        return out

    def _keys(self, data: str) -> tuple[str, str]:
        """What goes on, and the rest, which is in a paste."""
        seen = self._before + data
        at = seen.find(BEGIN)
        if at < 0:
            self._before = seen[1 - len(BEGIN) :]
            return _named(data), ""
        self._is_pasting, self._before = True, ""
        rest = seen[at + len(BEGIN) :]
        return _named(data[: len(data) - len(rest)]), rest

    def _paste(self, data: str) -> tuple[str, str]:
        """The same within a paste."""
        text, end, rest = (self._held + data).partition(END)
        self._is_pasting, self._held = not end, ""
        if not end:
            begun = next((n for n in range(len(END) - 1, 0, -1) if text.endswith(END[:n])), 0)
            text, self._held = text[: len(text) - begun], text[len(text) - begun :]
        return text.replace(ESCAPE, ITS_PICTURE) + end, rest


def _named(keys: str) -> str:
    keys = OTHER_KEYS.sub(lambda found: f"\x1b[{found[2]};{found[1]}u", keys).replace(ALT_ENTER, ITS_NAME)
    return ALT_CHARACTER.sub(_with_alt, keys)


def _with_alt(found: re.Match[str]) -> str:
    """As kitty spells it, unless it is another key by custom: Option+- on a Mac, or Ctrl+Left."""
    return found[0] if found[0] in ANSI_SEQUENCES_KEYS else f"\x1b[{ord(found[1])};3u"


class Told(Message):
    """What a terminal says of itself, when it is asked: its name, the pixels of a cell and its attributes (DA1)."""

    def __init__(self, name: str, cell: Size | None, attributes: frozenset[str]) -> None:
        super().__init__()
        self.name, self.cell, self.attributes = name, cell, attributes


class Answers:
    """Takes a terminal's answers out of what it sends, however that is cut into pieces. The attributes come last."""

    def __init__(self) -> None:
        self._held = ""
        self._name = ""
        self._cell: Size | None = None
        self.told: list[Told] = []

    def __call__(self, data: str) -> str:
        """The keys."""
        data, self._held = self._held + data, ""
        if ESCAPE not in data:
            return data
        keys = re.sub(f"{NAME}|{CELL}|{LAST}", self._take, data)
        if cut := re.search(CUT_ANSWER, keys):
            keys, self._held = keys[: cut.start()], cut[0]
        return keys

    def _take(self, answer: re.Match[str]) -> str:
        name, height, width, attributes = answer.groups()
        if name is not None:
            self._name = name
        elif attributes is None:
            self._cell = Size(int(width), int(height))
        else:
            self.told.append(Told(self._name, self._cell, frozenset(attributes.split(";"))))
            self._name, self._cell = "", None
        return ""


def read_pastes_as_text(driver_class: type[Driver]) -> bool:
    """Puts `InertPastes` and `Answers` before the parser of a terminal's driver. False for those that have none there:
    without a terminal, and on Windows."""
    module = sys.modules[driver_class.__module__]
    if not hasattr(module, "XTermParser"):
        return False
    from textual._xterm_parser import XTermParser

    class Parser(XTermParser):
        def __init__(self, debug: bool = False) -> None:
            self._inert, self._answers = InertPastes(), Answers()
            super().__init__(debug)

        def feed(self, data: str) -> Iterable[Message]:
            keys = self._answers(self._inert(data))
            told, self._answers.told = self._answers.told, []
            return chain(told, super().feed(keys)) if keys or not data else told

    module.XTermParser = Parser  # type: ignore[attr-defined]
    return True
