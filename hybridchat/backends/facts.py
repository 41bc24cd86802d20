"""The facts of `data/backends.toml`, typed: another server, key or difference is an entry there."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec
from msgspec import Struct

from hybridchat.domain.chat import Kind


class Server(Struct, frozen=True, forbid_unknown_fields=True):
    """A server for one's own machine: its usual port, and the path whose JSON answer has the key `has`."""

    name: str
    id: str
    kind: Kind
    port: int
    path: str
    has: str


class EnvironmentKey(Struct, frozen=True, forbid_unknown_fields=True):
    """A variable that may hold an API key, and the one host that the key is for."""

    variable: str
    id: str
    kind: Kind
    base_url: str


class Dialect(Struct, frozen=True, forbid_unknown_fields=True):
    """How a kind differs within Chat Completions. `max_tokens` is that parameter's name."""

    max_tokens: str


class Facts(Struct, frozen=True, forbid_unknown_fields=True):
    server: tuple[Server, ...]
    key: tuple[EnvironmentKey, ...]
    chat_completions: dict[Kind, Dialect]
    key_header: dict[Kind, str]  # of the protocols that have one of their own; the others take a bearer token

    def server_of(self, kind: Kind) -> Server | None:
        """The fingerprint of a kind that has one of its own."""
        return next((server for server in self.server if server.kind is kind and server.id == kind), None)


@cache
def facts() -> Facts:
    path = Path(__file__).parent.parent / "data" / "backends.toml"
    return msgspec.toml.decode(path.read_bytes(), type=Facts)
