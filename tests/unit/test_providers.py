"""What is known of providers is whole, and each one's key belongs to one host."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from hybridchat.backends.spec import spec_of
from hybridchat.config import KINDS, BackendConfig
from hybridchat.config.providers import Provider, key_variables, provider_at, providers
from hybridchat.domain.address import parse_base_url
from hybridchat.domain.chat import Zone

every = pytest.mark.parametrize("provider", providers(), ids=lambda provider: provider.id)


@every
def test_a_provider_is_a_managed_backend(provider: Provider) -> None:
    assert provider.kind in get_args(KINDS)
    assert provider.variables
    assert provider.keys_url
    assert bool(provider.base_url) != bool(provider.url), "an address of its own, or what to give"
    url = provider.base_url or provider.url + provider.path
    values = {"id": provider.id, "kind": provider.kind.value, "base_url": url, "key_header": provider.key_header}
    config = msgspec.convert({**values, "headers": provider.headers, "zone": provider.zone}, BackendConfig)
    assert spec_of(config).zone is Zone.MANAGED


@every
def test_keys_go_over_tls_to_a_named_version(provider: Provider) -> None:
    if provider.base_url:
        address = parse_base_url(provider.base_url)
        assert (address.scheme, address.is_loopback, address.version_path != "") == ("https", False, True)
        assert provider_at(address) is provider


def test_no_variable_is_two_providers() -> None:
    assert len(key_variables()) == sum(len(provider.variables) for provider in providers())


@pytest.mark.parametrize(
    "url",
    [
        "http://api.openai.com/v1",
        "https://api.openai.com:8443/v1",
        "https://api.openai.com.example/v1",
        "https://eu.api.openai.com/v1",
        "http://127.0.0.1:4000",
        "https://mine.openai.azure.com/openai/v1",
    ],
)
def test_another_place_is_nobodys(url: str) -> None:
    assert provider_at(parse_base_url(url)) is None


def test_models_that_are_not_for_chat_are_known_by_name() -> None:
    openai, gemini = (next(p for p in providers() if p.id == wanted) for wanted in ("openai", "gemini"))
    assert [openai.is_for_chat(name) for name in ("gpt-5.2", "o4-mini", "text-embedding-3-large", "tts-1")] == [
        True,
        True,
        False,
        False,
    ]
    assert not gemini.is_for_chat("models/gemini-embedding-001")
