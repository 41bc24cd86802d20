"""Nothing leaves the device before it is recorded: every transport out of the device zone goes through here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Protocol

from msgspec import Struct

from hybridchat.domain.audit import Departure, Errand
from hybridchat.domain.chat import Zone
from hybridchat.errors import HybridchatError, Refused

_errand: ContextVar[Errand | None] = ContextVar("errand", default=None)


class Recorder(Protocol):
    """Keeps the audit. Callable from any thread; never blocks."""

    def depart(self, departure: Departure) -> Future[int]:
        """Done once the row is committed: only then a byte may go. Raises, or fails with, HybridchatError."""
        ...

    def sent(self, row: Future[int], body_bytes: int) -> None:
        """How much of the body was handed to the connection in the end."""
        ...

    def __hash__(self) -> int: ...  # one client library is told its recorder once


@contextmanager
def on_errand(errand: Errand) -> Iterator[None]:
    """Requests made within, by this task and what it awaits, are recorded as made for that."""
    token = _errand.set(errand)
    try:
        yield
    finally:
        _errand.reset(token)


class Exit:
    """One client's way off the device: each request is recorded before its first byte.

    Raises Refused without a recorder: no way out exists that nobody writes down.
    """

    def __init__(self, recorder: Recorder | None, zone: Zone, backend: str | None, purpose: str) -> None:
        if recorder is None:
            raise Refused(
                "what leaves this device must be recorded", "nothing was sent; this is a defect of hybridchat"
            )
        self._recorder = recorder
        self._zone = zone
        self._backend = backend
        self._default = Errand(purpose=purpose)

    @asynccontextmanager
    async def leaving(self, host: str, port: int, body_bytes: int | None) -> AsyncIterator[Tally]:
        """Within, the request may go. Raises Refused when it cannot be recorded."""
        tally = Tally()
        row = self._begin(host, port, body_bytes)
        try:
            with _nothing_sent():
                await asyncio.wrap_future(row)
            yield tally
        finally:
            self._recorder.sent(row, tally.body_bytes)

    @contextmanager
    def leaving_by_thread(self, host: str, port: int, body_bytes: int | None) -> Iterator[Tally]:
        """As `leaving`, for a library that blocks its thread."""
        tally = Tally()
        row = self._begin(host, port, body_bytes)
        try:
            with _nothing_sent():
                row.result()
            yield tally
        finally:
            self._recorder.sent(row, tally.body_bytes)

    def _begin(self, host: str, port: int, body_bytes: int | None) -> Future[int]:
        departure = Departure(
            host=host,
            port=port,
            zone=self._zone,
            backend=self._backend,
            body_bytes=body_bytes,
            errand=_errand.get() or self._default,
        )
        with _nothing_sent():
            return self._recorder.depart(departure)


class Tally(Struct):
    """Bytes of a request's body that were handed to the connection."""

    body_bytes: int = 0


@contextmanager
def _nothing_sent() -> Iterator[None]:
    try:
        yield
    except HybridchatError as error:
        why = f"what leaves this device could not be recorded ({error.message})"
        raise Refused(why, f"nothing was sent; {error.remedy or 'see `hybridchat doctor`'}") from None
