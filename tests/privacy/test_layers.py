"""Each layer alone, the others patched away: what it holds, and what only it holds. The product has no switch for this.

The layers: the zone check before a plan is made; the guard at the socket, which dials loopback literals only, looks at
who answered, and proves that it is there; the transport that takes nothing from the environment, and no proxy; the rule
that redirects end; Ollama's fail-closed name; the look at forwarded replies; the audit's row; and the audit hook.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from httpcore2 import AsyncNetworkStream
from httpcore2._backends.anyio import AnyIOBackend, AnyIOStream
from msgspec.structs import replace

from hybridchat.backends import ollama
from hybridchat.domain.address import Address, parse_base_url
from hybridchat.domain.chat import Kind, Privacy, Proof, Zone
from hybridchat.domain.events import Failed
from hybridchat.errors import BackendError, ErrorKind, Refused
from hybridchat.net import http
from hybridchat.net.client import Client, Policy, open_client
from tests.fakes.decoy import Decoy
from tests.fakes.http import FakeServer, Handler, Request, Responder
from tests.fakes.ollama import FakeOllama
from tests.fakes.recorder import Recorded
from tests.fakes.wire import ask, collect, spec_for
from tests.kill_switch.sitecustomize import NetworkForbidden
from tests.privacy.namespaces import has_namespaces
from tests.privacy.sandbox import NAMESPACE
from tests.unit.session.conftest import Build, spec

ROOT = Path(__file__).parents[2]
ELSEWHERE = Address("http", "192.0.2.1", 9, "", False)
Patch = pytest.MonkeyPatch


@pytest.fixture
def no_guard(monkeypatch: Patch) -> None:
    monkeypatch.setattr(http, "LoopbackBackend", AnyIOBackend)
    monkeypatch.setattr(http, "prove_guard", lambda pool: None)


@pytest.fixture
def no_zone_check(monkeypatch: Patch) -> None:
    for module in ("hybridchat.domain.routing", "hybridchat.session.recovery"):
        monkeypatch.setattr(f"{module}.why_forbidden", lambda privacy, zone, proof: None)


@pytest.fixture
def no_redirect_rule(monkeypatch: Patch) -> None:
    """As a client of the library follows them."""

    async def follow(transport: http.GuardedTransport, request: httpx2.Request) -> httpx2.Response:
        response = await transport._send(request)
        if location := response.headers.get("location"):
            await response.aclose()
            body, timeouts = await request.aread(), request.extensions
            return await transport._send(httpx2.Request(request.method, location, content=body, extensions=timeouts))
        return response

    monkeypatch.setattr(http.GuardedTransport, "handle_async_request", follow)


@pytest.fixture
def expected_escape(escapes: Path) -> Iterator[Path]:
    """This test does reach outside; the suite's own hook ends it there."""
    yield escapes
    assert "192.0.2.1" in escapes.read_text()
    escapes.unlink()


def device_client(address: Address) -> Client:
    return open_client(Policy(zone=Zone.DEVICE, address=address))


# --- zone check


async def test_the_zone_check_holds_alone(build: Build, no_guard: None) -> None:
    world = await build(spec("rented", Zone.MANAGED))
    chat = world.session.new(privacy=Privacy.LOCAL_ONLY)
    with pytest.raises(Refused):
        await world.session.send(chat, "words", route="rented")
    assert world.backends["rented"].requests == []


async def test_what_only_the_zone_check_holds(build: Build, no_zone_check: None) -> None:
    world = await build(spec("rented", Zone.MANAGED))
    chat = world.session.new(privacy=Privacy.LOCAL_ONLY)
    await world.session.send(chat, "words", route="rented")
    await world.session.wait(chat)
    assert len(world.backends["rented"].requests) == 1, "without it a pinned conversation goes to a managed backend"


async def test_a_local_only_run_holds_without_the_zone_check(build: Build, no_zone_check: None) -> None:
    world = await build(spec("rented", Zone.MANAGED), local_only=True)
    chat = world.session.new()
    await world.session.send(chat, "words", route="rented")
    reply = await world.session.wait(chat)
    assert (reply.attempt is not None and reply.attempt.error_kind, world.backends["rented"].requests) == (
        "refused",
        [],
    )


# --- guard


async def test_the_guard_holds_alone(no_redirect_rule: None) -> None:
    """No look at the address before it, and a server that sends elsewhere."""
    client = device_client(ELSEWHERE)
    with pytest.raises(Refused):
        await client.post_json("/", "words")
    await client.aclose()


async def test_the_guard_holds_against_a_followed_redirect(no_redirect_rule: None) -> None:
    async def redirect(_: Request, respond: Responder) -> None:
        await respond.raw(b"HTTP/1.1 307 .\r\nlocation: http://192.0.2.1:9/\r\ncontent-length: 0\r\n\r\n")

    async with FakeServer(redirect) as server:
        client = device_client(parse_base_url(server.url))
        with pytest.raises(Refused):
            await client.post_json("/", "words")
        await client.aclose()


async def test_what_only_the_guard_holds(no_guard: None, expected_escape: Path) -> None:
    client = device_client(ELSEWHERE)
    with pytest.raises((NetworkForbidden, BaseExceptionGroup)):
        await client.post_json("/", "words")
    await client.aclose()


# --- who answered


@pytest.fixture
async def misled(monkeypatch: Patch) -> AsyncIterator[Decoy]:
    """The library dials another place than it was told to, as one under a proxying preload does; here it is a decoy on
    loopback that calls itself 192.0.2.7."""
    dial = AnyIOBackend.connect_tcp
    async with Decoy() as decoy:

        async def elsewhere(self: AnyIOBackend, host: str, port: int, *more: Any) -> AsyncNetworkStream:
            return await dial(self, host, decoy.port, *more)

        monkeypatch.setattr(AnyIOBackend, "connect_tcp", elsewhere)
        peer_is("192.0.2.7", monkeypatch)
        yield decoy


def peer_is(host: str, monkeypatch: Patch) -> None:
    told = {"server_addr": (host, 9)}
    monkeypatch.setattr(AnyIOStream, "get_extra_info", lambda _, info: told.get(info))


async def test_the_look_at_who_answered_holds_alone(misled: Decoy, no_redirect_rule: None, monkeypatch: Patch) -> None:
    """The literal was in order; not a byte goes to whom it led."""
    monkeypatch.setattr(http, "prove_guard", lambda pool: None)
    client = device_client(Address("http", "127.0.0.1", 9, "", True))
    with pytest.raises(Refused, match="led to another host"):
        await client.post_json("/", "words", timeout_s=5)
    await client.aclose()
    assert bytes(misled.received) == b""


async def test_what_only_the_look_at_who_answered_holds(misled: Decoy, monkeypatch: Patch) -> None:
    peer_is("127.0.0.1", monkeypatch)
    client = device_client(Address("http", "127.0.0.1", 9, "", True))
    with pytest.raises(BackendError):
        await client.post_json("/", "words", timeout_s=0.2)
    await client.aclose()
    assert b"words" in misled.received


# --- the guard's self-test


async def test_the_self_test_holds_without_the_guard(monkeypatch: Patch) -> None:
    """No client comes to be, so nothing can be asked."""
    monkeypatch.setattr(http, "LoopbackBackend", AnyIOBackend)
    with pytest.raises(Refused, match="not in place"):
        device_client(parse_base_url("http://127.0.0.1:9"))


# --- the environment


@pytest.fixture
async def proxy(monkeypatch: Patch) -> AsyncIterator[Decoy]:
    async with Decoy() as decoy:
        for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{decoy.port}")
        yield decoy


async def ok(_: Request, respond: Responder) -> None:
    await respond.whole({})


async def test_the_transport_takes_no_proxy_without_the_guard(no_guard: None, proxy: Decoy) -> None:
    async with FakeServer(ok) as server:
        client = device_client(parse_base_url(server.url))
        await client.post_json("/", "words")
        await client.aclose()
    assert proxy.seen == 0


async def test_what_only_the_transport_holds(proxy: Decoy) -> None:
    """The library as it comes: loopback or not, the proxy gets the words. The guard could not see it: a proxy may be
    on loopback as well."""
    async with FakeServer(ok) as server, httpx2.AsyncClient(timeout=0.2) as library:
        with pytest.raises(httpx2.HTTPError):
            await library.post(server.url, content="words")
    assert b"words" in proxy.received or server.url.encode() in proxy.received


# --- a proxy for what is local


def through(decoy: Decoy, zone: Zone) -> Policy:
    return Policy(zone=zone, address=parse_base_url("http://127.0.0.1:9"), proxy=f"http://127.0.0.1:{decoy.port}")


@pytest.mark.parametrize("zone", [Zone.DEVICE, Zone.PRIVATE])
async def test_the_refusal_of_a_proxy_holds_alone(zone: Zone, no_guard: None) -> None:
    async with Decoy() as decoy:
        with pytest.raises(Refused, match="a proxy would see"):
            open_client(through(decoy, zone), Recorded())
        assert decoy.seen == 0


async def test_the_self_test_holds_against_a_proxy_in_the_device_zone(monkeypatch: Patch) -> None:
    async with Decoy() as decoy:
        monkeypatch.setattr(http, "_direct_pool", lambda _: http._proxy_pool(through(decoy, Zone.DEVICE)))
        with pytest.raises(Refused, match="not in place"):
            device_client(parse_base_url("http://127.0.0.1:9"))


async def test_what_only_the_refusal_of_a_proxy_holds(monkeypatch: Patch) -> None:
    """In the private zone no guard stands at the socket."""
    async with Decoy() as decoy:
        monkeypatch.setattr(http, "_direct_pool", lambda _: http._proxy_pool(through(decoy, Zone.PRIVATE)))
        client = open_client(replace(through(decoy, Zone.PRIVATE), proxy=None), Recorded())
        with pytest.raises(BackendError):
            await client.post_json("/", "words", timeout_s=0.2)
        await client.aclose()
        assert b"words" in decoy.received


# --- redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_the_redirect_rule_holds_without_the_guard(status: int, no_guard: None) -> None:
    async with Decoy() as decoy, FakeServer(_redirect_to(status, decoy)) as server:
        client = device_client(parse_base_url(server.url))
        with pytest.raises(BackendError) as caught:
            await client.post_json("/", "words")
        await client.aclose()
        assert (caught.value.kind, decoy.seen) == (ErrorKind.REDIRECT, 0)


async def test_what_only_the_redirect_rule_holds(no_redirect_rule: None) -> None:
    """To another port of this machine, which the guard lets through."""
    async with Decoy() as decoy, FakeServer(_redirect_to(307, decoy)) as server:
        client = device_client(parse_base_url(server.url))
        with pytest.raises(BackendError):
            await client.post_json("/", "words", timeout_s=0.2)
        await client.aclose()
        assert b"words" in decoy.received


def _redirect_to(status: int, decoy: Decoy) -> Handler:
    async def redirect(_: Request, respond: Responder) -> None:
        location = f"location: http://127.0.0.1:{decoy.port}/\r\ncontent-length: 0\r\n"
        await respond.raw(f"HTTP/1.1 {status} .\r\n{location}\r\n".encode())

    return redirect


# --- Ollama


@pytest.fixture
def no_look_at_replies(monkeypatch: Patch) -> None:
    decoder = ollama.OllamaDecoder
    trusting = {"may_forward": True}
    monkeypatch.setattr(ollama, "OllamaDecoder", lambda *given, **named: decoder(*given, **{**named, **trusting}))


async def asked(server: FakeOllama, model: str) -> tuple[str, Failed | None]:
    """The model's name on the wire, and how it failed."""
    backend = ollama.OllamaBackend(spec_for(Kind.OLLAMA, server.url, proof=Proof.VOUCHED))
    last = (await collect(backend, ask("words", model)))[-1]
    return server.sent("/api/chat")[-1].json()["model"], last if isinstance(last, Failed) else None


async def test_the_fail_closed_name_holds_alone(no_guard: None, no_look_at_replies: None, monkeypatch: Patch) -> None:
    monkeypatch.setattr("hybridchat.backends.ollama.is_cloud_name", lambda model: False)
    async with FakeOllama() as server:
        name, failed = await asked(server, "harmless")
    assert name == "harmless:latest:local"
    assert failed is not None, "the server itself refuses to forward it"


async def test_the_look_at_replies_holds_alone(no_guard: None, monkeypatch: Patch) -> None:
    """The words have left by then: it ends the reply and demotes the backend, no more. So the name is first."""
    monkeypatch.setattr("hybridchat.backends.ollama.fail_closed_name", lambda model: model)
    async with FakeOllama() as server:
        name, failed = await asked(server, "harmless")
    assert name == "harmless"
    assert failed is not None
    assert failed.kind is ErrorKind.FORWARDED


async def test_what_only_these_two_hold(no_look_at_replies: None, monkeypatch: Patch) -> None:
    monkeypatch.setattr("hybridchat.backends.ollama.fail_closed_name", lambda model: model)
    async with FakeOllama() as server:
        assert await asked(server, "harmless") == ("harmless", None)


# --- the audit's row


async def test_the_row_holds_alone(no_zone_check: None, no_guard: None) -> None:
    """Nobody who writes it down: there is no way out."""
    async with Decoy() as decoy:
        with pytest.raises(Refused, match="must be recorded"):
            open_client(replace(through(decoy, Zone.MANAGED), proxy=None))
        assert decoy.seen == 0


# --- the audit hook


PAST_ALL_OTHERS = """
import asyncio, json
from httpcore2._backends.anyio import AnyIOBackend
from hybridchat.backends import ollama
from hybridchat.domain.address import Address
from hybridchat.domain.chat import Zone
from hybridchat.errors import BackendError
from hybridchat.net import http, witness
from hybridchat.net.client import Policy, open_client

witness.lift_loopback()
http.LoopbackBackend, http.prove_guard = AnyIOBackend, lambda pool: None
hook, before = witness.Hook(), witness.read_counters()

async def reach(host):
    client = open_client(Policy(zone=Zone.DEVICE, address=Address("http", host, 9, "", False)))
    try:
        await client.get_json("/")
    except BackendError:
        pass
    await client.aclose()

for host in ("192.0.2.1", "managed.invalid"):
    asyncio.run(reach(host))
print(json.dumps([hook.outside, witness.read_counters().unroutable - before.unroutable]))
"""


@pytest.mark.skipif(not has_namespaces(), reason="this system refuses network namespaces")
def test_the_hook_and_the_kernel_see_what_got_past_all_others() -> None:
    env = {**os.environ, "RES_OPTIONS": "timeout:1 attempts:1"}
    del env["PYTHONPATH"]  # the suite's own hook would end it first
    program = [*NAMESPACE, sys.executable, "-c", PAST_ALL_OTHERS]
    done = subprocess.run(program, cwd=ROOT, env=env, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    outside, unroutable = json.loads(done.stdout)
    assert "connect to 192.0.2.1" in outside
    assert "look-up of managed.invalid" in outside
    assert unroutable >= 2
