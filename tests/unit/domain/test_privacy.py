"""Who computes, how that is known, and what a conversation's privacy allows."""

from __future__ import annotations

import pytest

from hybridchat.domain.address import Address, parse_base_url
from hybridchat.domain.chat import Privacy, Proof, Zone
from hybridchat.domain.privacy import fail_closed_name, is_cloud_name, proof_of, strictest, why_forbidden, zone_of

LOOPBACK, OTHER = parse_base_url("http://127.0.0.1:8000"), parse_base_url("https://host.example")


@pytest.mark.parametrize(
    ("address", "private", "declared", "zone"),
    [
        (LOOPBACK, False, None, Zone.DEVICE),
        (LOOPBACK, True, None, Zone.DEVICE),
        (LOOPBACK, False, "managed", Zone.MANAGED),
        (OTHER, False, None, Zone.MANAGED),
        (OTHER, True, None, Zone.PRIVATE),
        (OTHER, True, "managed", Zone.MANAGED),
        (parse_base_url("unix:///run/x"), False, None, Zone.DEVICE),
    ],
)
def test_the_zone_follows_the_address(address: Address, private: bool, declared: str | None, zone: Zone) -> None:
    assert zone_of(address, private=private, declared=declared) is zone


def test_proofs() -> None:
    assert proof_of(Zone.MANAGED, own_child=True, vouched=True) is None
    assert proof_of(Zone.DEVICE, own_child=True) is Proof.VERIFIED
    assert proof_of(Zone.DEVICE, vouched=True) is Proof.VOUCHED
    assert proof_of(Zone.DEVICE) is Proof.ASSUMED
    assert proof_of(Zone.PRIVATE) is Proof.VOUCHED  # it exists only because the user said so


@pytest.mark.parametrize(
    ("privacy", "allowed"),
    [
        (Privacy.LOCAL_ONLY, {(Zone.DEVICE, Proof.VERIFIED), (Zone.DEVICE, Proof.VOUCHED)}),
        (Privacy.PRIVATE, {(zone, proof) for zone in (Zone.DEVICE, Zone.PRIVATE) for proof in (*Proof, None)}),
        (Privacy.OPEN, {(zone, proof) for zone in Zone for proof in (*Proof, None)}),
    ],
)
def test_what_a_privacy_allows(privacy: Privacy, allowed: set[tuple[Zone, Proof | None]]) -> None:
    found = {(zone, proof) for zone in Zone for proof in (*Proof, None) if why_forbidden(privacy, zone, proof) is None}
    assert found == allowed


def test_the_strictest_wins() -> None:
    assert strictest(Privacy.OPEN, Privacy.LOCAL_ONLY, Privacy.PRIVATE) is Privacy.LOCAL_ONLY
    assert strictest(Privacy.OPEN, Privacy.PRIVATE) is Privacy.PRIVATE
    assert strictest() is Privacy.OPEN


@pytest.mark.parametrize(
    "model",
    ["x:cloud", "X:20B-Cloud", "x: cloud", "x:20b- cloud ", "ns/x:CLOUD", "h:5000/ns/x:7b-cloud", "x:cloud:local"],
)
def test_names_of_forwarded_models(model: str) -> None:
    assert is_cloud_name(model)


@pytest.mark.parametrize("model", ["x", "cloud", "x-cloud", "cloud:7b", "x:cloudy", "h:5000/x-cloud", "x:local", ""])
def test_names_of_models_that_stay(model: str) -> None:
    assert not is_cloud_name(model)


@pytest.mark.parametrize(
    ("model", "wire"),
    [
        ("qwen3", "qwen3:latest:local"),
        ("qwen3:4b", "qwen3:4b:local"),
        ("qwen3:4b:local", "qwen3:4b:local"),
        ("x:local", "x:local:local"),  # "local" is a legal tag of its own
        ("h:5000/ns/x", "h:5000/ns/x:latest:local"),
        ("h:5000/ns/x:7b", "h:5000/ns/x:7b:local"),
    ],
)
def test_fail_closed_names(model: str, wire: str) -> None:
    assert fail_closed_name(model) == wire
    assert fail_closed_name(wire) == wire
