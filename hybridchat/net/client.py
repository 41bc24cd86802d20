"""One HTTP client per backend and policy; nothing else in the program opens a connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from msgspec import Struct

from hybridchat.domain.address import Address
from hybridchat.domain.chat import Zone


class Policy(Struct, frozen=True, kw_only=True):
    """How a client may connect. In the device zone a socket-level guard lets only loopback and Unix sockets through."""

    zone: Zone
    address: Address
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    proxy: str | None = None  # managed only
    headers: Mapping[str, str] = {}  # the key's header among them; never logged
    connect_s: float = 5.0


class Reply(Protocol):
    """A response whose body has not been read. Bodies are bounded: `read` raises BackendError(TOO_LARGE) over its limit."""

    status: int
    headers: Mapping[str, str]

    def chunks(self) -> AsyncIterator[bytes]: ...
    async def read(self, limit_bytes: int = 1 << 20) -> bytes: ...


class Client(Protocol):
    """Raises BackendError (CONNECT, DNS, TLS, TIMEOUT, RESET, REDIRECT, TOO_LARGE) with a remedy; never httpx2's own errors."""

    def stream(
        self, method: str, path: str, *, body: bytes | None = None, idle_s: float = 60.0
    ) -> AbstractAsyncContextManager[Reply]: ...
    async def get_json(self, path: str, *, timeout_s: float = 3.0) -> object: ...
    async def post_json(self, path: str, body: object, *, timeout_s: float = 3.0) -> object: ...
    async def aclose(self) -> None: ...


def open_client(policy: Policy) -> Client:
    """Raises Refused when the guard cannot be installed in the device zone (its self-test failed)."""
    raise NotImplementedError
