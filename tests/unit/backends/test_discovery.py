"""First look around: engines on loopback, names in the environment; nothing else is dialled and no key is used."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

import pytest

from hybridchat.backends.discovery import Found
from hybridchat.backends.discovery import discover as look
from hybridchat.domain.chat import Kind, Proof, Zone
from tests.fakes.http import FakeServer, Request, Responder
from tests.fakes.ollama import FakeOllama


async def discover(environment: Mapping[str, str], ports: Iterable[int]) -> tuple[Found, ...]:
    return (await look(environment, ports)).found


async def test_an_engine_on_loopback_is_found_with_its_models() -> None:
    async with FakeOllama() as server:
        (found,) = await discover({}, [server.port])
    assert (found.id, found.kind, found.zone, found.proof) == ("ollama", Kind.OLLAMA, Zone.DEVICE, Proof.ASSUMED)
    assert (found.is_healthy, found.models) == (True, ("tiny:latest", "harmless:latest"))
    assert found.source == f"Ollama listens on port {server.port}"
    assert not found.needs_own_yes


async def test_two_of_a_kind_get_two_ids() -> None:
    async with FakeOllama() as one, FakeOllama() as two:
        found = await discover({}, [one.port, two.port])
    assert [engine.id for engine in found] == ["ollama", "ollama-2"]


@pytest.mark.parametrize(("status", "body"), [(200, b"<html>"), (404, b"<html>"), (401, b"{}"), (200, b"[1]")])
async def test_what_is_no_known_server_is_named_and_nothing_is_not(status: int, body: bytes) -> None:
    async def page(_: Request, respond: Responder) -> None:
        await respond.whole(body, status=status, content_type="text/html")

    async with FakeServer(page) as gone:
        pass
    async with FakeServer(page) as server, FakeOllama() as ollama:
        discovery = await look({}, [server.port, gone.port, ollama.port])
    assert [found.id for found in discovery.found] == ["ollama"]
    (notice,) = discovery.notices
    assert notice.startswith(f"something else answers on 127.0.0.1:{server.port}: ")


async def test_a_silent_port_does_not_hold_up_the_others() -> None:
    async def silent(_: Request, __: Responder) -> None:
        await asyncio.Event().wait()

    async with FakeServer(silent) as slow, FakeOllama() as server:
        found = await discover({}, [slow.port, server.port])
    assert [engine.base_url for engine in found] == [server.url]


async def test_keys_are_named_and_never_used() -> None:
    found = await discover({"OPENAI_API_KEY": "canary", "MISTRAL_API_KEY": "", "OPENAI_BASE_URL": "http://evil"}, [1])
    (openai,) = found
    assert (openai.id, openai.base_url, openai.zone) == ("openai", "https://api.openai.com/v1", Zone.MANAGED)
    assert (openai.key_variable, openai.is_healthy, openai.needs_own_yes) == ("OPENAI_API_KEY", None, True)
    assert "canary" not in repr(found)


async def test_ollama_host_elsewhere_is_offered_and_not_dialled() -> None:
    """The suite's audit hook would see a look-up or a connection."""
    (offered,) = await discover({"OLLAMA_HOST": "gpu.example"}, [1])
    assert (offered.base_url, offered.zone) == ("http://gpu.example:11434", Zone.MANAGED)
    assert (offered.is_healthy, offered.needs_own_yes, offered.source) == (None, True, "OLLAMA_HOST")


async def test_ollama_host_on_loopback_is_looked_at() -> None:
    async with FakeOllama() as server:
        for value in (f"127.0.0.1:{server.port}", f"http://localhost:{server.port}/", f"0.0.0.0:{server.port}"):
            (found,) = await discover({"OLLAMA_HOST": value}, [1])
            assert (found.is_healthy, found.needs_own_yes) == (True, True)
            assert found.base_url == server.url


async def test_an_unreadable_ollama_host_is_nothing() -> None:
    for value in ("http://user@evil", "http://[", "127.1", "ä", ":", "://"):
        assert [f.source for f in await discover({"OLLAMA_HOST": value}, [1]) if f.is_healthy is None] == []
