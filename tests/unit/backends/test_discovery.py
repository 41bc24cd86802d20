"""First look around: engines on loopback, names in the environment; nothing else is dialled and no key is used."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hybridchat.backends import discovery as module
from hybridchat.backends.discovery import Found
from hybridchat.backends.discovery import discover as look
from hybridchat.domain.chat import Kind, Proof, Zone
from tests.fakes.http import FakeServer, Request, Responder
from tests.fakes.ollama import FakeOllama
from tests.fakes.serve import serving

BUDGET_S = module.BUDGET_S


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no failure: those that will answer are waited for."""
    monkeypatch.setattr(module, "BUDGET_S", 30.0)


async def discover(environment: Mapping[str, str], ports: Iterable[int]) -> tuple[Found, ...]:
    return (await look(environment, ports)).found


async def test_an_engine_on_loopback_is_found_with_its_models() -> None:
    async with FakeOllama() as server:
        (found,) = await discover({}, [server.port])
    assert (found.id, found.kind, found.zone, found.proof) == ("ollama", Kind.OLLAMA, Zone.DEVICE, Proof.ASSUMED)
    assert (found.is_healthy, found.models) == (True, ("tiny:latest", "harmless:latest"))
    assert found.source == f"Ollama listens on port {server.port}"
    assert not found.needs_own_yes


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which program answers")
async def test_ollamas_own_program_is_verified_at_once(tmp_path: Path) -> None:
    with serving("ollama", tmp_path, "ollama") as port:
        (found,) = await discover({}, [port])
    assert found.proof is Proof.VERIFIED
    assert found.peer is not None and found.peer.executable == str(tmp_path / "ollama")


async def test_two_of_a_kind_get_two_ids() -> None:
    async with FakeOllama() as one, FakeOllama() as two:
        found = await discover({}, [one.port, two.port])
    assert [engine.id for engine in found] == ["ollama", "ollama-2"]


@pytest.mark.parametrize(
    ("status", "body"), [(200, b"<html>"), (404, b"<html>"), (401, b"{}"), (200, b"[1]"), (200, b"[" * 100_000)]
)
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


def test_the_budget_is_under_half_a_second() -> None:
    assert 0 < BUDGET_S < 0.5


async def test_silent_ports_do_not_hold_up_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """One accepts and reads nothing, one reads and answers nothing. All looks share the one wait for the budget."""
    budgets: list[float] = []

    async def wait(looks: Iterable[asyncio.Task[Any]], **limits: float) -> tuple[set[Any], set[Any]]:
        """The budget ends when the one that answers has been heard, however slow this machine is."""
        budgets.append(limits["timeout"])
        return await asyncio.wait(looks, return_when=asyncio.FIRST_COMPLETED)

    async def silent(_: Request, __: Responder) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(module, "asyncio", SimpleNamespace(**{**vars(asyncio), "wait": wait}))
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        async with FakeServer(silent) as slow, FakeOllama() as server:
            found = await discover({}, [deaf.getsockname()[1], slow.port, server.port])
    assert [engine.base_url for engine in found] == [server.url]
    assert budgets == [module.BUDGET_S]


async def test_keys_are_named_and_never_used() -> None:
    found = await discover({"OPENAI_API_KEY": "canary", "MISTRAL_API_KEY": "", "OPENAI_BASE_URL": "http://evil"}, [1])
    (openai,) = found
    assert (openai.id, openai.base_url, openai.zone) == ("openai", "https://api.openai.com/v1", Zone.MANAGED)
    assert (openai.source, openai.is_healthy, openai.needs_own_yes) == ("OPENAI_API_KEY", None, True)
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
