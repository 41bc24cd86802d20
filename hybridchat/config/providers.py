"""The providers of `data/providers.toml`: what adding one needs to know, and which host each one's key is for."""

from __future__ import annotations

from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from hybridchat.domain.address import Address, parse_base_url
from hybridchat.domain.chat import Kind


class Provider(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One provider of rented models. See the file for what each field means."""

    id: str  # the name that `backends add` takes, and the id that the backend gets
    name: str
    kind: Kind
    variables: tuple[str, ...]
    keys_url: str
    base_url: str = ""
    url: str = ""
    path: str = ""
    key_header: str | None = None
    headers: dict[str, str] = {}
    zone: Literal["managed"] | None = None
    key_check: str = ""
    asks_usage: bool = True
    models_are_own_names: bool = False
    not_chat: tuple[str, ...] = ()

    def is_at(self, address: Address) -> bool:
        """Whether that is this provider's own host, over TLS. Nobody's for those whose address is the user's."""
        return bool(self.base_url) and parse_base_url(self.base_url).origin == address.origin

    def is_for_chat(self, model: str) -> bool:
        """Whether a listed model is one to talk to, as far as its name tells."""
        return not any(fnmatch(model.removeprefix("models/").lower(), pattern) for pattern in self.not_chat)


class _Providers(Struct, frozen=True, forbid_unknown_fields=True):
    provider: tuple[Provider, ...]


@cache
def providers() -> tuple[Provider, ...]:
    path = Path(__file__).parent.parent / "data" / "providers.toml"
    return msgspec.toml.decode(path.read_bytes(), type=_Providers).provider


def provider_at(address: Address) -> Provider | None:
    """The one whose own host that is."""
    return next((provider for provider in providers() if provider.is_at(address)), None)


def names_are_own(address: Address) -> bool:
    """Whether the models at that address have names that their owner gave them, which no list of its has."""
    domains = (parse_base_url(one.url).host.partition(".")[2] for one in providers() if one.models_are_own_names)
    return any(address.host.endswith(f".{domain}") for domain in domains)


@cache
def hosts_with_usage_unasked() -> frozenset[str]:
    """Those that give the usage by themselves, and refuse a request that asks for it."""
    return frozenset(parse_base_url(provider.base_url).host for provider in providers() if not provider.asks_usage)


def key_variables() -> frozenset[str]:
    """Every variable that is known to hold a key."""
    return frozenset(variable for provider in providers() for variable in provider.variables)
