"""What is looked for, as values. The shipped ones are in `data/secrets.toml`, whose head says what each field means."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Struct


class Finding(NamedTuple):
    """`text[start:end]` of what was scanned; never the text itself."""

    kind: str
    start: int
    end: int


class TokenRule(Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    prefixes: tuple[str, ...]
    body: str


class MarkRule(Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    marks: tuple[str, ...]
    pattern: str
    random: bool = False
    dummy: bool = False


class NumberRule(Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    check: str = ""
    pattern: str = ""
    shapes: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


class CardRule(Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    shapes: tuple[str, ...]
    issued: str


class IbanRule(Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    lengths: dict[str, int]


class EmailRule(Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    not_domains: frozenset[str]
    not_names: frozenset[str]


class AssignedRule(Struct, frozen=True, forbid_unknown_fields=True):
    kind: str
    names: str


class Dummies(Struct, frozen=True, forbid_unknown_fields=True):
    words: frozenset[str]


class Rules(Struct, frozen=True, forbid_unknown_fields=True):
    token: tuple[TokenRule, ...]
    mark: tuple[MarkRule, ...]
    number: tuple[NumberRule, ...]
    cards: CardRule
    iban: IbanRule
    email: EmailRule
    assigned: AssignedRule
    dummies: Dummies
