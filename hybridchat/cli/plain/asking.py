"""Questions as numbered choices in words: the first one is safe, and what an empty line chooses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from hybridchat.cli import output
from hybridchat.cli.plain.keyboard import Interrupted, Reader

T = TypeVar("T")


async def choose(reader: Reader, question: str, choices: Sequence[tuple[T, str]]) -> T:
    """The value of what is chosen; the first one's too for Ctrl+C, the end of all lines, and where nobody is."""
    safe = choices[0][0]
    if not reader.is_interactive:
        return safe
    output.note(question)
    for number, (_, words) in enumerate(choices, 1):
        output.note(f"{number}. {words}")
    while True:
        try:
            typed = await reader.read("Number, or Enter for 1:")
        except Interrupted:
            return safe
        if typed is None or not typed.strip():
            return safe
        if typed.strip().isdecimal() and 1 <= int(typed) <= len(choices):
            return choices[int(typed) - 1][0]
        output.note(f"Type a number from 1 to {len(choices)}.")


async def confirm(reader: Reader, question: str, yes: str, no: str = "No") -> bool:
    return await choose(reader, question, ((False, no), (True, yes)))


async def type_in(reader: Reader, prompt: str, *, is_secret: bool = False) -> str | None:
    """A line; None where there is none."""
    try:
        return await reader.read(prompt, is_secret=is_secret) if reader.is_interactive else None
    except Interrupted:
        return None
