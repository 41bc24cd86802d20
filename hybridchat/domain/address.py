"""Reading a base URL, without ever resolving a name: what looks local must be provably local."""

from __future__ import annotations

from msgspec import Struct


class Address(Struct, frozen=True):
    """A base URL taken apart. `host` is lower case ASCII, an IP literal without brackets, or "" for a Unix socket."""

    scheme: str  # http | https | unix
    host: str
    port: int
    path: str  # without a trailing slash and without the protocol's /v1; of the socket file for unix
    is_loopback: bool  # an IP literal of 127/8, ::1, ::ffff:127/104, or the word localhost; a Unix socket too

    @property
    def origin(self) -> str:
        """scheme://host:port as a client dials it; localhost is written 127.0.0.1."""
        raise NotImplementedError


def parse_base_url(url: str) -> Address:
    """Raises UsageError (one line with the remedy) for anything ambiguous: user information, non-ASCII hosts,
    decimal or short IPv4, IPv6 zones, percent-encoded hosts, queries, fragments, other schemes, bad ports."""
    raise NotImplementedError
