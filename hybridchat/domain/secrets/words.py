"""Secrets that are words: tokens with a known beginning, secrets beside a mark, random words given to a telling name.

One pass finds the words that are long enough; only those that begin like a token are looked at closely. Expressions are
compiled when their beginning is first seen, because most never are.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache

from hybridchat.domain.secrets.rules import AssignedRule, Finding, MarkRule, TokenRule

_WORD = re.compile(r"[A-Za-z0-9_.$~-]{10,}+")
_ESCAPE = re.compile(r"\\[nrt](?=[\w-])|%[0-9A-F]{2}|\\u00[0-9a-f]{2}")  # of a line break or a quote, stuck to a word
_VALUE = re.compile(r"[A-Za-z0-9_.~+/-]{20,512}+={0,2}")
# What gives a value to a name, and the name, read backwards from the value.
_ASSIGNED = re.compile(r"""["']?\s{0,3}(?:>=|=:|==|[=:])\s{0,3}["'\]]{0,2}([A-Za-z0-9_-]{2,60}+)""")
_BEFORE = 64  # characters in which a name, and what assigns to it, must stand
_ENDS = re.compile(r"(?![A-Za-z0-9_])")
_MIN_DISTINCT = 6  # characters: `sk-xxxxxxxxxxxxxxxxxxxx` is nobody's
_TURN = re.compile(r"[A-Za-z](?=[0-9])|[0-9](?=[A-Za-z])")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_MIN_RANDOM = 10  # different characters, for what only its looks make a secret


class Words:
    """Finds secrets among the long words of a text."""

    def __init__(self, tokens: tuple[TokenRule, ...], assigned: AssignedRule) -> None:
        by_start: dict[str, list[tuple[str, TokenRule]]] = defaultdict(list)
        for rule in tokens:
            for prefix in rule.prefixes:
                by_start[prefix[:2]].append((prefix, rule))
        self._by_start = {start: sorted(found, key=lambda f: -len(f[0])) for start, found in by_start.items()}
        self._kind = assigned.kind
        self._assigned_names = assigned.names

    def find(self, text: str) -> Iterator[Finding]:
        for word in _WORD.finditer(text):
            start = _start_of_word(text, word.start(), word.end())
            rules = self._by_start.get(text[start : start + 2])
            finding = self._token(text, start, rules) if rules else None
            if finding is None and text[start - 1 : start] in _OPENERS:
                finding = self._assigned(text, start)
            if finding is not None:
                yield finding

    def _token(self, text: str, start: int, rules: list[tuple[str, TokenRule]]) -> Finding | None:
        for prefix, rule in rules:
            if not text.startswith(prefix, start):
                continue
            match = compiled(rule.body).match(text, start + len(prefix))
            if match and _ENDS.match(text, match.end()) and len(set(match[0])) >= _MIN_DISTINCT:
                return Finding(rule.kind, start, match.end())
        return None

    def _assigned(self, text: str, start: int) -> Finding | None:
        match = _VALUE.match(text, start)
        if match is None or not looks_random(match[0]):
            return None
        assigned = _ASSIGNED.match(text[max(0, start - _BEFORE) : start][::-1])
        if assigned is None or not compiled(self._assigned_names).search(assigned[1][::-1]):
            return None
        return Finding(self._kind, start, match.end())


_OPENERS = frozenset("\"'= :>`")


def _start_of_word(text: str, start: int, end: int) -> int:
    """Behind what is stuck to a word and is no part of it."""
    while start < end and text[start] in "_.-~$":
        start += 1
    if start and text[start - 1] in "\\%":
        escape = _ESCAPE.match(text, start - 1)
        return min(escape.end(), end) if escape else start
    return start


class Marks:
    """Finds secrets by what stands beside them."""

    def __init__(self, rules: tuple[MarkRule, ...], dummies: frozenset[str]) -> None:
        self._rules = rules
        self._dummies = dummies

    def find(self, text: str) -> Iterator[Finding]:
        for rule in self._rules:
            if any(mark in text for mark in rule.marks):
                for match in compiled(rule.pattern).finditer(text):
                    group = "secret" if match.re.groups else 0
                    if self._is_meant(rule, match[group]):
                        yield Finding(rule.kind, *match.span(group))

    def _is_meant(self, rule: MarkRule, secret: str) -> bool:
        if rule.random and not looks_random(secret):
            return False
        word = secret.lower()
        return not (rule.dummy and (word in self._dummies or len(set(word)) < 3))


def looks_random(word: str) -> bool:
    """Digits among letters, as no one writes them: names, versions, dates and UUIDs are not, nor an `example`."""
    turns = sum(1 for _ in _TURN.finditer(word))
    is_mixed = turns >= max(3, len(word) // 12) and len(set(word)) >= _MIN_RANDOM
    return is_mixed and not _UUID.match(word) and "example" not in word.lower()


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)
