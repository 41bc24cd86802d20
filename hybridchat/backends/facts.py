"""The facts of `data/backends.toml` and `data/effort.toml`, typed: another server or difference is an entry there."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from hybridchat.domain.chat import Effort, Kind

_DATA = Path(__file__).parent.parent / "data"


class Server(Struct, frozen=True, forbid_unknown_fields=True):
    """A server for one's own machine: its usual port, and the path whose JSON answer has the key `has`."""

    name: str
    id: str
    kind: Kind
    port: int
    path: str
    has: str


class Dialect(Struct, frozen=True, forbid_unknown_fields=True):
    """How a kind differs within Chat Completions: that parameter's name, and whether a message may bring PDF files."""

    max_tokens: str
    documents: bool = False


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """What of a conversation's settings a protocol has no words for."""

    left_out: tuple[str, ...] = ()  # of a request, which is made without them
    refused: tuple[str, ...] = ()  # a request with them is not made
    most_temperature: float | None = None  # more is answered with an error


class Facts(Struct, frozen=True, forbid_unknown_fields=True):
    server: tuple[Server, ...]
    chat_completions: dict[Kind, Dialect]
    key_header: dict[Kind, str]  # of the protocols that have one of their own; the others take a bearer token
    max_tokens: dict[Kind, int]  # of a reply, for the protocols that want to be told
    settings: dict[Kind, Settings]

    def server_of(self, kind: Kind) -> Server | None:
        """The fingerprint of a kind that has one of its own."""
        return next((server for server in self.server if server.kind is kind and server.id == kind), None)


@cache
def facts() -> Facts:
    return msgspec.toml.decode((_DATA / "backends.toml").read_bytes(), type=Facts)


EffortLevel = Literal["unset", "off", "low", "medium", "high"]


class EffortRule(Struct, frozen=True, forbid_unknown_fields=True):
    """What some models are sent for an effort; see the head of `data/effort.toml`."""

    kinds: tuple[Kind, ...] = tuple(Kind)
    hosts: tuple[str, ...] = ("*",)
    models: tuple[str, ...] = ("*",)
    always: Mapping[str, Any] = {}
    off: Mapping[str, Any] = {}
    low: Mapping[str, Any] = {}
    medium: Mapping[str, Any] = {}
    high: Mapping[str, Any] = {}
    sampling: tuple[EffortLevel, ...] = ("unset", "off", "low", "medium", "high")

    def fits(self, kind: Kind, host: str, model: str) -> bool:
        name = model.lower().rpartition("/")[2]
        return (
            kind in self.kinds
            and any(fnmatchcase(host, pattern) for pattern in self.hosts)
            and any(fnmatchcase(name, pattern) for pattern in self.models)
        )


class _Efforts(Struct, frozen=True, forbid_unknown_fields=True):
    rule: tuple[EffortRule, ...]


@cache
def effort_rules() -> tuple[EffortRule, ...]:
    return msgspec.toml.decode((_DATA / "effort.toml").read_bytes(), type=_Efforts).rule


@lru_cache(256)
def effort_rule(kind: Kind, host: str, model: str) -> EffortRule:
    """The one that fits; one that says nothing where nothing is known. The screen asks at every key press."""
    return next((rule for rule in effort_rules() if rule.fits(kind, host, model)), EffortRule())


def effort_fields(kind: Kind, host: str, model: str, effort: Effort | None) -> dict[str, Any]:
    """What the body of a request takes for that effort, for Gemini its `generationConfig`; None: none was chosen.

    `host` is the address's, in lower case. Empty where nothing is known of the model.
    """
    rule = effort_rule(kind, host, model)
    return {**rule.always, **(getattr(rule, effort) if effort else {})}


def takes_sampling(kind: Kind, host: str, model: str, effort: Effort | None) -> bool:
    """Whether the model takes `temperature` and `top_p` at that effort; others answer them with an error."""
    return (effort or "unset") in effort_rule(kind, host, model).sampling
