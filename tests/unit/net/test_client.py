"""The client: direct, without redirects, with its own headers and nothing from the environment."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hybridchat.domain.address import Address, parse_base_url
from hybridchat.domain.chat import Zone
from hybridchat.errors import BackendError, ErrorKind, Refused, UsageError
from hybridchat.net.client import Client, Policy, open_client, warm_up
from tests.fakes.http import FakeServer, Request, Responder
from tests.fakes.recorder import Recorded

CANARY = "sk-canary-0123456789"


async def echo(request: Request, respond: Responder) -> None:
    await respond.whole({"path": request.path, "headers": request.headers})


def client_for(server: FakeServer, zone: Zone = Zone.DEVICE, path: str = "", **fields: object) -> Client:
    return open_client(Policy(zone=zone, address=parse_base_url(server.url + path), **fields), Recorded())  # type: ignore[arg-type]


async def error_of(client: Client, path: str = "/") -> BackendError:
    with pytest.raises(BackendError) as caught:
        await client.get_json(path)
    await client.aclose()
    return caught.value


@pytest.mark.parametrize(("zone", "connections"), [(Zone.DEVICE, 3), (Zone.PRIVATE, 3), (Zone.MANAGED, 1)])
async def test_only_managed_connections_are_kept(zone: Zone, connections: int) -> None:
    async with FakeServer(echo) as server:
        client = client_for(server, zone, path="/base")
        for _ in range(3):
            answer = await client.get_json("/x")
            assert isinstance(answer, dict)
            assert answer["path"] == "/base/x"
        await client.aclose()
        assert server.connections == connections


@pytest.mark.parametrize("zone", list(Zone))
@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"])
async def test_proxies_of_the_environment_get_nothing(zone: Zone, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with FakeServer(echo) as decoy, FakeServer(echo) as server:
        for scheme in ("http", "socks5"):
            monkeypatch.setenv(name, f"{scheme}://127.0.0.1:{decoy.port}")
            client = client_for(server, zone)
            await client.get_json("/x")
            await client.aclose()
        assert (decoy.connections, len(server.requests)) == (0, 2)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
async def test_redirects_are_not_followed(status: int) -> None:
    async def redirect(_: Request, respond: Responder) -> None:
        location = f"http://user:{CANARY}@localhost:{decoy.port}/steal?key={CANARY}"
        await respond.raw(f"HTTP/1.1 {status} Moved\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n".encode())

    async with FakeServer(echo) as decoy, FakeServer(redirect) as server:
        error = await error_of(client_for(server))
        assert (error.kind, error.status, decoy.connections) == (ErrorKind.REDIRECT, status, 0)
        assert "localhost" in str(error)
        assert CANARY not in str(error)


async def test_an_unreadable_redirect_target_is_no_crash() -> None:
    async def redirect(_: Request, respond: Responder) -> None:
        await respond.raw(b"HTTP/1.1 302 Found\r\nlocation: http://[::1/\r\ncontent-length: 0\r\n\r\n")

    async with FakeServer(redirect) as server:
        assert (await error_of(client_for(server))).kind is ErrorKind.REDIRECT


async def test_keys_go_to_the_server_and_nowhere_else() -> None:
    async with FakeServer(echo) as server:
        policy = Policy(
            zone=Zone.DEVICE, address=parse_base_url(server.url), headers={"authorization": f"Bearer {CANARY}"}
        )
        client = open_client(policy, Recorded())
        await client.get_json("/x")
        assert server.requests[0].headers["authorization"] == f"Bearer {CANARY}"
        assert CANARY not in repr(policy) + repr(client) + repr(policy.__rich_repr__())
        await client.aclose()


async def test_no_cookie_comes_back() -> None:
    async def bake(request: Request, respond: Responder) -> None:
        await respond.raw(b"HTTP/1.1 200 OK\r\nset-cookie: track=1\r\ncontent-length: 2\r\n\r\n{}")

    async with FakeServer(bake) as server:
        client = client_for(server)
        await client.get_json("/a")
        await client.get_json("/b")
        await client.aclose()
        assert "cookie" not in server.requests[1].headers


async def test_closing_a_stream_closes_the_socket() -> None:
    async def endless(_: Request, respond: Responder) -> None:
        await respond.begin("text/event-stream")
        await respond.chunk(b"data: 1\n\n")
        await asyncio.Event().wait()

    async with FakeServer(endless) as server:
        client = client_for(server)

        async def read() -> None:
            async with client.stream("POST", "/x", body=b"{}") as reply:
                async for _ in reply.chunks():
                    started.set()

        started = asyncio.Event()
        reading = asyncio.create_task(read())
        await started.wait()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await server.hung_up.wait()
        await client.aclose()


async def test_a_unix_socket_is_reached(tmp_path: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}")
        writer.close()

    path = tmp_path / "engine.sock"
    server = await asyncio.start_unix_server(answer, path)
    client = open_client(Policy(zone=Zone.DEVICE, address=Address("unix", "", 0, str(path), True)), Recorded())
    assert await client.get_json("/health") == {}
    server.close()
    path.unlink(missing_ok=True)
    assert (await error_of(client)).kind is ErrorKind.CONNECT


async def test_nothing_listens() -> None:
    async with FakeServer(echo) as server:
        client = client_for(server)
    error = await error_of(client)
    assert (error.kind, error.message) == (ErrorKind.CONNECT, f"nothing listens at 127.0.0.1:{server.port}")


async def test_statuses_and_broken_json_are_errors() -> None:
    async def handle(request: Request, respond: Responder) -> None:
        status = int(request.path[1:])
        await respond.whole(b"<html>" if status == 200 else b"{}", status)

    kinds = {
        200: ErrorKind.PROTOCOL,
        401: ErrorKind.AUTH,
        404: ErrorKind.PROTOCOL,
        429: ErrorKind.RATE_LIMIT,
        500: ErrorKind.SERVER,
        503: ErrorKind.OVERLOADED,
    }
    async with FakeServer(handle) as server:
        for status, kind in kinds.items():
            assert (await error_of(client_for(server), f"/{status}")).kind is kind


async def test_a_silent_server_times_out() -> None:
    async def silent(_: Request, __: Responder) -> None:
        await asyncio.Event().wait()

    async with FakeServer(silent) as server:
        client = client_for(server)
        with pytest.raises(BackendError) as caught:
            await client.get_json("/", timeout_s=0.02)
        assert caught.value.kind is ErrorKind.TIMEOUT
        await client.aclose()


async def test_an_answer_over_its_limit_is_refused() -> None:
    async def big(_: Request, respond: Responder) -> None:
        await respond.whole(b"x" * 2000)

    async with FakeServer(big) as server:
        client = client_for(server)
        async with client.stream("GET", "/") as reply:
            with pytest.raises(BackendError) as caught:
                await reply.read(1000)
        assert caught.value.kind is ErrorKind.TOO_LARGE
        await client.aclose()


async def test_an_explicit_proxy_serves_managed_backends() -> None:
    async with FakeServer(echo) as proxy:
        policy = Policy(
            zone=Zone.MANAGED,
            address=parse_base_url("http://api.example/v1"),
            proxy=f"http://127.0.0.1:{proxy.port}",
            headers={"authorization": f"Bearer {CANARY}"},
        )
        client = open_client(policy, Recorded())
        await client.get_json("/x")
        await client.aclose()
        assert proxy.requests[0].path == "http://api.example/x"


@pytest.mark.parametrize("zone", [Zone.DEVICE, Zone.PRIVATE])
def test_a_proxy_for_a_local_zone_is_refused(zone: Zone) -> None:
    with pytest.raises(Refused, match="proxy"):
        open_client(
            Policy(zone=zone, address=parse_base_url("http://127.0.0.1:1"), proxy="http://127.0.0.1:2"), Recorded()
        )


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "127.0.0.1:1", "https://x", "http://"])
def test_an_unusable_proxy_is_said(proxy: str) -> None:
    with pytest.raises(UsageError, match="proxy"):
        open_client(Policy(zone=Zone.MANAGED, address=parse_base_url("https://api.example"), proxy=proxy), Recorded())


def test_warming_up_twice_is_no_matter() -> None:
    warm_up()
    warm_up()
