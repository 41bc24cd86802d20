"""Numbers with a checksum: cards, IBANs, national numbers. A number is looked up by how it is written, then checked."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache, cached_property, lru_cache, partial
from importlib import import_module

from msgspec import Struct

from hybridchat.domain.secrets.rules import CardRule, Finding, IbanRule, NumberRule
from hybridchat.domain.secrets.words import compiled

# A word of digits and capital letters, or the first of several. What it follows is asked behind its first character,
# where that costs less.
_WORD = re.compile(
    r"[A-Z0-9](?<![A-Za-z0-9_][A-Z0-9])(?:(?=[A-Z0-9]{0,6}[ -]?[0-9])[A-Z0-9]++|(?=[ .-][0-9]{2}))(?![a-z_])"
)
_SHAPE = {**dict.fromkeys(range(ord("0"), ord("9") + 1), "0"), **dict.fromkeys(range(ord("A"), ord("Z") + 1), "A")}
_GOES_ON = r"(?![./+-]?[A-Za-z0-9]|_)"  # behind a number, it is part of another
_BEFORE = 48  # characters in which a number's name must stand
_MAX_LENGTH = 34
_CARD_LENGTH = 15  # from here on, a row of numbers is no table of small ones


class _Kind(Struct, frozen=True):
    kind: str
    is_valid: Callable[[str], bool]
    names: tuple[str, ...] = ()  # one of them must stand before it; (): none


class _Family(Struct, frozen=True):
    """All that begins with a word of one shape."""

    shapes: re.Pattern[str]  # with a group for each
    kinds: tuple[tuple[_Kind, ...], ...]  # of each group


class _Text:
    """One that is looked through, with what is found out about it at most once."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._holds: dict[tuple[str, ...], bool] = {}

    def is_named(self, names: tuple[str, ...], start: int) -> bool:
        """Whether one of these words stands shortly before."""
        if names not in self._holds:
            self._holds[names] = any(name in self._lowered for name in names)
        if not self._holds[names]:
            return False
        before = self.text[max(0, start - _BEFORE) : start].lower()
        return any(name in before for name in names) and _as_words(names).search(before) is not None

    @cached_property
    def _lowered(self) -> str:
        return self.text.lower()


@cache
def _as_words(names: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"(?<![^\W_])(?:{'|'.join(map(re.escape, names))})(?![^\W_])")


class Numbers:
    """Finds numbers whose checksum holds."""

    def __init__(self, numbers: tuple[NumberRule, ...], cards: CardRule, iban: IbanRule) -> None:
        self._iban = iban
        kinds: dict[str, list[_Kind]] = defaultdict(list)
        for shape in cards.shapes:
            kinds[shape].append(_Kind(cards.kind, partial(is_card, issued=cards.issued)))
        for rule in numbers:
            for shape in rule.shapes:
                kinds[shape].append(_Kind(rule.kind, partial(_is_valid, rule)))
            for shape in rule.named:
                kinds[shape].append(_Kind(rule.kind, partial(_is_valid, rule), rule.names))
        self._families = _families(kinds)

    def find(self, text: str) -> Iterator[Finding]:
        text = text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")  # as in web pages
        looked_through = _Text(text)
        for word in _WORD.finditer(text):
            start, end = word.span()
            if end - start > _MAX_LENGTH:
                continue
            shape = word[0].translate(_SHAPE)
            family = self._families.get(shape)
            finding = _first_valid(looked_through, start, family) if family else None
            if finding is None and shape.startswith("AA00"):
                finding = self._iban_at(text, start)
            if finding is not None:
                yield finding

    def _iban_at(self, text: str, start: int) -> Finding | None:
        """With or without a blank after every fourth character."""
        length = self._iban.lengths.get(text[start : start + 2], 0)
        for whole in (length, length + (length - 1) // 4):
            number = text[start : start + whole].replace(" ", "").replace("-", "")
            if len(number) == length and number.isalnum() and compiled(_GOES_ON).match(text, start + whole):
                return Finding(self._iban.kind, start, start + whole) if is_iban(number) else None
        return None


def _families(kinds: dict[str, list[_Kind]]) -> dict[str, _Family]:
    by_first: dict[str, list[str]] = defaultdict(list)
    for shape in sorted(kinds, key=len, reverse=True):
        by_first[re.split(r"[^0A]", shape)[0]].append(shape)
    return {
        first: _Family(
            re.compile("|".join(f"({_expression(shape)}){_GOES_ON}" for shape in shapes), re.ASCII),
            tuple(tuple(kinds[shape]) for shape in shapes),
        )
        for first, shapes in by_first.items()
    }


def _expression(shape: str) -> str:
    return re.escape(shape).replace("0", "[0-9]").replace("A", "[A-Z]")


def _first_valid(looked_through: _Text, start: int, family: _Family) -> Finding | None:
    text = looked_through.text
    if start > 1 and text[start - 1] in "./+-" and text[start - 2].isalnum():
        return None
    match = family.shapes.match(text, start)
    if match is None or match.lastindex is None:
        return None
    number, end = match[match.lastindex], match.end()
    if " " in number and len(number) < _CARD_LENGTH and _has_neighbours(text, start, end):
        return None
    for kind in family.kinds[match.lastindex - 1]:
        if kind.names and not looked_through.is_named(kind.names, start):
            continue
        if kind.is_valid(number):
            return Finding(kind.kind, start, end)
    return None


def _has_neighbours(text: str, start: int, end: int) -> bool:
    return text[max(0, start - 2) : start].rstrip(" ").isdigit() or text[end : end + 2].lstrip(" ").isdigit()


def is_card(number: str, issued: str) -> bool:
    """Of an issuer's range, with the length that its numbers have, and Luhn's check digit."""
    digits = number.replace(" ", "").replace("-", "")
    return compiled(issued).fullmatch(digits) is not None and len(set(digits)) > 1 and _luhn(digits)


_DOUBLED = str.maketrans("0123456789", "0246813579")  # the digit sum of twice a digit


def _luhn(digits: str) -> bool:
    weighed = digits[-1::-2] + digits[-2::-2].translate(_DOUBLED)
    return (sum(weighed.encode()) - ord("0") * len(weighed)) % 10 == 0


def is_iban(number: str) -> bool:
    """ISO 7064 mod 97-10. The length is the caller's to check."""
    return int("".join([str(int(char, 36)) for char in number[4:] + number[:4]])) % 97 == 1


def _is_valid(rule: NumberRule, number: str) -> bool:
    """First what a look tells, then the checksum."""
    if rule.pattern and not compiled(rule.pattern).fullmatch(number):
        return False
    return not rule.check or _checksum_holds(rule.check, number)


@lru_cache(maxsize=4096)
def _checksum_holds(name: str, number: str) -> bool:
    """By that module of python-stdnum; it is loaded when a number first looks like one of its."""
    return bool(import_module(f"stdnum.{name}").is_valid(number))
