"""The client on httpx2's transport, called directly: no cookies, no redirects, nothing from the environment."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager

import httpcore2
import httpx2
import msgspec
from httpcore2._backends.anyio import AnyIOBackend

from hybridchat import __version__
from hybridchat.domain.chat import Zone
from hybridchat.errors import BackendError, ErrorKind, Refused, UsageError
from hybridchat.net.audit import Exit, Recorder, Tally
from hybridchat.net.client import Policy
from hybridchat.net.client import Reply as ReplyContract
from hybridchat.net.failures import explain
from hybridchat.net.framing import too_large
from hybridchat.net.guard import LoopbackBackend, prove_guard
from hybridchat.net.replies import place, refuse_redirect, status_error
from hybridchat.net.tls import tls_context

MAX_INFLATED_BYTES = 16 << 20
"""Of a compressed body. We ask for none; a server that sends one all the same may be a bomb."""

_MAX_CONNECTIONS = 16
# A new connection costs a local server nothing, and llama.cpp closes each one a moment after its stream: a message sent
# right away would meet a closing one. Only managed places, with their TLS, are worth keeping open for the next send.
_KEPT_CONNECTIONS = {Zone.DEVICE: 0, Zone.PRIVATE: 0, Zone.MANAGED: 4}
_KEEPALIVE_S = 20.0


TRANSPORT_ERRORS: tuple[type[Exception], ...] = (httpx2.HTTPError, ssl.SSLError)
"""What the transport raises: a TLS alert after the handshake, such as for a missing certificate, comes as it is."""

LIBRARY_ERRORS: tuple[type[Exception], ...] = (*TRANSPORT_ERRORS, ConnectionError, TimeoutError)
"""What a library on a `GuardedTransport` raises when the exchange fails; `net.failures.explain` reads it."""


def share_http_library() -> None:
    """Lets libraries that import httpx (ollama, huggingface-hub) get httpx2. Call it before they are imported."""
    httpx2.alias_httpx()


class GuardedTransport(httpx2.AsyncHTTPTransport):
    """httpx2's transport over a pool of our own. In the device zone the pool dials through the guard.

    The policy's headers are put on here and no other credentials pass; a redirect ends as BackendError(REDIRECT).
    What leaves the device is recorded first. Raises Refused when the guard is not in place, for a proxy outside the
    managed zone, and outside the device zone without a recorder; UsageError for an unreadable certificate. Also serves
    libraries that build their own httpx client (`share_http_library`).
    """

    def __init__(self, policy: Policy, recorder: Recorder | None, purpose: str) -> None:
        # Not calling the base: it would build a pool of its own, and read the environment for it.
        if policy.proxy and policy.zone is not Zone.MANAGED:
            raise Refused("a proxy would see this conversation", "only managed backends may have `proxy`")
        is_device = policy.zone is Zone.DEVICE
        self._exit = None if is_device else Exit(recorder, policy.zone, policy.backend, purpose)
        self._policy = policy
        self._pool = _proxy_pool(policy) if policy.proxy else _direct_pool(policy)
        if is_device:
            prove_guard(self._pool)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        request.headers.pop("authorization", None)
        request.headers.update(self._policy.headers)
        address = self._policy.address
        if (address.scheme, address.host) == ("https", "localhost"):  # dialled as 127.0.0.1, but that is its name
            request.headers["host"] = f"localhost:{address.port}"
            request.extensions["sni_hostname"] = "localhost"
        response = await self._send(request)
        if 300 <= response.status_code < 400:
            await response.aclose()
            raise refuse_redirect(response.status_code, response.headers.get("location", ""), self._policy.address)
        return response

    async def _send(self, request: httpx2.Request) -> httpx2.Response:
        if self._exit is None:
            return await super().handle_async_request(request)
        async with self._exit.leaving(*destination(request)) as tally:
            assert isinstance(request.stream, httpx2.AsyncByteStream)
            request.stream = _Tallied(request.stream, tally)
            return await super().handle_async_request(request)


def destination(request: httpx2.Request) -> tuple[str, int, int | None]:
    """Host, port, and the length of the body where it is known."""
    port = request.url.port or (443 if request.url.scheme == "https" else 80)
    length = request.headers.get("content-length")
    is_unknown = length is None and "transfer-encoding" in request.headers
    return request.url.host, port, None if is_unknown else int(length or 0)


class _Tallied(httpx2.AsyncByteStream):
    """A body that is counted as it goes: what the connection took, whether or not the far side did."""

    def __init__(self, body: httpx2.AsyncByteStream, tally: Tally) -> None:
        self._body = body
        self._tally = tally

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._body:
            self._tally.body_bytes += len(chunk)
            yield chunk

    async def aclose(self) -> None:
        await self._body.aclose()


def _direct_pool(policy: Policy) -> httpcore2.AsyncConnectionPool:
    address = policy.address
    is_tls = address.scheme == "https"
    return httpcore2.AsyncConnectionPool(
        ssl_context=tls_context(policy.ca_file, policy.cert_file, policy.key_file) if is_tls else None,
        max_connections=_MAX_CONNECTIONS,
        max_keepalive_connections=_KEPT_CONNECTIONS[policy.zone],
        keepalive_expiry=_KEEPALIVE_S,
        uds=address.path if address.scheme == "unix" else None,
        network_backend=LoopbackBackend() if policy.zone is Zone.DEVICE else AnyIOBackend(),
    )


def _proxy_pool(policy: Policy) -> httpcore2.AsyncConnectionPool:
    try:
        proxy = httpx2.Proxy(policy.proxy or "")
    except (ValueError, httpx2.InvalidURL):
        raise UsageError("proxy is not an address", "write it as http://host:port") from None
    if proxy.url.scheme != "http" or not proxy.url.host:
        raise UsageError(f"proxy = {proxy.url.scheme}://… cannot be used", "write it as http://host:port")
    return httpcore2.AsyncHTTPProxy(
        proxy_url=httpcore2.URL(scheme=b"http", host=proxy.url.raw_host, port=proxy.url.port, target=b"/"),
        proxy_auth=proxy.raw_auth,
        ssl_context=tls_context(policy.ca_file, policy.cert_file, policy.key_file),
        max_connections=_MAX_CONNECTIONS,
        max_keepalive_connections=_KEPT_CONNECTIONS[policy.zone],
        keepalive_expiry=_KEEPALIVE_S,
        network_backend=AnyIOBackend(),
    )


class HttpReply:
    """A response whose body is read as it comes. See `net.client.Reply`."""

    def __init__(self, response: httpx2.Response, policy: Policy) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        self._policy = policy

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        is_compressed = self.headers.get("content-encoding", "identity") != "identity"
        inflated_bytes = 0
        try:
            async with aclosing(self._response.aiter_bytes()) as chunks:
                async for chunk in chunks:
                    if is_compressed:
                        inflated_bytes += len(chunk)
                        if inflated_bytes > MAX_INFLATED_BYTES:
                            raise too_large("the unpacked reply", MAX_INFLATED_BYTES)
                        await asyncio.sleep(0)  # one packet can unpack to many chunks: others come in between
                    yield chunk
        except TRANSPORT_ERRORS as error:
            raise explain(error, self._policy.address) from None

    async def read(self, limit_bytes: int = 1 << 20) -> bytes:
        body = bytearray()
        async with aclosing(self.chunks()) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) > limit_bytes:
                    raise too_large("the answer", limit_bytes)
        return bytes(body)


class HttpClient:
    """See `net.client.Client`."""

    def __init__(self, policy: Policy, recorder: Recorder | None, purpose: str) -> None:
        self._policy = policy
        self._transport = GuardedTransport(policy, recorder, purpose)
        address = policy.address
        self._base = address.origin if address.scheme == "unix" else address.origin + address.path

    def __repr__(self) -> str:
        return f"HttpClient({self._policy!r})"

    def stream(
        self, method: str, path: str, *, body: bytes | None = None, idle_s: float = 60.0
    ) -> AbstractAsyncContextManager[ReplyContract]:
        return self._stream(method, path, body, idle_s)

    @asynccontextmanager
    async def _stream(self, method: str, path: str, body: bytes | None, idle_s: float) -> AsyncIterator[ReplyContract]:
        request = self._request(method, path, body, idle_s)
        try:
            response = await self._transport.handle_async_request(request)
        except TRANSPORT_ERRORS as error:
            raise explain(error, self._policy.address) from None
        try:
            yield HttpReply(response, self._policy)
        finally:
            await response.aclose()

    def _request(self, method: str, path: str, body: bytes | None, idle_s: float) -> httpx2.Request:
        connect_s = self._policy.connect_s
        headers = {"accept": "*/*", "accept-encoding": "identity", "user-agent": f"hybridchat/{__version__}"}
        if body is not None:
            headers["content-type"] = "application/json"
        timeout = {"connect": connect_s, "pool": connect_s, "read": idle_s, "write": idle_s}
        return httpx2.Request(method, self._base + path, headers=headers, content=body, extensions={"timeout": timeout})

    async def get_json(self, path: str, *, timeout_s: float = 3.0) -> object:
        return await self._json("GET", path, None, timeout_s)

    async def post_json(self, path: str, body: object, *, timeout_s: float = 3.0) -> object:
        return await self._json("POST", path, msgspec.json.encode(body), timeout_s)

    async def _json(self, method: str, path: str, body: bytes | None, timeout_s: float) -> object:
        address = self._policy.address
        try:
            async with asyncio.timeout(timeout_s), self.stream(method, path, body=body, idle_s=timeout_s) as reply:
                content = await reply.read(8 << 20)
        except TimeoutError as error:
            raise explain(error, address) from None
        if not 200 <= reply.status < 300:
            raise status_error(reply.status, address, path, content)
        try:
            return msgspec.json.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise BackendError(
                ErrorKind.PROTOCOL,
                f"{place(address, path)} did not answer with JSON",
                "check the address and the kind of this backend",
            ) from None

    async def aclose(self) -> None:
        await self._transport.aclose()
