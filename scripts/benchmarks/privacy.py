"""What privacy costs a request: the guard of the device zone, and the audit's row for what leaves, next to the same
request by the library alone."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx2

from hybridchat.domain.address import parse_base_url
from hybridchat.domain.audit import Departure, Errand
from hybridchat.domain.chat import Zone
from hybridchat.ledger.store import open_ledger
from hybridchat.net.client import Policy, open_client
from hybridchat.net.peers import meeting
from scripts.benchmarks.measure import Row, median, percentile
from tests.fakes.http import FakeServer, Request, Responder

RUNS = 400
BODY = b'{"words":"' + b"w" * 10_000 + b'"}'

Send = Callable[[], Awaitable[None]]


def rows() -> Iterator[Row]:
    plain, guarded, met, recorded, row = asyncio.run(_measured())
    yield Row("a request of 10 KB by the library alone, p50", median(plain) * 1000, "ms", n=RUNS)
    yield Row("the guard adds to a request, p50", (median(guarded) - median(plain)) * 1000, "ms", 1, RUNS)
    yield Row("guard and look at who answers add, p50", (median(met) - median(plain)) * 1000, "ms", 1, RUNS)
    yield Row("the audit's row adds to a request, p50", (median(recorded) - median(plain)) * 1000, "ms", 1, RUNS)
    yield Row("the audit's row is committed, p95", percentile(row, 0.95) * 1000, "ms", n=RUNS)


async def _measured() -> tuple[list[float], ...]:
    """The ways by turns, so that the machine's mood is everybody's."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(FakeServer(_ok))
        device, managed = _ours(server.url, Zone.DEVICE), _ours(server.url, Zone.MANAGED)
        contexts = (_library(server.url), device, _meeting(server.url), managed, _row())
        ways = [await stack.enter_async_context(context) for context in contexts]
        times_s: list[list[float]] = [[] for _ in ways]
        for _ in range(RUNS):
            for send, taken_s in zip(ways, times_s, strict=True):
                start = time.perf_counter()
                await send()
                taken_s.append(time.perf_counter() - start)
        return tuple(times_s)


async def _ok(_: Request, respond: Responder) -> None:
    await respond.raw(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}")
    respond.close()


@asynccontextmanager
async def _library(url: str) -> AsyncIterator[Send]:
    transport = httpx2.AsyncHTTPTransport(trust_env=False)

    async def send() -> None:
        request = httpx2.Request("POST", url, content=BODY)
        response = await transport.handle_async_request(request)
        await response.aread()
        await response.aclose()

    yield send
    await transport.aclose()


@asynccontextmanager
async def _ours(url: str, zone: Zone) -> AsyncIterator[Send]:
    with tempfile.TemporaryDirectory() as folder:
        ledger = open_ledger(Path(folder, "hybridchat.db"))
        client = open_client(Policy(zone=zone, address=parse_base_url(url)), ledger)

        async def send() -> None:
            async with client.stream("POST", "/", body=BODY) as reply:
                await reply.read()

        yield send
        await client.aclose()
        await asyncio.to_thread(ledger.close)


@asynccontextmanager
async def _meeting(url: str) -> AsyncIterator[Send]:
    """As a pinned conversation asks an Ollama: the kernel says for each connection which process answers."""
    async with _ours(url, Zone.DEVICE) as plain:

        async def send() -> None:
            with meeting(lambda peer: None):
                await plain()

        yield send


@asynccontextmanager
async def _row() -> AsyncIterator[Send]:
    errand = Errand(purpose="chat", conversation_id=1, message_id=2, attempt_id=1)
    departure = Departure(host="a", port=443, zone=Zone.MANAGED, backend="b", body_bytes=len(BODY), errand=errand)
    with tempfile.TemporaryDirectory() as folder:
        ledger = open_ledger(Path(folder, "hybridchat.db"))

        async def send() -> None:
            await asyncio.wrap_future(ledger.depart(departure))

        yield send
        await asyncio.to_thread(ledger.close)
