"""From the config to zone and proof."""

from __future__ import annotations

from pathlib import Path

import pytest

from hybridchat.backends.base import policy_of
from hybridchat.backends.spec import backend_specs
from hybridchat.config import parse_config
from hybridchat.domain.chat import Kind, Proof, Zone
from tests.fakes.wire import spec_for

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


@pytest.mark.parametrize(
    ("kind", "key_header", "expected"),
    [
        (Kind.OPENAI, None, {"authorization": "Bearer sk-1"}),
        (Kind.OPENAI_RESPONSES, None, {"authorization": "Bearer sk-1"}),
        (Kind.OPENAI_COMPATIBLE, "api-key", {"api-key": "sk-1"}),
        (Kind.ANTHROPIC, None, {"x-api-key": "sk-1"}),
        (Kind.ANTHROPIC, "authorization", {"authorization": "Bearer sk-1"}),
        (Kind.GEMINI, None, {"x-goog-api-key": "sk-1"}),
    ],
)
def test_the_key_goes_in_the_header_that_it_belongs_in(
    kind: Kind, key_header: str | None, expected: dict[str, str]
) -> None:
    spec = spec_for(kind, "https://api.example", key_header=key_header)
    assert policy_of(spec, "sk-1").headers == expected
    assert policy_of(spec, None).headers == {}


def test_the_configs_headers_win_over_the_protocols_and_the_key_over_both() -> None:
    spec = spec_for(Kind.ANTHROPIC, "https://api.example", headers={"anthropic-version": "new", "x-api-key": "old"})
    headers = policy_of(spec, "sk-1", {"anthropic-version": "2023-06-01", "x-own": "1"}).headers
    assert headers == {"anthropic-version": "new", "x-own": "1", "x-api-key": "sk-1"}


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
key_header = "api-key"
headers = {{X-Title = "hybridchat"}}
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
    assert (z.key_header, z.headers) == ("api-key", {"x-title": "hybridchat"})
    assert (a.num_ctx, a.idle_s, a.prices) == (4096, 60.0, {})
