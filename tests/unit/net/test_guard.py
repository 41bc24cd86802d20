"""The device zone's guard: only loopback literals are dialled, and a missing guard is noticed."""

from __future__ import annotations

import asyncio

import httpcore2
import pytest
from httpcore2._backends.anyio import AnyIOBackend

from hybridchat.domain.address import Address
from hybridchat.domain.chat import Zone
from hybridchat.errors import Refused
from hybridchat.net import guard
from hybridchat.net.client import Policy, open_client
from tests.fakes.completions import FakeCompletions
from tests.fakes.recorder import Recorded

HOSTILE = (
    "example.com",
    "localhost.example",
    "0.0.0.0",
    "::",
    "10.0.0.1",
    "169.254.169.254",
    "2130706433",
    "127.1",
    "0x7f.0.0.1",
    "127.0.0.1.nip.example",
    "fe80::1%lo",
    "::1%lo",
    "::ffff:10.0.0.1",
    "LOCALHOST.",
    "",
)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.8.7", "::1", "::ffff:127.0.0.1"])
def test_loopback_literals_pass(host: str) -> None:
    assert guard.loopback_literal(host) == host


def test_localhost_is_mapped() -> None:
    assert guard.loopback_literal("localhost") == "127.0.0.1"


@pytest.mark.parametrize("host", HOSTILE)
async def test_hostile_hosts_are_refused_without_a_look_up(host: str) -> None:
    """The suite's audit hook sees look-ups and connections; the guard must raise before either."""
    with pytest.raises(Refused):
        await guard.LoopbackBackend().connect_tcp(host, 9)


async def test_whoever_really_answered_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network rule that leads a loopback address elsewhere shows in the peer's address."""
    async with FakeCompletions() as server:
        monkeypatch.setattr(
            "httpcore2._backends.anyio.AnyIOStream.get_extra_info", lambda _self, _info: ("192.0.2.7", server.port)
        )
        with pytest.raises(Refused, match="another host"):
            await guard.LoopbackBackend().connect_tcp("127.0.0.1", server.port)
        assert server.requests == []


async def test_a_device_client_reaches_loopback_only() -> None:
    client = open_client(Policy(zone=Zone.DEVICE, address=Address("http", "192.0.2.1", 9, "", False)), Recorded())
    with pytest.raises(Refused):
        await client.get_json("/")
    await client.aclose()


def test_a_pool_without_the_guard_is_refused() -> None:
    with pytest.raises(Refused, match="not in place"):
        guard.prove_guard(httpcore2.AsyncConnectionPool(network_backend=AnyIOBackend()))
    with pytest.raises(Refused, match="not in place"):
        guard.prove_guard(httpcore2.AsyncConnectionPool())


def test_a_guard_that_does_not_fire_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after an upgrade of the library that renames what the guard stands on."""
    monkeypatch.setattr(guard, "loopback_literal", lambda host: host)
    monkeypatch.setattr(AnyIOBackend, "connect_tcp", _dials_anything)
    with pytest.raises(Refused, match="not in place"):
        open_client(Policy(zone=Zone.DEVICE, address=Address("http", "127.0.0.1", 9, "", True)), Recorded())


async def _dials_anything(*_: object) -> httpcore2.AsyncNetworkStream:
    await asyncio.sleep(0)
    return httpcore2.AsyncMockStream([])


def test_other_zones_need_no_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybridchat.net.http.prove_guard", lambda _pool: pytest.fail("only for the device zone"))
    open_client(Policy(zone=Zone.MANAGED, address=Address("https", "api.example", 443, "", False)), Recorded())
