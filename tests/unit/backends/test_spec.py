"""From the config to zone and proof."""

from __future__ import annotations

from pathlib import Path

import pytest

from hybridchat.backends.spec import backend_specs
from hybridchat.config import parse_config
from hybridchat.domain.chat import Kind, Proof, Zone

ON_LOOPBACK = 'kind = "openai"\nbase_url = "http://localhost:8000/v1"\n'
ELSEWHERE = 'kind = "vllm"\nbase_url = "https://gpu.example:8443"\n'


@pytest.mark.parametrize(
    ("lines", "zone", "proof"),
    [
        ('kind = "embedded"', Zone.DEVICE, Proof.VERIFIED),
        (ON_LOOPBACK, Zone.DEVICE, Proof.ASSUMED),  # the zone follows the address, not the protocol
        (ON_LOOPBACK + "vouched = true", Zone.DEVICE, Proof.VOUCHED),
        (ON_LOOPBACK + 'zone = "managed"', Zone.MANAGED, None),
        (ELSEWHERE, Zone.MANAGED, None),
        (ELSEWHERE + "private = true", Zone.PRIVATE, Proof.VOUCHED),
        ('kind = "vllm"\nbase_url = "unix:///run/vllm.sock"', Zone.DEVICE, Proof.ASSUMED),
    ],
)
def test_zone_and_proof(lines: str, zone: Zone, proof: Proof | None) -> None:
    config, problems = parse_config(f'[[backend]]\nid = "b"\n{lines}\n')
    assert problems == []
    spec = backend_specs(config)["b"]
    assert (spec.zone, spec.proof) == (zone, proof)


def test_everything_else_comes_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "ca.pem").touch()
    config, problems = parse_config(
        f"""[[backend]]
id = "z"
{ELSEWHERE}model = "m"
ca = "~/ca.pem"
proxy = "http://proxy.example:3128"
idle_s = 5
deadline_s = 9.5
[backend.price.m]
input = 1
output = 2
[[backend]]
id = "a"
kind = "ollama"
base_url = "http://127.0.0.1:11434"
num_ctx = 4096
"""
    )
    assert problems == []
    specs = backend_specs(config)
    assert list(specs) == ["z", "a"]  # the config's order
    z, a = specs.values()
    assert (z.kind, z.model, z.address.origin, z.ca_file) == (
        Kind.VLLM,
        "m",
        "https://gpu.example:8443",
        str(tmp_path / "ca.pem"),
    )
    assert (z.proxy, z.idle_s, z.deadline_s, z.prices["m"].output) == ("http://proxy.example:3128", 5.0, 9.5, 2)
    assert (a.num_ctx, a.idle_s, a.prices) == (4096, 60.0, {})
