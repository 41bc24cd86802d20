"""Decoys: they answer nothing and remember every byte. TCP for HTTP, SOCKS and TLS; UDP for DNS."""

from __future__ import annotations

import asyncio
from typing import Self


class Decoy:
    """`async with Decoy() as decoy:` listens on a TCP port of `host`."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self._host, self.port = host, port
        self.connections = 0
        self.received = bytearray()
        self._meetings: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._meet, self._host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for meeting in self._meetings:
            meeting.cancel()
        await asyncio.gather(*self._meetings, return_exceptions=True)

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._meetings.add(task)
        self.connections += 1
        try:
            while data := await reader.read(1 << 16):
                self.received += data
        except (ConnectionError, asyncio.CancelledError):
            pass  # it went away, or the test is over
        finally:
            writer.close()
            self._meetings.discard(task)

    @property
    def seen(self) -> int:
        """Connections and bytes together: 0 is nothing at all."""
        return self.connections + len(self.received)


class NameDecoy(asyncio.DatagramProtocol):
    """A name server that answers nothing, on UDP port 53 of every address: for a network namespace."""

    def __init__(self) -> None:
        self.received = bytearray()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, ("0.0.0.0", 53))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._transport.close()

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.received += data

    @property
    def seen(self) -> int:
        return len(self.received)
