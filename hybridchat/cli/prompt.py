"""The text of a question: the prompt, then standard input."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import click

from hybridchat.cli import output
from hybridchat.errors import UsageError

HINT_AFTER_S = 3.0
MAX_INPUT_BYTES = 16 << 20
"""Of standard input, a line of it, or a file of prompts: no context window holds as much, and `yes` never ends."""


class Words(click.ParamType[str]):
    """Text of the command line. A locale without UTF-8 hands over single bytes: they are put together again."""

    name = "text"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return value.encode("utf-8", errors="surrogateescape").decode("utf-8", errors="replace")
        except UnicodeEncodeError:  # a lone half of a UTF-16 pair
            return value.encode("utf-8", errors="replace").decode("utf-8")


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


def read_text(file: Path) -> str:
    """Raises UsageError for what cannot be read, is no text, or too long."""
    try:
        with file.open("rb") as opened:
            return _within_limit(opened.read(MAX_INPUT_BYTES + 1), str(file)).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{file} is not UTF-8 text", "give a text file") from None
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}", "check the name and its permissions") from None


def _within_limit(given: bytes, what: str) -> bytes:
    if len(given) > MAX_INPUT_BYTES:
        raise UsageError(f"{what} is over {MAX_INPUT_BYTES >> 20} MB", "no model reads that much at once: give a part")
    return given


def compose(prompt: str, piped: str, *, has_files: bool = False) -> str:
    """One message; piped text follows the prompt as it is. Raises UsageError for nothing, unless files go along."""
    text = "\n\n".join(part for part in (prompt.strip(), piped.rstrip("\n")) if part.strip())
    if not text and not has_files:
        raise UsageError("no question was given", 'such as "why is the sky blue?", or pipe text in')
    return text
