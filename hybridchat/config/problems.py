"""A mistake in the config file, and the line where it stands."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

KeyPath = tuple[str | int, ...]  # keys of tables and places in arrays, from the top of the file

_SYNTAX = re.compile(r" \(at (?:line (?P<line>\d+), column \d+|end of document)\)$")


class Problem(Struct, frozen=True):
    """One mistake as one line: `config.toml:12: backend.kind: "vlm" is not allowed — did you mean "vllm"?`."""

    file: str
    line: int | None
    key: str
    what: str
    allowed: str = ""
    is_minor: bool = False  # of something that is left out, while the rest of the file holds

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(filter(None, (where, self.key, self.what))) + (f" — {self.allowed}" if self.allowed else "")


def grave(problems: Iterable[Problem]) -> list[Problem]:
    """Those for which the file does not hold."""
    return [problem for problem in problems if not problem.is_minor]


def syntax_problem(error: tomllib.TOMLDecodeError, text: str, file: str) -> Problem:
    """The file is not TOML."""
    message = str(error)
    match = _SYNTAX.search(message)
    if match is None:
        return Problem(file, None, "", message)
    line = int(match["line"]) if match["line"] else text.count("\n") + 1
    what = message[: match.start()]
    return Problem(file, line, "", f"not valid TOML: {what[:1].lower()}{what[1:]}")


def problem_at(text: str, file: str, path: KeyPath, what: str, allowed: str = "") -> Problem:
    """A problem with the line where `path` stands in `text`; for a key that is missing, the line of its table."""
    line = next((found for end in range(len(path), 0, -1) if (found := line_of(text, path[:end]))), None)
    key = ".".join(step if re.fullmatch(r"[\w-]+", step) else f'"{step}"' for step in path if isinstance(step, str))
    return Problem(file, line, key, what, allowed)


def line_of(text: str, path: KeyPath) -> int | None:
    """The line, counted from 1, where the statement begins with which the file holds `path`; None when it does not."""
    name = next(step for step in reversed(path) if isinstance(step, str))
    lines = [f"{line}\n" for line in text.split("\n")]  # TOML knows no other ends of lines
    for number, line in enumerate(lines, 1):
        if name not in line:
            continue
        before = _parse(lines[: number - 1])  # None within a statement of several lines
        if before is not None and not _holds(before, path) and _begins(lines, number, path):
            return number
    return None


def _begins(lines: list[str], number: int, path: KeyPath) -> bool:
    """Whether the statement that begins on that line, over however many lines, brings `path`."""
    parsed = (_parse(lines[:end]) for end in range(number, len(lines) + 1))
    whole = next((data for data in parsed if data is not None), None)
    return whole is not None and _holds(whole, path)


def _parse(lines: list[str]) -> dict[str, Any] | None:
    try:
        return tomllib.loads("".join(lines))
    except tomllib.TOMLDecodeError:
        return None


def _holds(data: dict[str, Any], path: KeyPath) -> bool:
    try:
        at(data, path)
    except (LookupError, TypeError):
        return False
    return True


def at(data: Any, path: KeyPath) -> Any:
    for step in path:
        data = data[step]
    return data
