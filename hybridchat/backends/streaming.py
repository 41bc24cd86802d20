"""One streamed reply, whatever the protocol: its limits, its ends, and exactly one Finished or Failed."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Awaitable
from contextlib import AsyncExitStack, aclosing
from typing import Protocol, TypeVar

from msgspec import Struct

from hybridchat.backends.failures import excerpt, failed, failed_from, read_error
from hybridchat.backends.limits import read_limits
from hybridchat.domain.events import Event, Failed, Finished, Requested, Text, Thinking, Usage
from hybridchat.errors import BackendError, ErrorKind, HybridchatError
from hybridchat.net.client import Client, Reply

MAX_REPLY_CHARACTERS = 16 << 20
"""Of one reply, thinking included: a model that repeats itself ends here."""

MAX_TOKENS = 10**12
"""Of one count in a usage; more is a mistake."""

_COUNTS = (
    *("prompt_tokens", "cached_tokens", "cache_write_tokens", "completion_tokens", "thinking_tokens"),
    "cache_write_1h_tokens",
)
_TIMES = ("load_ms", "queue_ms", "prompt_ms")
_HEAD_BYTES = 4096
_ERROR_BODY_BYTES = 64 << 10
_DRAIN_S = 0.1

T = TypeVar("T")


class Decoder(Protocol):
    """A protocol's bytes to events, without I/O. `feed` may raise BackendError(TOO_LARGE)."""

    understood: bool  # something of the protocol has come

    def feed(self, chunk: bytes) -> list[Event]: ...

    def end(self) -> list[Event]:
        """The stream is over: what was still held back, closed by Finished or Failed."""
        ...


class Exchange(Struct, frozen=True, kw_only=True):
    """One request and its limits: `first_s` for the reply's first byte, `idle_s` for each silence after it."""

    client: Client
    path: str
    body: bytes
    backend: str  # its name, for errors
    first_s: float
    idle_s: float
    deadline_s: float
    secret: str | None = None  # never shown, even if the server repeats it

    def __repr__(self) -> str:
        return f"Exchange({self.backend!r}, {self.path!r})"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        """A crash prints the variables of every frame: neither the words nor the key may be among them."""
        return [("backend", self.backend), ("path", self.path)]


async def stream_reply(exchange: Exchange, decoder: Decoder) -> AsyncGenerator[Event, None]:
    """Yields the decoder's events and ends with exactly one Finished or Failed. Closing it closes the connection."""
    clock = _Clock(exchange)
    yield Requested(exchange.path, exchange.body)
    try:
        async with AsyncExitStack() as stack:
            opening = exchange.client.stream("POST", exchange.path, body=exchange.body, idle_s=exchange.deadline_s)
            reply = await clock.bounded(stack.enter_async_context(opening), exchange.first_s)
            if limits := read_limits(reply.headers):
                yield limits
            if reply.status != 200:
                yield await _refusal(exchange, reply)
                return
            chunks = await stack.enter_async_context(aclosing(reply.chunks()))
            events = await stack.enter_async_context(aclosing(_events(exchange, chunks, decoder, clock)))
            async for event in events:
                if isinstance(event, Finished):
                    # The body's last bytes are read before the connection goes back, so that the next send can use it.
                    stack.push_async_callback(_drain, chunks)
                yield event
    except HybridchatError as error:
        yield failed_from(error)


async def _events(
    exchange: Exchange, chunks: AsyncGenerator[bytes, None], decoder: Decoder, clock: _Clock
) -> AsyncGenerator[Event, None]:
    characters = 0
    head = b""
    wait_s = exchange.first_s
    while (chunk := await clock.bounded(anext(chunks, None), wait_s)) is not None:
        wait_s = exchange.idle_s
        for event in decoder.feed(chunk):
            if isinstance(event, Text | Thinking):
                characters += len(event.text)
            yield believable(event) if isinstance(event, Usage) else event
            if isinstance(event, Finished | Failed):
                return
        if characters > MAX_REPLY_CHARACTERS:
            yield Failed(
                ErrorKind.TOO_LARGE,
                f"the reply grew over {MAX_REPLY_CHARACTERS >> 20} MB",
                "it may be a loop; ask again",
            )
            return
        if not decoder.understood and len(head) < _HEAD_BYTES:
            head += chunk[:_HEAD_BYTES]
    for event in decoder.end():
        if isinstance(event, Usage):
            event = believable(event)
        elif isinstance(event, Failed) and not decoder.understood and head:
            event = _not_the_protocol(exchange, head)
        yield event


def believable(usage: Usage) -> Usage:
    """Without counts that cannot be: they would be priced, and no ledger can hold some of them."""
    counts = {name: getattr(usage, name) for name in _COUNTS}
    told = {name: count for name, count in counts.items() if count is not None and 0 <= count <= MAX_TOKENS}
    prompt, completion = told.get("prompt_tokens", MAX_TOKENS), told.get("completion_tokens", MAX_TOKENS)
    if told.get("cached_tokens", 0) + told.get("cache_write_tokens", 0) > prompt:
        told = {name: count for name, count in told.items() if not name.startswith("cache")}
    if told.get("cache_write_1h_tokens", 0) > told.get("cache_write_tokens", 0):
        told.pop("cache_write_1h_tokens")
    if told.get("thinking_tokens", 0) > completion:
        del told["thinking_tokens"]
    times = {name: getattr(usage, name) for name in _TIMES}
    sane = {name: ms for name, ms in times.items() if ms is not None and 0 <= ms < math.inf}
    return Usage(**told, **sane)


class _Clock:
    """The whole attempt's deadline, and the patience for each step within it."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._time = asyncio.get_running_loop().time
        self._deadline = self._time() + exchange.deadline_s

    async def bounded(self, step: Awaitable[T], patience_s: float) -> T:
        until = self._time() + patience_s
        try:
            async with asyncio.timeout_at(min(until, self._deadline)):
                return await step
        except TimeoutError:
            name = self._exchange.backend
            if until < self._deadline:
                what, setting = f"{name} was silent for {patience_s:g} s", "idle_s"
            else:
                what, setting = f"{name} took longer than {self._exchange.deadline_s:g} s", "deadline_s"
            raise BackendError(ErrorKind.TIMEOUT, what, f"try again, or raise {setting} for this backend") from None


async def _refusal(exchange: Exchange, reply: Reply) -> Failed:
    try:
        async with asyncio.timeout(min(exchange.idle_s, 10.0)):
            body = await reply.read(_ERROR_BODY_BYTES)
    except (BackendError, TimeoutError):
        body = b""  # the status alone must do
    return failed(body, backend=exchange.backend, status=reply.status, headers=reply.headers, secret=exchange.secret)


def _not_the_protocol(exchange: Exchange, head: bytes) -> Failed:
    """A 200 in which nothing was understood: an error without a stream, or another service's page."""
    if read_error(head).is_error:
        return failed(head, backend=exchange.backend, secret=exchange.secret)
    return Failed(
        ErrorKind.PROTOCOL,
        f"{exchange.backend} answered with something else than a chat stream: {excerpt(head) or 'unreadable bytes'}",
        "check base_url and kind of this backend; on a guest network, sign in to it first",
    )


async def _drain(chunks: AsyncGenerator[bytes, None]) -> None:
    try:
        async with asyncio.timeout(_DRAIN_S):
            async for _ in chunks:
                pass
    except (BackendError, TimeoutError):
        pass  # the reply is complete; its connection is closed instead of kept
