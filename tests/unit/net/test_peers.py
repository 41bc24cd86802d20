"""Who answers is told for the very connection, whatever listens at its port."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hybridchat.domain.address import parse_base_url
from hybridchat.domain.chat import Zone
from hybridchat.domain.peers import Peer
from hybridchat.errors import Refused
from hybridchat.net import peers
from hybridchat.net.client import Policy, open_client
from hybridchat.net.peers import Peers, meeting
from tests.fakes.http import FakeServer, Request, Responder
from tests.fakes.serve import serving

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
OURSELVES = Peer(pid=os.getpid(), executable=str(Path(sys.executable).resolve()))


@pytest.fixture
def accepted() -> Iterator[socket.socket]:
    """A connection that this process holds at both ends."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
        server.accept()[0],
    ):
        yield client


@linux
def test_the_process_that_accepted_is_told(accepted: socket.socket) -> None:
    assert Peers().of(accepted) == OURSELVES


@linux
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_server_of_both_families_is_found(host: str) -> None:
    with socket.socket(socket.AF_INET6) as server:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        try:
            server.bind(("::", 0))
        except OSError:
            pytest.skip("no IPv6 here")
        server.listen()
        with socket.create_connection((host, server.getsockname()[1])) as client, server.accept()[0]:
            assert Peers().of(client) == OURSELVES


@linux
def test_a_unix_socket_tells_who_listens(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(path)
        server.listen()
        client.connect(path)
        assert Peers().of(client) == OURSELVES


@linux
def test_nobody_has_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "ACCEPT_S", 0.01)
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert "nobody accepts" in Peers().of(client).unreadable


@linux
def test_a_server_that_accepts_late_is_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        held: list[socket.socket] = []
        late = threading.Timer(0.02, lambda: held.append(server.accept()[0]))
        late.start()
        assert Peers().of(client) == OURSELVES
        late.join()
        held[0].close()


@linux
def test_a_connection_that_no_process_here_holds_is_nobodys(accepted: socket.socket) -> None:
    """As one that the system's rules lead into a container: the kernel knows no such ends."""

    class Elsewhere:
        family = socket.AF_INET

        def getsockname(self) -> tuple[str, int]:
            return accepted.getsockname()[0], accepted.getsockname()[1]

        def getpeername(self) -> tuple[str, int]:
            return "127.0.0.9", accepted.getpeername()[1]

    assert "no process here" in Peers().of(Elsewhere()).unreadable  # type: ignore[arg-type]


@linux
def test_a_process_that_cannot_be_looked_into(accepted: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "_holds", lambda pid, link: False)
    peer = Peers().of(accepted)
    assert (peer.executable, peer.unreadable, bool(peer.owner)) == (None, "its process cannot be looked into", True)


@linux
def test_another_users_process_is_named_with_its_user(accepted: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getuid", lambda: 4_000_000)
    monkeypatch.setattr(peers, "_holds", lambda pid, link: False)
    assert Peers().of(accepted).unreadable.startswith("it runs as ")


@linux
def test_a_program_that_others_can_change_proves_nothing(tmp_path: Path) -> None:
    with serving("ollama", tmp_path, "completions") as port:
        (tmp_path / "ollama").chmod(0o777)
        with socket.create_connection(("127.0.0.1", port)) as client:
            peer = Peers().of(client)
    assert (peer.executable, peer.misgiving) == (str(tmp_path / "ollama"), "others can change that file")


def test_other_systems_say_that_they_do_not_tell(accepted: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    assert Peers().of(accepted) == Peer(unreadable="this system does not tell")


async def hello(_: Request, respond: Responder) -> None:
    await respond.whole({})


@linux
async def test_a_client_tells_before_a_byte_goes_out() -> None:
    async with FakeServer(hello) as server:
        client = open_client(Policy(zone=Zone.DEVICE, address=parse_base_url(server.url)))
        met: list[Peer] = []
        with meeting(met.append):
            await client.get_json("/")
        await client.get_json("/")
        assert met == [OURSELVES]

        def refuse(_: Peer) -> None:
            raise Refused("not you")

        with meeting(refuse), pytest.raises(Refused):
            await client.post_json("/", "words")
        assert [request.body for request in server.requests] == [b"", b""]
        await client.aclose()
