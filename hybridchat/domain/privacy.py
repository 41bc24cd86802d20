"""Zones, proofs and what a conversation's privacy allows."""

from __future__ import annotations

from hybridchat.domain.address import Address
from hybridchat.domain.chat import Privacy, Proof, Zone


def zone_of(address: Address, *, private: bool = False, declared: str | None = None) -> Zone:
    """The zone follows the address, not the protocol; `declared` ("managed") can only make it stricter."""
    raise NotImplementedError


def proof_of(zone: Zone, *, own_child: bool = False, vouched: bool = False) -> Proof | None:
    """None for managed; verified for our own child process on a Unix socket; else vouched or assumed."""
    raise NotImplementedError


def why_forbidden(privacy: Privacy, zone: Zone, proof: Proof | None) -> str | None:
    """None if a conversation of that privacy may go there; else the reason, as one clause."""
    raise NotImplementedError


def strictest(*levels: Privacy) -> Privacy:
    """Of forks and imports: local_only before private before open."""
    raise NotImplementedError


def is_cloud_name(model: str) -> bool:
    """Ollama's naming of forwarded models: `:cloud`, `-cloud` at the end of the tag, any case, spaces ignored."""
    raise NotImplementedError


def fail_closed_name(model: str) -> str:
    """`name` or `name:tag` → `name:tag:local`, which an Ollama refuses to forward (facts: Ollama ≥ 0.17.8)."""
    raise NotImplementedError
