"""Placeholders instead of what was found, and back.

The same value has the same placeholder over a whole request. Which value a placeholder stands for is kept nowhere: it
is found out again by masking the same texts in the same order.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from hybridchat.domain.secrets.rules import Finding

_PLACEHOLDER = re.compile(r"<[A-Z0-9_]{1,64}_[0-9]{1,9}>")

Scan = Callable[[str], Sequence[Finding]]


class Masked(NamedTuple):
    """The texts with placeholders, and which value each of these stands for."""

    texts: tuple[str, ...]
    values: dict[str, str]  # by placeholder


def mask(texts: Iterable[str], scan: Scan) -> Masked:
    """A placeholder that stands in one of the texts already is nobody's here: numbers go on behind it."""
    originals = tuple(texts)
    taken = {found[0] for text in originals for found in _PLACEHOLDER.finditer(text)}
    placeholders: dict[str, str] = {}  # by value
    numbers: Counter[str] = Counter()

    def placeholder_of(value: str, kind: str) -> str:
        while value not in placeholders:
            label = label_of(kind)
            numbers[label] += 1
            candidate = f"<{label}_{numbers[label]}>"
            if candidate not in taken:
                placeholders[value] = candidate
        return placeholders[value]

    masked = tuple(_masked(text, scan, placeholder_of) for text in originals)
    return Masked(masked, {placeholder: value for value, placeholder in placeholders.items()})


def _masked(text: str, scan: Scan, placeholder_of: Callable[[str, str], str]) -> str:
    """Looks again until nothing is found: what stood close to a finding may be one by itself."""
    pieces: list[str] = [text]  # of the original, with placeholders between them
    while True:
        joined, ours = _joined(pieces)
        found = [piece for finding in scan(joined) for piece in _outside(finding, ours)]
        if not found:
            return joined
        pieces = _cut(joined, found, ours, placeholder_of)


def _joined(pieces: list[str]) -> tuple[str, list[tuple[int, int]]]:
    """The text, and where in it the placeholders are: every second piece is one."""
    spans: list[tuple[int, int]] = []
    at = 0
    for index, piece in enumerate(pieces):
        if index % 2:
            spans.append((at, at + len(piece)))
        at += len(piece)
    return "".join(pieces), spans


def _outside(finding: Finding, ours: list[tuple[int, int]]) -> list[Finding]:
    """The parts of it that are no placeholder of ours."""
    parts, start = [], finding.start
    for first, last in ours:
        if last <= start or first >= finding.end:
            continue
        if first > start:
            parts.append(Finding(finding.kind, start, first))
        start = last
    return [*parts, Finding(finding.kind, start, finding.end)] if start < finding.end else parts


def _cut(
    text: str, found: list[Finding], ours: list[tuple[int, int]], placeholder_of: Callable[[str, str], str]
) -> list[str]:
    replaced = [(first, last, text[first:last]) for first, last in ours]
    replaced += [(f.start, f.end, placeholder_of(text[f.start : f.end], f.kind)) for f in found]
    pieces, at = [], 0
    for first, last, placeholder in sorted(replaced):
        pieces += [text[at:first], placeholder]
        at = last
    return [*pieces, text[at:]]


def label_of(kind: str) -> str:
    """`OpenAI key` → `OPENAI_KEY`."""
    return re.sub(r"[^A-Z0-9]+", "_", kind.upper())[:60].strip("_") or "SECRET"


def placeholders_in(text: str) -> list[tuple[int, int]]:
    """Where something stands that looks like one."""
    return [found.span() for found in _PLACEHOLDER.finditer(text)]


def unmask(text: str, values: Mapping[str, str]) -> str:
    """With the values where their placeholders stand."""
    return _PLACEHOLDER.sub(lambda found: values.get(found[0], found[0]), text) if values else text


class Unmasker:
    """Puts values back into a text that comes in pieces: what may become a placeholder waits for the next piece."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._waiting = ""

    def take(self, piece: str) -> str:
        """What can be shown by now."""
        if not self._values:
            return piece
        text = self._waiting + piece
        last = text.rfind("<")
        tail = text[last:] if last >= 0 else ""
        waits = tail and any(len(tail) < len(known) and known.startswith(tail) for known in self._values)
        self._waiting = tail if waits else ""
        return unmask(text[: len(text) - len(self._waiting)], self._values)

    def rest(self) -> str:
        """What waited, when no more comes."""
        text, self._waiting = self._waiting, ""
        return text
