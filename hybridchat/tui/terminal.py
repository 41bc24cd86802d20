"""The terminal's life: signals, a closed window, what an ASCII terminal can show, and what a crash may say."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import struct
import sys
import traceback
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.driver import Driver
from textual.filter import LineFilter
from textual.geometry import Size
from textual.worker import WorkerFailed

from hybridchat.domain.text import clean

ESCAPE_DELAY_S = 0.025  # a lone Esc is told from a sequence after this; terminals send a sequence in one piece

_LOOKS = {
    "-": "─━—–▔",
    "|": "│┃▏▕▌▐▎▊",
    "+": "┌┐└┘├┤┬┴┼╭╮╰╯",
    "#": "█▀▄▂▃▅▆▇",
    ".": "·…",
    "*": "•",
    "<": "‹←",
    ">": "›→▸",
    "_": "▁",
    "^": "↑",
    "v": "↓▾",
    "~": "≈",
    "x": "×",
}
_BOXES = str.maketrans({symbol: look for look, symbols in _LOOKS.items() for symbol in symbols})


class InertFilter(LineFilter):
    """What the widgets drew, whatever they were given: inert in each cell, and no hyperlink for the terminal.

    They clean their texts themselves, because cleaning may change a width; this makes forgetting it harmless.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment
            if segment.control or (segment.text.isprintable() and not (segment.style and segment.style.link))
            else Segment(_inert(segment.text), segment.style and segment.style.update_link(None))
            for segment in segments
        ]


def _inert(text: str) -> str:
    return clean(text).replace("\n", " ").replace("\t", " ")


class AsciiFilter(LineFilter):
    """For a terminal whose encoding is not UTF-8: every cell becomes one printable ASCII character."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment if segment.text.isascii() else Segment(to_ascii(segment.text), segment.style, segment.control)
            for segment in segments
        ]


def to_ascii(text: str) -> str:
    """The same number of cells in ASCII: lines and dots by their look, accents stripped, the rest as question marks."""
    return "".join(c if c.isascii() else _to_ascii(c) for c in text.translate(_BOXES))


def _to_ascii(character: str) -> str:
    width = cell_len(character)
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return plain if len(plain) == width and plain.isprintable() else "?" * width


def on_end_signals(loop: asyncio.AbstractEventLoop, end: Callable[[int], None]) -> None:
    """SIGINT from outside (Ctrl+C is a key), SIGTERM and SIGHUP (a closed terminal) call `end` with the exit code,
    128 + number; where they exist."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None:
            try:
                loop.add_signal_handler(number, end, 128 + number)
            except NotImplementedError:  # Windows' loops
                return


def suspend_job(driver: Driver) -> None:
    """What a terminal's own Ctrl+Z does: the whole job stops, a wrapper such as `uv run` or a shell script with it.

    The shell takes the terminal as soon as it sees the wrapper stop, so the terminal is put right before that. After
    SIGCONT the driver's own handler starts it again, as after a SIGTSTP from outside.
    """
    driver.suspend_application_mode()
    driver._must_signal_resume = True  # type: ignore[attr-defined]
    own_handler = signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    os.kill(0, signal.SIGTSTP)
    signal.signal(signal.SIGTSTP, own_handler)
    os.kill(os.getpid(), signal.SIGSTOP)


def crash_report(error: BaseException, log: Path | None) -> str:
    """One line about a fault of our own. Where it was goes to `log`; neither holds a local or a message's words."""
    if isinstance(error, WorkerFailed):
        error = error.error
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "unknown place"
    fault = f"{type(error).__name__} in {where}"
    line = f"hybridchat stopped by a fault of its own ({fault}). Your messages are in the ledger."
    if log is None:
        return line
    try:
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            log.chmod(0o600)
            file.write(f"{type(error).__name__}\n")
            file.writelines(f"  {frame.filename}:{frame.lineno} in {frame.name}\n" for frame in frames)
    except OSError:
        return line
    return f"{line} Where: {log}"


class Output:
    """The terminal as Textual's writer thread sees it; one that has gone away swallows what is written.

    The thread would die of the error, and the app would then wait for it for ever.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        try:
            return self._file.write(text)
        except OSError:
            self._discard()
            return len(text)

    def flush(self) -> None:
        try:
            self._file.flush()
        except OSError:
            self._discard()

    def fileno(self) -> int:
        return self._file.fileno()

    def _discard(self) -> None:
        """What is still buffered goes nowhere, now and when the interpreter ends."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._file.fileno())
        os.close(nowhere)


def surviving(driver_class: type[Driver]) -> type[Driver]:
    """The same driver, writing through `Output` to standard output, not to what may be a file; SIGSTOP does no harm."""

    class SurvivingDriver(driver_class):  # type: ignore[valid-type, misc]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.is_muted = False  # another program has the terminal
            self.revise: Callable[[str], str] | None = None  # what is written, at the last moment
            self.last_of_all = ""  # written before the terminal is another program's
            if sys.__stdout__ is not None and getattr(self, "_file", None) is sys.__stderr__:
                self._file = Output(sys.__stdout__)

        def write(self, data: str) -> None:
            if not self.is_muted:
                super().write(self.revise(data) if self.revise else data)

        def stop_application_mode(self) -> None:
            if self.last_of_all:
                self.write(self.last_of_all)
            super().stop_application_mode()

        def _sigcont_application(self, *arguments: Any) -> None:
            if self._must_signal_resume:  # Ctrl+Z, which Textual saw coming
                super()._sigcont_application(*arguments)
            elif self._auto_restart:  # from the loop: the handler may have interrupted what `_begin_anew` needs
                asyncio.get_running_loop().call_soon_threadsafe(self._begin_anew)

        def _begin_anew(self) -> None:
            """After a SIGSTOP. Begun without an end, two threads would share the keys and the terminal stay raw."""
            self.suspend_application_mode()
            self._must_signal_resume = True
            self.resume_application_mode()

    return SurvivingDriver


def is_hung_up(fileno: int) -> bool:
    """True once the terminal's window is closed, also where no SIGHUP tells so; False where that cannot be asked."""
    if not hasattr(select, "poll"):
        return False
    poll = select.poll()
    poll.register(fileno, 0)
    return any(events & select.POLLHUP for _, events in poll.poll(0))


def cell_of_window() -> Size | None:
    """Width and height of a cell in pixels, where the terminal has told the system how large its window is."""
    try:
        import fcntl
        import termios

        told = fcntl.ioctl(sys.__stdout__, termios.TIOCGWINSZ, bytes(8)) if sys.__stdout__ else bytes(8)
    except (ImportError, OSError):  # Windows; no terminal
        return None
    rows, columns, width, height = struct.unpack("HHHH", told)
    return Size(width // columns, height // rows) if width >= columns > 0 and height >= rows > 0 else None
