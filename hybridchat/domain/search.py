"""What a search says: words, "phrases", -words and filters such as `tag:work` or `cost>0.1`. Pure: text in, values out.

Nothing a person types is an error here: what cannot be meant becomes a line in `problems`, and the rest is searched.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from msgspec import Struct

from hybridchat.domain.chat import Zone
from hybridchat.domain.moments import ALLOWED, parse_when
from hybridchat.domain.text import clean_line

LOCAL = "local"  # as a zone: of one's own
ZONES = (*Zone, LOCAL)
STATES = ("starred", "archived")
_FREE = ("tag:", "backend:", "model:", "zone:", "before:", "after:", "cost>", "cost<")
FILTERS = (*_FREE, "has:code", *(f"is:{state}" for state in STATES))
MOST_PARTS = 32  # of one query, so that no text is too long to be asked for


class Field(StrEnum):
    TAG = "tag"
    BACKEND = "backend"
    MODEL = "model"
    ZONE = "zone"
    BEFORE = "before"
    AFTER = "after"
    COST_OVER = "cost>"
    COST_UNDER = "cost<"
    CODE = "has:code"
    STARRED = "is:starred"
    ARCHIVED = "is:archived"


class Condition(Struct, frozen=True):
    """`value`: case-folded text, a moment in UTC, US dollars, or None where the field says it all."""

    field: Field
    value: str | datetime | Decimal | None = None
    is_wanted: bool = True


class Phrase(Struct, frozen=True):
    """Words that stand together, mostly one. `is_open`: its last word may go on, as it is being typed."""

    text: str
    is_wanted: bool = True
    is_open: bool = False


class Query(Struct, frozen=True):
    """All of it must hold of one message, or of one title and its conversation."""

    phrases: tuple[Phrase, ...] = ()
    conditions: tuple[Condition, ...] = ()
    problems: tuple[str, ...] = ()  # a line each: what was not understood, and what would be

    @property
    def wanted(self) -> tuple[Phrase, ...]:
        return tuple(phrase for phrase in self.phrases if phrase.is_wanted)

    @property
    def is_empty(self) -> bool:
        """Nothing that could be found by."""
        return not self.wanted and not self.conditions


class _Problem(Exception):
    """One line about a part of the query, which is left out."""


# A part is blank-separated; quotes hold blanks together, also after a filter's name. A quote may still be open.
_PART = re.compile(
    r"(?P<minus>-?)(?:(?P<name>[A-Za-z]+)(?P<sign>:(?![:/\\])|[<>]=?))?"
    r'(?:"(?P<quoted>[^"]*)(?P<end>"?)|(?P<bare>[^\s"]*))'
)


def parse_query(text: str, now: datetime) -> Query:
    """Never raises. Dates such as `7d` and `today` are counted from `now`."""
    phrases: list[Phrase] = []
    conditions: list[Condition] = []
    problems: list[str] = []
    text = text.replace("\x00", " ").encode("utf-8", "replace").decode()  # what a database takes
    parts = [part for part in _PART.finditer(text) if part[0]]
    for part in parts[:MOST_PARTS]:
        try:
            found = _read(part, now)
        except _Problem as problem:
            problems.append(str(problem))
            continue
        if isinstance(found, Condition):
            conditions.append(found)
        elif any(map(str.isalnum, found.text)):
            phrases.append(found)
        if isinstance(found, Phrase) and (unknown := _unknown_filter(part)):
            problems.append(unknown)
    if len(parts) > MOST_PARTS:
        problems.append(f"only the first {MOST_PARTS} words are searched")
    if phrases and not conditions and not any(phrase.is_wanted for phrase in phrases):
        problems.append(f"-{phrases[0].text} leaves out — say what to find, too")
    return Query(tuple(phrases), tuple(conditions), tuple(dict.fromkeys(problems)))


def _read(part: re.Match[str], now: datetime) -> Condition | Phrase:
    name, sign = (part["name"] or "").lower(), part["sign"] or ""
    is_wanted = not part["minus"]
    quoted = part["quoted"]
    value = (quoted if quoted is not None else part["bare"]).strip()
    reader = _READERS.get(name) if sign else None
    if reader is not None and (sign == ":" or name == "cost"):
        field, read = reader(sign, value, now)
        return Condition(field, read, is_wanted)
    if quoted is None:
        return Phrase(part[0].removeprefix("-"), is_wanted, is_open=is_wanted and part.end() == len(part.string))
    before = f"{part['name']}{sign} " if part["name"] else ""
    return Phrase(before + quoted, is_wanted, is_open=is_wanted and not part["end"])


_Read = tuple[Field, str | datetime | Decimal | None]


def _named(field: Field) -> Callable[[str, str, datetime], _Read]:
    def read(sign: str, value: str, now: datetime) -> _Read:
        if not value:
            raise _Problem(f"{field}: needs a name after it")
        return field, value.casefold()

    return read


def _zone(sign: str, value: str, now: datetime) -> _Read:
    if value.lower() not in ZONES:
        raise _Problem(f"zone: is one of {', '.join(ZONES)}")
    return Field.ZONE, value.lower()


def _moment(field: Field) -> Callable[[str, str, datetime], _Read]:
    def read(sign: str, value: str, now: datetime) -> _Read:
        try:
            return field, parse_when(value, now)
        except ValueError:
            raise _Problem(f"{field}: takes a date: {ALLOWED}") from None

    return read


def _cost(sign: str, value: str, now: datetime) -> _Read:
    """`cost>0.1`, and `cost:>0.1` as others write it; in US dollars."""
    signs = sign.lstrip(":") + value[: len(value) - len(value.lstrip("<>="))]
    try:
        usd = Decimal(value.lstrip("<>=").removeprefix("$").replace(",", "."))
    except InvalidOperation:
        usd = Decimal("nan")
    if signs[:1] not in ("<", ">") or not usd.is_finite():
        raise _Problem("cost takes US dollars: cost>0.10 or cost<2")
    return (Field.COST_OVER if signs[0] == ">" else Field.COST_UNDER), usd


def _has(sign: str, value: str, now: datetime) -> _Read:
    if value.lower() != "code":
        raise _Problem("has: knows has:code alone")
    return Field.CODE, None


def _is(sign: str, value: str, now: datetime) -> _Read:
    if value.lower() not in STATES:
        raise _Problem(f"is: is one of {', '.join(f'is:{state}' for state in STATES)}")
    return Field(f"is:{value.lower()}"), None


_READERS: dict[str, Callable[[str, str, datetime], _Read]] = {
    "tag": _named(Field.TAG),
    "backend": _named(Field.BACKEND),
    "model": _named(Field.MODEL),
    "zone": _zone,
    "before": _moment(Field.BEFORE),
    "after": _moment(Field.AFTER),
    "cost": _cost,
    "has": _has,
    "is": _is,
}


def _unknown_filter(part: re.Match[str]) -> str:
    """A line about what looks like a filter and is none: it was searched as words."""
    if part["sign"] != ":" or not (part["bare"] or part["quoted"]):
        return ""
    return f"{clean_line(part['name'], 20)}: is no filter, so it is searched as a word; filters are {' '.join(FILTERS)}"


_LAST = re.compile(r'(?:^|(?<=\s))-?(?P<word>[a-z]{2,}|(?P<name>[a-z]+):(?P<value>[^\s":]*))$')


def complete(text: str, known: Mapping[str, Sequence[str]]) -> str | None:
    """The text with its last filter completed, from `known` values by the filter's name; None without a completion."""
    last = _LAST.search(text) if text.count('"') % 2 == 0 else None
    if last is None:
        return None
    if last["name"] is None:
        typed, begin = last["word"], last.start("word")
        found = next((name for name in FILTERS if name.startswith(typed) and name != typed), None)
    else:
        typed, begin = last["value"].casefold(), last.start("value")
        values = {"zone": ZONES, "is": STATES, "has": ("code",), **known}.get(last["name"], ())
        found = next((value for value in values if value.startswith(typed) and value != typed), None)
        found = f'"{found}"' if found is not None and " " in found else found
        if last["value"] in values:
            return None
    return None if found is None else text[:begin] + found
