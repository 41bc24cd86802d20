"""The tests' own promise: nothing but loopback can be reached, and who swallows the refusal fails all the same."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.kill_switch.sitecustomize import NetworkForbidden


@pytest.fixture(autouse=True)
def meant(escapes: Path) -> Iterator[None]:
    """These tests do try; each attempt is noticed."""
    yield
    assert escapes.read_text()
    escapes.unlink()


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
def test_other_machines_cannot_be_reached(host: str) -> None:
    with pytest.raises(NetworkForbidden):
        socket.create_connection((host, 9), timeout=1)


@pytest.mark.parametrize("by", ["sendto", "sendmsg"])
def test_nor_by_a_datagram(by: str) -> None:
    address = ("192.0.2.1", 9)
    with socket.socket(type=socket.SOCK_DGRAM) as datagrams, pytest.raises(NetworkForbidden):
        datagrams.sendto(b"", address) if by == "sendto" else datagrams.sendmsg([b""], [], 0, address)


@pytest.mark.parametrize(
    ("by", "asked"),
    [
        (socket.getaddrinfo, ("example.com", 80)),
        (socket.gethostbyname, ("example.com",)),
        (socket.gethostbyaddr, ("192.0.2.1",)),
        (socket.getnameinfo, (("192.0.2.1", 80), 0)),
    ],
)
def test_names_cannot_be_looked_up(by: Callable[..., object], asked: tuple[object, ...]) -> None:
    with pytest.raises(NetworkForbidden):
        by(*asked)


def test_nor_by_a_program_that_a_test_starts(home: Path, escapes: Path) -> None:
    """The program itself, on its own way out: what it makes of the refusal does not matter."""
    home.mkdir()
    (home / "config.toml").write_text(
        '[[backend]]\nid = "far"\nkind = "openai-compatible"\nbase_url = "https://192.0.2.1"\nmodel = "m"\n'
    )
    command = [sys.executable, "-m", "hybridchat", "ask", "--backend", "far", "hello"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=50)
    assert (done.returncode, done.stdout) == (1, "")
    assert "192.0.2.1" in escapes.read_text()
