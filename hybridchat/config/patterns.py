"""The user's own patterns. RE2 runs them, in time linear in the text whatever the pattern; a budget bounds the rest."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from hybridchat.domain.secrets.rules import Finding

_BUDGET_S = 0.015  # of this thread, so that a busy machine finds nothing that is not there
_LINE = 2000  # characters looked at together: some patterns take long for each
_OVERLAP = 200
_MEMORY = 1 << 17  # bytes for one pattern


def problem_of(pattern: str) -> str | None:
    """What is wrong with a pattern, as a clause; None: it can be used."""
    import re2  # type: ignore[import-untyped]

    try:
        compiled = _compiled(pattern)
    except re2.error as error:
        reason = error.args[0] if error.args else b""
        return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
    return "matches the empty text" if compiled.search(b"") else None


class OwnPatterns:
    """Finds what the patterns, by name, describe within one line. What time does not suffice for counts as found."""

    def __init__(self, patterns: Mapping[str, str]) -> None:
        self._patterns = patterns

    def find(self, text: str) -> Iterator[Finding]:
        until = time.thread_time() + _BUDGET_S
        for name, pattern in self._patterns.items():
            compiled = _compiled(pattern)
            for start, end in _stretches(text):
                if time.thread_time() > until:
                    yield Finding(name, start, len(text))
                    break
                for first, last in _matches(compiled, text[start:end]):
                    yield Finding(name, start + first, start + last)


def _stretches(text: str) -> Iterator[tuple[int, int]]:
    """Lines; long ones in stretches that overlap."""
    start = 0
    while start < len(text):
        newline = text.find("\n", start, start + _LINE)
        end = newline + 1 if newline >= 0 else min(start + _LINE, len(text))
        yield start, end
        start = end if newline >= 0 or end == len(text) else end - _OVERLAP


def _matches(compiled: Any, line: str) -> Iterator[tuple[int, int]]:
    """In characters; RE2 counts bytes."""
    encoded = line.encode(errors="replace")
    is_ascii = len(encoded) == len(line)
    for match in compiled.finditer(encoded):
        first, last = match.span()
        if first == last:
            continue
        if is_ascii:
            yield first, last
        else:
            before = len(encoded[:first].decode(errors="replace"))
            yield before, before + len(encoded[first:last].decode(errors="replace"))


@cache
def _compiled(pattern: str) -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    return re2.compile(pattern.encode(), options)
