"""Hostile base URLs: each is refused, or what a client of ours really dials is what its zone says."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from urllib.parse import urlsplit

import httpcore2
import httpx2
import pytest
from httpcore2._backends.anyio import AnyIOBackend
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hybridchat.domain.address import Address, parse_base_url
from hybridchat.domain.chat import Zone
from hybridchat.domain.privacy import zone_of
from hybridchat.errors import BackendError, UsageError
from hybridchat.net import http
from hybridchat.net.client import Policy, open_client
from tests.fakes.recorder import Recorded

LOOPBACK = (
    *("127.0.0.1", "127.1", "127.0.1", "127.255.255.254", "2130706433", "017700000001", "0x7f000001", "0x7F.0.0.1"),
    *("0177.0.0.1", "127.0.0.01", "127.0.0.1.", "0", "0.0.0.0", "127.0.0.1.nip.example", "127.0.0.256", "127.0.0.1:0"),
    *("[::1]", "[::1%25lo]", "[::1%lo]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::]", "::1"),
    *("[::ffff:0:127.0.0.1]", "[64:ff9b::127.0.0.1]", "[fe80::1%25eth0]", "[::127.0.0.1]", "[::1]."),
)
NAMES = (  # of hosts files, of containers, and names that only look like one
    *("localhost", "LOCALHOST", "localhost.", "localhost.localdomain", "localhost6", "ip6-localhost", "ip6-loopback"),
    *("foo.localhost", "localhost.example", "broadcasthost", "host.docker.internal", "kubernetes", "loopback"),
    *(
        "xn--lcalhost-9bc",
        "xn--bcher-kva.example",
        "lоcalhost",
        "ⓛocalhost",
        "LOCALHOſT",
        "evil.example",
        "evil.example.",
    ),
)
FULL_WIDTH = str.maketrans("0123456789.", "０１２３４５６７８９。")


def percent_encoded(host: str) -> str:
    return "".join(f"%{ord(char):02x}" if char.isascii() else char for char in host)


def mostly(*usual: str, hostile: tuple[str, ...]) -> st.SearchStrategy[str]:
    """One trick at a time gets further than all of them at once."""
    return st.integers(0, 3).flatmap(lambda n: st.sampled_from(hostile if n == 0 else usual))


def spellings(host: str) -> st.SearchStrategy[str]:
    strange = (host.title(), host.translate(FULL_WIDTH), percent_encoded(host), f"{host}.", f" {host}")
    return mostly(host, host.upper(), hostile=strange)


URLS = st.builds(
    "{}{}{}{}{}".format,
    mostly("http://", "HTTP://", "https://", hostile=("http:", "http:/", "http:///", "http:\\\\", "//", "")),
    mostly("", hostile=("user@", "user:pw@", "127.0.0.1@", "127.0.0.1:80@", "127.0.0.1\\@", "@", "[::1]@")),
    st.sampled_from(LOOPBACK + NAMES).flatmap(spellings),
    mostly("", ":80", ":8000", hostile=(":0", ":65536", ":-1", ":080", ":８０", ":80:80", ":", ":80@evil.example")),
    mostly("", "/", "/v1", hostile=("//evil.example", "/\\evil.example", "\\evil.example", "/@x", "/..", "?@x")),
)


@settings(max_examples=400)
@given(URLS)
@example("http://LocalHost:8000/v1")
@example("http://[::FFFF:127.0.0.1]:8000")
@example("https://ip6-localhost")
async def test_privacy_04_any_address_is_refused_or_dialled_as_its_zone_says(url: str) -> None:
    try:
        address = parse_base_url(url)
    except UsageError:
        return
    read_by_others = (httpx2.URL(url).raw_host.decode(), urlsplit(url).hostname or "")
    assert {canonical(host) for host in read_by_others} == {address.host}
    zone = zone_of(address)
    ((host, port),) = await dialled(address, zone)
    assert port == address.port
    if zone is Zone.DEVICE:
        assert ip_address(host).is_loopback, "a literal: nothing is looked up"
    else:
        assert host == address.host
        assert not leads_here(host), "what some resolver reads as this device is no other machine"


def canonical(host: str) -> str:
    """IPv6 in its one spelling, and IPv4 out of it."""
    try:
        address = ip_address(host)
    except ValueError:
        return host.lower()
    return str(getattr(address, "ipv4_mapped", None) or address)


def leads_here(host: str) -> bool:
    """As the C library's readers of numbers see it, the lenient one included."""
    try:
        return socket.inet_aton(host)[0] in (0, 127)
    except OSError:
        return host.rstrip(".").rpartition(".")[2] == "localhost"


async def dialled(address: Address, zone: Zone) -> list[tuple[str, int]]:
    """Where the sockets of a client for that address would go."""
    places: list[tuple[str, int]] = []

    async def connect_tcp(_: object, host: str, port: int, *__: object, **___: object) -> httpcore2.AsyncNetworkStream:
        places.append((host, port))
        raise httpcore2.ConnectError("not in a test")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AnyIOBackend, "connect_tcp", connect_tcp)
        patch.setattr(http, "tls_context", lambda *_: None)  # what is dialled comes before it
        client = open_client(Policy(zone=zone, address=address), Recorded())
        with pytest.raises(BackendError):
            await client.get_json("/")
        await client.aclose()
    return places
