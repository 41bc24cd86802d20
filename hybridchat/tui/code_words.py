"""What is said of code that is taken out of a chat; the screen's words, and those of `--plain`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hybridchat.domain.chat import Message
from hybridchat.domain.text import clean_line, count_of
from hybridchat.errors import UsageError
from hybridchat.session.piping import LIMIT_S, shell
from hybridchat.tui.transcript.fences import CodeBlock

if TYPE_CHECKING:
    from hybridchat.session.piping import Piped

PINNED = "This chat stays on your machines; where the command sends it is up to the command."


def block_words(block: CodeBlock) -> tuple[str, str]:
    """How it begins, and what it is."""
    lines = count_of(len(block.text.rstrip("\n").splitlines()), "line")
    return clean_line(block.text, 100) or "(empty)", f"{clean_line(block.language, 20) or 'text'}, {lines}"


def where_it_runs() -> str:
    return f"It goes to {' '.join(shell())}, without the API keys; it ends after {LIMIT_S:g} s."


def how_it_ended(done: Piped) -> str:
    """Words for what a program leaves besides its output."""
    how = done.ended_by or ("it worked" if done.exit_code == 0 else f"exit code {done.exit_code}")
    wrote = "" if done.output or done.errors else ", it wrote nothing"
    return f"{how}{wrote}{', not all of its output is kept' if done.is_cut else ''}".capitalize()


def quoted(text: str) -> str:
    """Markdown's way: each line behind a `>`."""
    return "\n".join(f"> {line}".rstrip() for line in text.strip("\n").splitlines())


def numbered(messages: Sequence[Message], number: str) -> Message:
    """The one of that number on this branch. Raises UsageError."""
    found = next((message for message in messages if str(message.id) == number), None)
    if found is None:
        raise UsageError(f"{clean_line(number, 40)!r} is no message of this branch", "/tree has their numbers")
    return found
