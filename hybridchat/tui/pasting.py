"""What a terminal sends, as Textual's parser can read it: a paste is text, never keys, and a key is the same key in
whichever of its two spellings a terminal reports it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable

from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual.driver import Driver
from textual.message import Message

ESCAPE, ITS_PICTURE = "\x1b", "␛"
OTHER_KEYS = re.compile("\x1b\\[27;(\\d+);(\\d+)~")  # xterm's and newer tmux' spelling of what kitty says with u
ALT_ENTER, ITS_NAME = "\x1b\r", "\x1b[13;3u"  # Textual would take it for Enter, which sends
# Textual takes Alt+C for ^ and c where much follows at once. What begins a longer sequence is left to it.
ALT_CHARACTER = re.compile("\x1b([!-MQ-WYZ`a-~])")
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


def read_pastes_as_text(driver_class: type[Driver]) -> None:
    """Puts `InertPastes` before the parser of a terminal's driver. Other drivers have none."""
    module = sys.modules[driver_class.__module__]
    if not hasattr(module, "XTermParser"):
        return
    from textual._xterm_parser import XTermParser

    class Parser(XTermParser):
        def __init__(self, debug: bool = False) -> None:
            self._inert = InertPastes()
            super().__init__(debug)

        def feed(self, data: str) -> Iterable[Message]:
            inert = self._inert(data)
            return super().feed(inert) if inert or not data else ()

    module.XTermParser = Parser  # type: ignore[attr-defined]
