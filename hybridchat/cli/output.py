"""Printing: inert text for a terminal, raw text for a pipe, tables for people, JSON for programs."""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, cast
from unicodedata import combining, east_asian_width

import click

from hybridchat.domain.text import clean, clean_line
from hybridchat.errors import UsageError

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


_PLAINER = "hybridchat.plainer"
# What our own lines have beyond ASCII, where a terminal's encoding lacks it.
_PLAIN = {
    "·": "-",
    "…": "...",
    "–": "-",
    "—": "-",
    "≈": "~",
    "“": '"',
    "”": '"',
    "‹": "<",
    "›": ">",
    "×": "x",
    "≥": ">=",
}


class InertTerminal:
    """A standard stream that is a terminal, as everybody in this program sees it, other people's libraries and
    tracebacks too: whatever is written, the terminal gets inert text."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        return self.stream.write(clean(text))

    def writelines(self, lines: Iterable[str]) -> None:
        self.write("".join(lines))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def prepare_streams() -> None:
    """What was closed before the start goes nowhere, instead of into the first file that would get its number.
    A terminal gets inert text only; characters that its encoding lacks are replaced instead of ending the program."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - until the end
    codecs.register_error(_PLAINER, _in_plainer_characters)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        reconfigure = getattr(stream, "reconfigure", None)  # a test's or an embedder's stream may have none
        if reconfigure:
            reconfigure(errors=_PLAINER)
        if stream.isatty() and not isinstance(stream, InertTerminal):
            setattr(sys, name, InertTerminal(stream))


def _in_plainer_characters(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return "".join(_PLAIN.get(character, "?") for character in error.object[error.start : error.end]), error.end


def write(text: str) -> None:
    """A piece of data, at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def redraw(text: str) -> None:
    """One line of a terminal on stderr, drawn over the one before."""
    stream = sys.stderr.stream if isinstance(sys.stderr, InertTerminal) else sys.stderr
    stream.write(f"\r{clean_line(text, limit=100)}\x1b[K")
    stream.flush()


def line(text: str = "") -> None:
    write(f"{text}\n")


def note(text: str) -> None:
    """Talk: one line on stderr."""
    talk(f"{clean_line(text, limit=1000)}\n")


def talk(text: str) -> None:
    """On stderr, where it can be written: a full disk below it ends no reply."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        _discard(sys.stderr)


def error(text: str) -> None:
    note(f"hybridchat: {text}")


@contextmanager
def data_stream(file: Path | None = None) -> Iterator[TextIO]:
    """Where exported text goes: that file, readable by the user alone, or standard output.

    Raises UsageError for a file that cannot be written.
    """
    if file is None:
        yield sys.stdout
        return
    try:
        with open(
            file, "w", encoding="utf-8", newline="", opener=lambda path, flags: os.open(path, flags, 0o600)
        ) as stream:
            yield cast("TextIO", InertTerminal(stream)) if stream.isatty() else stream  # such as /dev/stdout
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror}", "name another file") from None


def discard_stdout() -> None:
    """After the reader of a pipe has gone: what is still buffered goes nowhere, so that nothing is raised at exit."""
    _discard(sys.stdout)


def _discard(stream: TextIO) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def json(value: object) -> None:
    """One JSON document, indented for a terminal."""
    import msgspec

    encoded = msgspec.json.encode(value)
    if sys.stdout.isatty():
        encoded = msgspec.json.format(encoded, indent=2)
    line(encoded.decode())


def json_line(value: object) -> None:
    """One of several JSON documents, each a line."""
    import msgspec

    line(msgspec.json.encode(value).decode())


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Aligned columns; numbers to the right, unknown (None) as a dash."""
    if not rows:
        return
    numeric = [all(isinstance(row[i], int | float | None) for row in rows) for i in range(len(headers))]
    cells = [list(headers), *([_cell(value) for value in row] for row in rows)]
    widths = [max(_width(row[i]) for row in cells) for i in range(len(headers))]
    for row in cells:
        padded = (_pad(text, width, right) for text, width, right in zip(row, widths, numeric, strict=True))
        line("  ".join(padded).rstrip())


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else clean_line(str(value))


def _pad(text: str, width: int, right: bool) -> str:
    blanks = " " * (width - _width(text))
    return blanks + text if right else text + blanks


def _width(text: str) -> int:
    """Terminal cells."""
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def size(size_bytes: int | None) -> str | None:
    """Bytes for people: `4.7 GB`."""
    if size_bytes is None:
        return None
    amount, units = float(size_bytes), iter(("B", "kB", "MB", "GB"))
    unit = next(units)
    while amount >= 1000 and unit != "GB":
        amount, unit = amount / 1000, next(units)
    return f"{amount:.1f} {unit}" if unit != "B" else f"{size_bytes} B"


def moment(iso: str) -> str:
    """A UTC moment of the ledger in the user's time zone: `2026-11-21 09:30`."""
    from datetime import datetime

    return datetime.fromisoformat(iso).astimezone().strftime("%Y-%m-%d %H:%M")
