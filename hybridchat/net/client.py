"""One HTTP client per backend and policy; nothing else in the program opens a connection.

This module is cheap to import. The HTTP library comes in with the first client, or earlier in a thread by `warm_up`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from msgspec import Struct

from hybridchat.domain.address import Address, parse_base_url
from hybridchat.domain.chat import Zone
from hybridchat.errors import Refused
from hybridchat.net.audit import Recorder


class Policy(Struct, frozen=True, kw_only=True):
    """How a client may connect. In the device zone a socket-level guard lets only loopback and Unix sockets through."""

    zone: Zone
    address: Address
    backend: str | None = None  # whose client this is, for the audit
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None
    proxy: str | None = None  # managed only
    headers: Mapping[str, str] = {}  # the key's header among them; never logged
    connect_s: float = 5.0

    def __repr__(self) -> str:
        """Without the headers and the proxy: a key or a password may be in them."""
        return f"Policy(zone={self.zone.value!r}, host={self.address.host!r}, port={self.address.port})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("zone", self.zone), ("host", self.address.host), ("port", self.address.port)]


class Reply(Protocol):
    """A response whose body was not read yet. Over its limit, `read` raises BackendError(TOO_LARGE)."""

    status: int
    headers: Mapping[str, str]  # names in lower case

    def chunks(self) -> AsyncGenerator[bytes, None]: ...
    async def read(self, limit_bytes: int = 1 << 20) -> bytes: ...


class Client(Protocol):
    """Raises BackendError (CONNECT, DNS, TLS, TIMEOUT, RESET, REDIRECT, TOO_LARGE), never the library's own errors.

    `get_json` and `post_json` raise it also for a status that is not 2xx (`status` set) and for no JSON (PROTOCOL).
    """

    def stream(
        self, method: str, path: str, *, body: bytes | None = None, idle_s: float = 60.0
    ) -> AbstractAsyncContextManager[Reply]: ...
    async def get_json(self, path: str, *, timeout_s: float = 3.0) -> object: ...
    async def post_json(self, path: str, body: object, *, timeout_s: float = 3.0) -> object: ...
    async def aclose(self) -> None: ...


def open_client(policy: Policy, recorder: Recorder | None = None, *, purpose: str = "look") -> Client:
    """Raises Refused when the guard cannot be installed in the device zone (its self-test failed), and without a
    `recorder` outside it. `purpose` is recorded for requests that are on no errand (`net.audit.on_errand`)."""
    from hybridchat.net.http import HttpClient

    return HttpClient(policy, recorder, purpose)


def why_unguarded() -> Refused | None:
    """What keeps a client of the device zone from being kept on this device; None: nothing. Imports the library."""
    try:
        open_client(Policy(zone=Zone.DEVICE, address=parse_base_url("http://127.0.0.1:9")))
    except Refused as error:
        return error
    return None


def warm_up() -> None:
    """Imports what the first request needs (some 60 ms): for a thread at start, so that nobody waits for it later."""
    import anyio._backends._asyncio
    import truststore

    import hybridchat.net.http

    _ = (anyio, truststore, hybridchat.net.http)
