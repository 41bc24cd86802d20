"""The text of a question: the prompt, then the files, then standard input."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import AnyStr

import click

from hybridchat.cli import output
from hybridchat.errors import UsageError

HINT_AFTER_S = 3.0
MAX_INPUT_BYTES = 16 << 20
"""Of a file or of standard input: no context window holds as much, and `yes` never ends."""


class Words(click.ParamType[str]):
    """Text of the command line. A locale without UTF-8 hands over single bytes: they are put together again."""

    name = "text"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return value.encode("utf-8", errors="surrogateescape").decode("utf-8", errors="replace")
        except UnicodeEncodeError:  # a lone half of a UTF-16 pair
            return value.encode("utf-8", errors="replace").decode("utf-8")


def read_files(paths: Iterable[Path]) -> list[tuple[str, str]]:
    """(name, text) of each. Raises UsageError for what cannot be read, is no text or too long."""
    return [(path.name, _read(path)) for path in paths]


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(MAX_INPUT_BYTES + 1)
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text", "give a text file") from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", "check the name and its permissions") from None
    return _within_limit(text, str(path))


def stdin_files() -> tuple[Path, ...]:
    """The file that standard input is read from; none for a pipe or a terminal, and where the system does not tell."""
    link = Path("/proc/self/fd/0")  # Linux
    try:
        return (link.resolve(),) if link.is_file() else ()
    except OSError:
        return ()


def read_stdin() -> str:
    """Everything that is piped in; nothing from a terminal or a closed descriptor. Raises UsageError for too much.

    Remote shells and supervisors may leave a pipe open that never ends: who waits for it is told.
    """
    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
        return ""
    hint = threading.Timer(
        HINT_AFTER_S, output.note, ("waiting for the end of standard input; `< /dev/null` leaves it out",)
    )
    hint.daemon = True
    hint.start()
    try:
        piped = sys.stdin.buffer.read(MAX_INPUT_BYTES + 1)
    finally:
        hint.cancel()
    return _within_limit(piped, "standard input").decode("utf-8", errors="replace")


def _within_limit(given: AnyStr, what: str) -> AnyStr:
    if len(given) > MAX_INPUT_BYTES:
        raise UsageError(f"{what} is over {MAX_INPUT_BYTES >> 20} MB", "no model reads that much at once: give a part")
    return given


def compose(prompt: str, files: Sequence[tuple[str, str]], piped: str) -> str:
    """One message. Files are fenced under their names, piped text follows as it is. Raises UsageError for nothing."""
    parts = [prompt.strip(), *(f"{name}:\n{_fenced(text)}" for name, text in files), piped.rstrip("\n")]
    text = "\n\n".join(part for part in parts if part.strip())
    if not text:
        raise UsageError("no question was given", 'try `hybridchat ask "why is the sky blue?"` or pipe text in')
    return text


def _fenced(text: str) -> str:
    """In a fence longer than any inside."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}\n{text.rstrip()}\n{fence}"
