"""The socket-level guard of the device zone: whatever a request says, only loopback and Unix sockets are dialled."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address
from typing import Any

import httpcore2
from httpcore2._backends.anyio import AnyIOBackend

from hybridchat.errors import Refused
from hybridchat.net.peers import Peers, who_wants_to_know

_OUTSIDE = "192.0.2.1"  # TEST-NET-1: belongs to nobody, and is refused before anything is dialled


def loopback_literal(host: str) -> str | None:
    """The loopback address to dial for `host`, or None. `localhost` is mapped: a look-up is egress too."""
    if host == "localhost":
        return "127.0.0.1"
    try:
        address = ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return host if (mapped or address).is_loopback and "%" not in host else None


class LoopbackBackend(AnyIOBackend):
    """Dials loopback literals only, then looks at who really answered. Raises Refused for everything else.

    Whoever waits for that (`net.peers.meeting`) is told which process it is.
    """

    def __init__(self) -> None:
        self._peers = Peers()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 — the base class says so
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        literal = loopback_literal(host)
        if literal is None:
            raise Refused(
                f"{host} is not on this device", "nothing was sent; a device backend needs a loopback address"
            )
        stream = await super().connect_tcp(literal, port, timeout, local_address, socket_options)
        peer = stream.get_extra_info("server_addr")
        if not peer or loopback_literal(str(peer[0])) is None:
            await stream.aclose()
            raise Refused(
                f"{literal}:{port} led to another host", "nothing was sent; check this machine's network rules"
            )
        await self._meet(stream)
        return stream

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 — the base class says so
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        stream = await super().connect_unix_socket(path, timeout, socket_options)
        await self._meet(stream)
        return stream

    async def _meet(self, stream: httpcore2.AsyncNetworkStream) -> None:
        on_peer = who_wants_to_know()
        if on_peer is None:
            return
        try:
            on_peer(await asyncio.to_thread(self._peers.of, stream.get_extra_info("socket")))
        except BaseException:  # refused, or cancelled
            await stream.aclose()
            raise


def prove_guard(pool: httpcore2.AsyncConnectionPool) -> None:
    """Raises Refused unless a connection made by this very pool refuses to leave the device."""
    connection = pool.create_connection(httpcore2.Origin(b"http", _OUTSIDE.encode(), 9))
    backend = getattr(connection, "_network_backend", None)
    if isinstance(backend, LoopbackBackend):
        attempt = backend.connect_tcp(_OUTSIDE, 9)
        try:
            attempt.send(None)  # refuses before its first await, or it is no guard
        except Refused:
            return
        finally:
            attempt.close()
    raise Refused(
        "the guard that keeps device backends on this machine is not in place",
        "nothing was sent; reinstall hybridchat with the pinned httpx2",
    )
