"""The way to a model hub: a synchronous client for the hub's own library, and a stream of bytes from its storage."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx2
from msgspec import Struct

from hybridchat import __version__
from hybridchat.domain.address import parse_base_url
from hybridchat.domain.chat import Zone
from hybridchat.domain.text import clean_line
from hybridchat.errors import BackendError, ErrorKind
from hybridchat.net.audit import Exit, Recorder
from hybridchat.net.client import Policy, Reply, open_client
from hybridchat.net.failures import explain
from hybridchat.net.http import destination
from hybridchat.net.tls import tls_context

PURPOSE = "pull"


class ListedHosts(Struct, frozen=True):
    """The hub's own hosts: the one of its base URL, and storage hosts by name or, with a leading dot, by suffix."""

    base_url: str
    storage: tuple[str, ...]

    def check(self, url: str) -> None:
        """Raises BackendError(REDIRECT) for an address that is not the hub's, or that drops its TLS."""
        base, target = urlsplit(self.base_url), urlsplit(url)
        place = target.netloc.lower()
        is_listed = "@" not in place and any(
            place == name or (name.startswith(".") and place.endswith(name)) for name in (base.netloc, *self.storage)
        )
        if not is_listed or target.scheme not in ("https", base.scheme):
            raise BackendError(
                ErrorKind.REDIRECT,
                f"the hub sends to {clean_line(target.hostname or 'nowhere', 120)}, which is not one of its own hosts",
                "nothing was fetched from there; check hub_url in [embedded]",
            )


class _ListedTransport(httpx2.HTTPTransport):
    """Goes to listed hosts only, recorded, and tells them nothing about this machine."""

    def __init__(self, hosts: ListedHosts, recorder: Recorder | None) -> None:
        limits = httpx2.Limits(keepalive_expiry=0.0)  # one question, and no connection stays
        super().__init__(verify=tls_context(None, None, None), trust_env=False, limits=limits)
        self._hosts = hosts
        self._exit = Exit(recorder, Zone.MANAGED, None, PURPOSE)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self._hosts.check(str(request.url))
        request.headers.pop("authorization", None)
        request.headers["user-agent"] = f"hybridchat/{__version__}"
        try:
            with self._exit.leaving_by_thread(*destination(request)):  # questions without a body
                return super().handle_request(request)
        except httpx2.HTTPError as error:
            raise explain(error, parse_base_url(f"{request.url.scheme}://{request.url.netloc.decode()}")) from None


def library_client(hosts: ListedHosts, recorder: Recorder | None) -> httpx2.Client:
    """For `huggingface_hub.set_client_factory`: no redirects, and nothing of the environment."""
    return httpx2.Client(transport=_ListedTransport(hosts, recorder), trust_env=False, follow_redirects=False)


@asynccontextmanager
async def storage_stream(
    url: str, hosts: ListedHosts, recorder: Recorder | None, *, from_byte: int, idle_s: float = 30.0
) -> AsyncIterator[Reply]:
    """The bytes of a file from `from_byte` on: status 206, or 200 when the server starts over. Raises BackendError."""
    hosts.check(url)
    target = urlsplit(url)
    address = parse_base_url(f"{target.scheme}://{target.netloc}")
    headers = {"range": f"bytes={from_byte}-"} if from_byte else {}
    client = open_client(Policy(zone=Zone.MANAGED, address=address, headers=headers), recorder, purpose=PURPOSE)
    try:
        path = target.path + (f"?{target.query}" if target.query else "")
        async with client.stream("GET", path, idle_s=idle_s) as reply:
            yield reply
    finally:
        await client.aclose()
