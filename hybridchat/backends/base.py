"""What every backend is to the rest of the program."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Protocol

from msgspec import Struct

from hybridchat.backends.facts import facts
from hybridchat.domain.address import Address
from hybridchat.domain.chat import ChatRequest, Health, Kind, Proof, Zone
from hybridchat.domain.events import Event
from hybridchat.domain.pricing import PricePerMillion
from hybridchat.net.client import Policy


class BackendSpec(Struct, frozen=True, kw_only=True):
    """A configured backend, validated: what the config says plus zone and proof."""

    id: str
    kind: Kind
    address: Address
    zone: Zone
    proof: Proof | None
    model: str | None = None
    key_header: str | None = None  # None: the protocol's own
    headers: Mapping[str, str] = {}
    prices: Mapping[str, PricePerMillion] = {}
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    proxy: str | None = None
    idle_s: float = 60.0
    deadline_s: float = 1800.0
    num_ctx: int | None = None

    def __repr__(self) -> str:
        """Without the proxy: a password may be in it."""
        return f"BackendSpec(id={self.id!r}, kind={self.kind.value!r}, zone={self.zone.value!r}, model={self.model!r})"


class Backend(Protocol):
    """Speaks one protocol to one server. Everything runs on the caller's event loop."""

    spec: BackendSpec

    def chat(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        """Streams the answer: any Loading and Limits, then Started, Thinking, Signature, Text, Refusal and Usage, and
        exactly one Finished or Failed.

        Never raises for what the far side does. Closing it, or cancelling its reader, closes the connection at once:
        read it within `contextlib.aclosing`.
        """
        ...

    async def health(self) -> Health:
        """Reachable, the kind it claims to be, its models and context windows. Never raises; ≤ 3 s, managed ≤ 8 s."""
        ...

    async def aclose(self) -> None: ...


def policy_of(spec: BackendSpec, key: str | None, headers: Mapping[str, str] = {}) -> Policy:
    """How a backend's client connects: its zone's rules, its certificates, its key in the header that it belongs in.

    `headers`, with names in lower case, are the protocol's own; the config's win over them.
    """
    return Policy(
        zone=spec.zone,
        address=spec.address,
        backend=spec.id,
        ca_file=spec.ca_file,
        cert_file=spec.cert_file,
        key_file=spec.key_file,
        proxy=spec.proxy,
        headers={**headers, **spec.headers, **_key_headers(spec, key)},
    )


def _key_headers(spec: BackendSpec, key: str | None) -> dict[str, str]:
    if not key:
        return {}
    name = spec.key_header or facts().key_header.get(spec.kind, "authorization")
    return {name: f"Bearer {key}" if name == "authorization" else key}
