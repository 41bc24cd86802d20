"""Every test runs in a home of its own, without keys, proxies or a way to the network."""

from __future__ import annotations

import ipaddress
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("unhurried", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("unhurried")

_escapes: list[str] = []


class NetworkForbidden(RuntimeError):
    """A test reached for something other than loopback."""


def _is_loopback(host: object) -> bool:
    if host is None or host in ("", b"", "localhost", b"localhost"):
        return True
    text = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return False


def _kill_switch(event: str, arguments: tuple[object, ...]) -> None:
    """An audit hook sees every connection of this process, whichever library makes it."""
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None  # a str is a Unix socket
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if not _is_loopback(host):
        _escapes.append(f"{event} {host!r}")
        raise NetworkForbidden(_escapes[-1])


sys.addaudithook(_kill_switch)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--require-real", action="store_true", help="fail where a real engine cannot run")


@pytest.fixture(autouse=True)
def no_escape() -> Iterator[None]:
    """Fails the test even when the code under test swallowed the kill-switch's exception."""
    _escapes.clear()
    yield
    assert not _escapes, f"reached for the network: {_escapes}"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`HYBRIDCHAT_HOME` of this test; the folder does not exist yet."""
    for name in list(os.environ):
        if name.upper().endswith(("_API_KEY", "_PROXY", "_BASE_URL", "_TOKEN")) or name.startswith(("OLLAMA_", "HF_")):
            monkeypatch.delenv(name)
    folder = tmp_path / "home"
    monkeypatch.setenv("HYBRIDCHAT_HOME", str(folder))
    return folder


LiveIn = Callable[[str], None]


@pytest.fixture
def live_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveIn]:
    """Sets the system's time zone."""
    if sys.platform == "win32":
        pytest.skip("Windows takes its time zone from the system alone")

    def move(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield move
    monkeypatch.undo()
    time.tzset()
