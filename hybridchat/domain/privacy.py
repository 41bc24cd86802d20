"""Zones, proofs and what a conversation's privacy allows."""

from __future__ import annotations

from hybridchat.domain.address import Address
from hybridchat.domain.chat import Privacy, Proof, Zone

_STRICTNESS = (Privacy.LOCAL_ONLY, Privacy.PRIVATE, Privacy.OPEN)


def zone_of(address: Address, *, private: bool = False, declared: str | None = None) -> Zone:
    """The zone follows the address, not the protocol; `declared` ("managed") can only make it stricter."""
    if declared is not None:
        return Zone.MANAGED
    if address.is_loopback:
        return Zone.DEVICE
    return Zone.PRIVATE if private else Zone.MANAGED


def proof_of(zone: Zone, *, own_child: bool = False, vouched: bool = False) -> Proof | None:
    """None for managed; verified for our own child process on a Unix socket; else vouched or assumed.

    A private zone exists only because the user declared it, so it is vouched.
    """
    if zone is Zone.MANAGED:
        return None
    if own_child:
        return Proof.VERIFIED
    return Proof.VOUCHED if vouched or zone is Zone.PRIVATE else Proof.ASSUMED


def why_forbidden(privacy: Privacy, zone: Zone, proof: Proof | None) -> str | None:
    """None if a conversation of that privacy may go there; else the reason, as one clause."""
    if privacy is Privacy.OPEN:
        return None
    if zone is Zone.MANAGED:
        return f"managed, and this conversation is {in_words(privacy)}"
    if privacy is Privacy.PRIVATE:
        return None
    if zone is not Zone.DEVICE:
        return "on another machine, and this conversation is local only"
    if proof not in (Proof.VERIFIED, Proof.VOUCHED):
        return "on loopback, but nobody vouches that it computes on this machine"
    return None


def in_words(privacy: Privacy) -> str:
    """local only | private | open"""
    return privacy.replace("_", " ")


def strictest(*levels: Privacy) -> Privacy:
    """Of forks and imports: local_only before private before open; open without any."""
    return min(levels, key=_STRICTNESS.index, default=Privacy.OPEN)


def is_cloud_name(model: str) -> bool:
    """Ollama's naming of forwarded models: `:cloud`, `-cloud` at the end of the tag, any case, spaces ignored."""
    name = "".join(model.split()).lower()
    _, colon, tag = name.removesuffix(":local").rpartition(":")
    return bool(colon) and "/" not in tag and (tag == "cloud" or tag.endswith("-cloud"))


def fail_closed_name(model: str) -> str:
    """`name` or `name:tag` → `name:tag:local`, which an Ollama refuses to forward (0.17.8 and newer)."""
    name = model.rpartition("/")[2]  # a registry's host may hold a colon of its own
    colons = name.count(":")
    if colons >= 2 and name.endswith(":local"):
        return model
    return f"{model}:local" if colons else f"{model}:latest:local"
