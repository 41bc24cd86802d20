"""Listeners on loopback for `hybridchat audit --prove`: a model server that answers, decoys that must hear nothing."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

MODEL = "stand-in"
REPLY = "Hello from this machine."
_MOST_BYTES = 1 << 20


class Decoy:
    """Counts who comes and what they bring; never answers."""

    def __init__(self) -> None:
        self.port = 0
        self.connections = 0
        self.received = bytearray()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while data := await reader.read(1 << 16):
                self.received += data
        except ConnectionError:
            pass  # what came before is counted
        finally:
            writer.close()


class NameDecoy(asyncio.DatagramProtocol):
    """A name server that answers nothing, on UDP port 53 of every address: for a network namespace of our own.

    The kernel counts what finds no way out, and the way to a resolver on loopback is always there.
    """

    def __init__(self) -> None:
        self.received = bytearray()

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.received += data

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Raises OSError where port 53 is not ours to take."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, ("0.0.0.0", 53))
        try:
            yield
        finally:
            transport.close()


class StandIn:
    """Speaks enough of Chat Completions for one short reply; with `redirect`, sends everybody elsewhere."""

    def __init__(self) -> None:
        self.port = 0
        self.received = bytearray()
        self.redirect: tuple[int, str] | None = None  # status and location

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            lengths = [line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            body = await reader.readexactly(min(int(lengths[0]), _MOST_BYTES) if lengths else 0)
            self.received += head + body
            writer.write(self._answer(head.split(b" ", 2)[1]))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # it went away
        finally:
            writer.close()

    def _answer(self, path: bytes) -> bytes:
        if path.endswith(b"/models"):
            return _whole(200, {"object": "list", "data": [{"id": MODEL, "object": "model"}]})
        if not path.endswith(b"/chat/completions"):
            return _whole(404, {"error": {"message": "not found"}})
        if self.redirect is not None:
            status, location = self.redirect
            return _head(status, "text/plain", f"location: {location}\r\ncontent-length: 0\r\n")
        body = _event({"content": REPLY}, None) + _event({}, "stop") + "data: [DONE]\n\n"
        return _head(200, "text/event-stream", f"content-length: {len(body)}\r\n") + body.encode()


def _event(delta: dict[str, str], finish_reason: str | None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return f"data: {json.dumps({'model': MODEL, 'choices': [choice]})}\n\n"


def _whole(status: int, value: object) -> bytes:
    body = json.dumps(value).encode()
    return _head(status, "application/json", f"content-length: {len(body)}\r\n") + body


def _head(status: int, content_type: str, more: str) -> bytes:
    return f"HTTP/1.1 {status} .\r\ncontent-type: {content_type}\r\nconnection: close\r\n{more}\r\n".encode()


@asynccontextmanager
async def listening(*listeners: Decoy | StandIn) -> AsyncIterator[None]:
    """Each on a free port of 127.0.0.1, until the end of the block."""
    servers = [await asyncio.start_server(listener._meet, "127.0.0.1", 0) for listener in listeners]
    for listener, server in zip(listeners, servers, strict=True):
        listener.port = server.sockets[0].getsockname()[1]
    try:
        yield
    finally:
        for server in servers:
            server.close()


async def knock(decoy: Decoy, data: bytes) -> None:
    """Brings a decoy some bytes, to see that it counts them."""
    before = len(decoy.received)
    _, writer = await asyncio.open_connection("127.0.0.1", decoy.port)
    writer.write(data)
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    await _until_received(decoy, before + len(data))


async def knock_by_name(decoy: NameDecoy, data: bytes) -> None:
    """As `knock`, at the address where many systems have their resolver."""
    before = len(decoy.received)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as knocking:
        knocking.sendto(data, ("127.0.0.53", 53))
    await _until_received(decoy, before + len(data))


async def _until_received(decoy: Decoy | NameDecoy, size: int) -> None:
    async with asyncio.timeout(5.0):
        while len(decoy.received) < size:  # noqa: ASYNC110 - it is read by another task of this loop
            await asyncio.sleep(0.001)
