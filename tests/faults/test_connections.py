"""Connections that cannot be made, or must not: the cause is named, and verification is never turned off."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
import truststore

from hybridchat.backends.registry import make_backend
from hybridchat.domain.address import parse_base_url
from hybridchat.domain.chat import Zone
from hybridchat.domain.events import Event, Failed
from hybridchat.errors import BackendError, ErrorKind, UsageError
from hybridchat.net.client import Policy, open_client
from hybridchat.net.failures import explain
from hybridchat.net.tls import tls_context
from tests.fakes.http import FakeServer, Request, Responder
from tests.fakes.recorder import Recorded
from tests.fakes.tls import StrictServer
from tests.fakes.wire import CHAT_COMPLETIONS, WIRES, Wire, ask, collect, scripted, spec_for, text_of

CERTIFICATES = Path(__file__).parent / "certificates"
AUTHORITY = str(CERTIFICATES / "authority.pem")

both = pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.kind)


def failure(events: list[Event]) -> Failed:
    assert len(events) == 1 or text_of(events) == ""
    assert isinstance(events[-1], Failed)
    return events[-1]


async def ask_over(url: str, wire: Wire = CHAT_COMPLETIONS, **fields: object) -> list[Event]:
    return await collect(
        make_backend(spec_for(wire.kind, url, **fields), recorder=Recorded()), ask("words that must not leak")
    )


async def _say_safe(respond: Responder) -> None:
    await respond.begin(CHAT_COMPLETIONS.content_type)
    await respond.chunk(CHAT_COMPLETIONS.reply("safe"))
    await respond.finish()


@asynccontextmanager
async def tls_server(certificate: str, client_authority: str | None = None) -> AsyncIterator[str]:
    """A Chat Completions server behind TLS; its URL."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / certificate)
    if client_authority:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_authority)

    server = scripted(CHAT_COMPLETIONS, _say_safe)
    server.tls = context
    async with server:
        yield server.url.replace("http:", "https:")


every_zone = pytest.mark.parametrize("zone", list(Zone))


@every_zone
async def test_an_own_authority_is_trusted(zone: Zone) -> None:
    async with tls_server("valid.pem") as url:
        assert text_of(await ask_over(url, zone=zone, ca_file=AUTHORITY)) == "safe"


async def test_a_certificate_for_localhost_holds_for_that_name_alone() -> None:
    authority = str(CERTIFICATES / "localhost.pem")
    async with tls_server("localhost.pem") as url:
        named = url.replace("127.0.0.1", "localhost")
        assert text_of(await ask_over(named, ca_file=authority)) == "safe"
        assert "is for another host" in failure(await ask_over(url, ca_file=authority)).message


async def test_a_server_on_localhost_sees_its_name() -> None:
    names: list[str | None] = []
    server = scripted(CHAT_COMPLETIONS, _say_safe)
    server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.tls.load_cert_chain(CERTIFICATES / "valid.pem")
    server.tls.sni_callback = lambda _socket, name, _context: names.append(name)
    async with server:
        assert text_of(await ask_over(f"https://localhost:{server.port}", ca_file=AUTHORITY)) == "safe"
    assert set(names) == {"localhost"}
    assert {request.headers["host"] for request in server.requests} == {f"localhost:{server.port}"}


@every_zone
async def test_a_client_certificate_is_shown(zone: Zone) -> None:
    client = {"ca_file": AUTHORITY, "cert_file": str(CERTIFICATES / "client.pem"), "zone": zone}
    async with tls_server("valid.pem", AUTHORITY) as url:
        assert text_of(await ask_over(url, **client)) == "safe"


async def test_a_client_certificates_key_may_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    text = (CERTIFICATES / "client.pem").read_text()
    begin = text.index("-----BEGIN CERTIFICATE")
    end = text.index("-----END CERTIFICATE-----") + len("-----END CERTIFICATE-----\n")
    certificate.write_text(text[begin:end])
    key.write_text(text[:begin] + text[end:])
    async with tls_server("valid.pem", AUTHORITY) as url:
        events = await ask_over(url, ca_file=AUTHORITY, cert_file=str(certificate), key_file=str(key))
    assert text_of(events) == "safe"


@every_zone
@pytest.mark.parametrize(
    ("newest", "certificate", "says", "remedy"),
    [
        (ssl.TLSVersion.TLSv1_3, None, "wants a client certificate", "`cert` and `key_file`"),
        (ssl.TLSVersion.TLSv1_2, None, "refused the secure connection", "`cert` and `key_file`"),
        (ssl.TLSVersion.TLSv1_3, "localhost.pem", "refused the client certificate", "authority"),
        (ssl.TLSVersion.TLSv1_2, "localhost.pem", "refused the client certificate", "authority"),
    ],
)
async def test_a_server_that_wants_a_client_certificate_says_so(
    zone: Zone, newest: ssl.TLSVersion, certificate: str | None, says: str, remedy: str
) -> None:
    shown = str(CERTIFICATES / certificate) if certificate else None
    with StrictServer(str(CERTIFICATES / "valid.pem"), AUTHORITY, newest) as url:
        event = failure(await ask_over(url, zone=zone, ca_file=AUTHORITY, cert_file=shown))
    assert (event.kind, says in event.message, remedy in event.remedy) == (ErrorKind.TLS, True, True), event


REFUSED = [
    ("valid.pem", None, "unknown authority", "guest network"),
    ("valid.pem", str(CERTIFICATES / "localhost.pem"), "unknown authority", "the authority that signed it"),
    ("expired.pem", AUTHORITY, "has expired", "clock"),
    ("not-yet.pem", AUTHORITY, "is not valid yet", "clock"),
    ("other-host.pem", AUTHORITY, "is for another host", "guest network"),
]


@pytest.mark.parametrize(("certificate", "authority", "says", "remedy"), REFUSED)
async def test_21_certificates_that_do_not_hold(
    certificate: str, authority: str | None, says: str, remedy: str
) -> None:
    async with tls_server(certificate) as url:
        event = failure(await ask_over(url, ca_file=authority))
    assert event.kind is ErrorKind.TLS
    assert says in event.message
    assert remedy in event.remedy


async def test_21_tls_to_a_plain_server() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert b"words" not in await reader.read(4096)
        writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        writer.close()
        await writer.wait_closed()
        closed.set()

    closed = asyncio.Event()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        event = failure(await ask_over(f"https://127.0.0.1:{port}", ca_file=AUTHORITY))
        await closed.wait()
    assert (event.kind, "http://" in event.remedy) == (ErrorKind.TLS, True)


async def test_21_tls_to_a_silent_server_is_a_timeout() -> None:
    async with scripted(CHAT_COMPLETIONS, lambda _: pytest.fail("no request arrives")) as server:
        address = parse_base_url(server.url.replace("http:", "https:"))
        client = open_client(Policy(zone=Zone.DEVICE, address=address, ca_file=AUTHORITY, connect_s=0.05), Recorded())
        with pytest.raises(BackendError) as caught:
            await client.get_json("/")
        await client.aclose()
    assert caught.value.kind is ErrorKind.TIMEOUT


@pytest.mark.parametrize("text", ["", "no certificate"])
def test_files_that_are_no_certificates(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.pem"
    file.write_text(text)
    for fields in ({"ca_file": str(file)}, {"ca_file": str(tmp_path / "none.pem")}, {"cert_file": str(file)}):
        with pytest.raises(UsageError, match="pem"):
            make_backend(spec_for(CHAT_COMPLETIONS.kind, "https://127.0.0.1:1", **fields), recorder=Recorded())


def test_session_keys_are_never_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    context = tls_context(AUTHORITY, None, None)
    assert context.keylog_filename is None
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_without_an_own_authority_the_systems_store_decides() -> None:
    context = tls_context(None, None, None)
    assert isinstance(context, truststore.SSLContext)
    assert context.verify_mode is ssl.CERT_REQUIRED


def test_21_a_name_that_is_not_found() -> None:
    try:
        try:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        except socket.gaierror as cause:
            raise httpx2.ConnectError("x") from cause
    except httpx2.ConnectError as raised:
        error = explain(raised, parse_base_url("https://api.example"))
    assert (error.kind, error.message) == (ErrorKind.DNS, "the name api.example was not found")


@both
async def test_22_nothing_listens(wire: Wire) -> None:
    async with scripted(wire, lambda _: pytest.fail("closed")) as server:
        pass
    event = failure(await ask_over(server.url, wire))
    assert (event.kind, event.message) == (ErrorKind.CONNECT, f"nothing listens at 127.0.0.1:{server.port}")


@pytest.mark.parametrize(
    "banner", [b"SSH-2.0-OpenSSH_9.6\r\n\r\n", b"+OK ready\r\n\r\n", b"\x15\x03\x01\x00\x02\x02F\r\n\r\n"]
)
async def test_22_another_protocol_at_the_port(banner: bytes) -> None:
    async def script(respond: Responder) -> None:
        await respond.raw(banner)

    async with scripted(CHAT_COMPLETIONS, script) as server:
        event = failure(await ask_over(server.url))
    assert (event.kind, "does not speak HTTP" in event.message) == (ErrorKind.PROTOCOL, True)


@both
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("zone", list(Zone))
async def test_redirects_carry_nothing_away(wire: Wire, status: int, zone: Zone) -> None:
    async def decoy_handler(_: Request, respond: Responder) -> None:
        await respond.whole({})

    async def script(respond: Responder) -> None:
        head = f"HTTP/1.1 {status} Moved\r\nlocation: {decoy.url}{wire.path}\r\ncontent-length: 0\r\n\r\n"
        await respond.raw(head.encode())

    async with FakeServer(decoy_handler) as decoy, scripted(wire, script) as server:
        event = failure(await ask_over(server.url, wire, zone=zone))
        assert (event.kind, event.status, decoy.connections) == (ErrorKind.REDIRECT, status, 0)


@both
async def test_21_a_captive_portal_is_recognised_by_its_redirect(wire: Wire) -> None:
    async def script(respond: Responder) -> None:
        await respond.raw(
            b"HTTP/1.1 302 Found\r\nlocation: http://login.portal.example/?u=1\r\ncontent-length: 0\r\n\r\n"
        )

    async with scripted(wire, script) as server:
        event = failure(await ask_over(server.url, wire))
    assert "login.portal.example" in event.message
    assert "guest network" in event.remedy


def test_an_encrypted_client_key_is_said_and_never_asked_for() -> None:
    with pytest.raises(UsageError, match="encrypted"):
        tls_context(None, str(CERTIFICATES / "valid.pem"), str(CERTIFICATES / "encrypted-key.pem"))
