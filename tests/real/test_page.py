"""The exported page in a real Chromium: it looks as it should, says nothing on the console, and reaches nothing."""

from __future__ import annotations

import re
import socketserver
import struct
import subprocess
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from hybridchat.export.html import write_html
from tests.real.conftest import browser
from tests.unit.export.test_conversation import CONVERSATION, MESSAGES
from tests.unit.export.test_html import HOSTILE

pytestmark = pytest.mark.needs("browser")

SCRIPT = "<script>document.documentElement.dataset.ran = 1; console.error('it ran')</script>"
CONTROL = f"<!doctype html><body>{SCRIPT}<img src='http://probe.example/x.png'></body>"
PAPER = {"light": (0xFD, 0xFD, 0xFC), "dark": (0x16, 0x19, 0x1D)}
SCHEME = {"light": 1, "dark": 0}


class Told(NamedTuple):
    dom: str
    console: list[str]
    requests: list[str]


class Proxy(socketserver.ThreadingTCPServer):
    """All that the browser would fetch from anywhere asks here, and gets nothing."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        self.requests: list[str] = []
        proxy = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                proxy.requests.append(self.rfile.readline().decode("latin-1").strip())

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Proxy() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def chromium(proxy: Proxy, page: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = browser()
    assert command is not None
    argv = [
        *(command, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"),
        *("--disable-component-update", "--disable-sync", f"--user-data-dir={page.parent / 'profile'}"),
        *(f"--proxy-server=http://127.0.0.1:{proxy.server_address[1]}", "--enable-logging=stderr"),
        *("--virtual-time-budget=3000", "--window-size=900,1600", *arguments, page.as_uri()),
    ]
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=True)


def opened(proxy: Proxy, page: Path) -> Told:
    done = chromium(proxy, page, "--dump-dom")
    console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    # a browser may ask for news of its own; the page's addresses are known
    return Told(done.stdout, console, [line for line in proxy.requests if ".example" in line or "evil" in line])


def picture(proxy: Proxy, page: Path, scheme: str) -> bytes:
    file = page.with_name(f"{scheme}.png")
    chromium(proxy, page, f"--blink-settings=preferredColorScheme={SCHEME[scheme]}", f"--screenshot={file}")
    return file.read_bytes()


def corner(png: bytes) -> tuple[int, ...]:
    """The colour of the first pixel: whatever a row's filter, it stands as it is."""
    at, data = 8, b""
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        data += png[at + 8 : at + 8 + length] if png[at + 4 : at + 8] == b"IDAT" else b""
        at += 12 + length
    return tuple(zlib.decompress(data)[1:4])


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """Ordinary messages, and hostile ones in every place for words."""
    evil = [*HOSTILE, SCRIPT, "![x](http://probe.example/x.png)"]
    hostile = (replace(MESSAGES[1], text=text, thinking=text, note=text) for text in evil)
    messages = [*MESSAGES, *(replace(one, id=at, parent_id=at - 1) for at, one in enumerate(hostile, 5))]
    messages += [replace(one, id=one.id + 100, parent_id=one.id) for one in messages]  # each of them leaves a branch
    chat = replace(CONVERSATION, title=f"Ledgers {SCRIPT}", system=SCRIPT)
    file = tmp_path / "chats.html"
    with file.open("w", encoding="utf-8") as stream:
        write_html([(chat, messages)] * 2, [chat.title] * 2, stream)
    return file


def test_the_browser_would_tell(proxy: Proxy, tmp_path: Path) -> None:
    control = tmp_path / "control.html"
    control.write_text(CONTROL)
    told = opened(proxy, control)
    assert "data-ran" in told.dom
    assert "it ran" in " ".join(told.console)
    assert any("probe.example" in request for request in told.requests)


def test_hostile_content_is_inert(proxy: Proxy, page: Path) -> None:
    told = opened(proxy, page)
    assert told.console == []
    assert told.requests == []
    assert "data-ran=" not in re.sub("<style>.*?</style>", "", told.dom, flags=re.DOTALL)
    assert not re.search(r"<(script|img|iframe|b|i)[ >]", told.dom)
    assert "&lt;script&gt;" in told.dom


def test_branches_are_linked(proxy: Proxy, page: Path) -> None:
    told = opened(proxy, page)
    targets = set(re.findall(r'href="#([^"]+)"', told.dom))
    assert {"c1", "c2", "c1m2", "c2m5"} <= targets <= set(re.findall(r' id="([^"]+)"', told.dom))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_drawn_light_and_dark(scheme: str, proxy: Proxy, page: Path) -> None:
    png = picture(proxy, page, scheme)
    assert corner(png) == PAPER[scheme]
    assert len(png) > 50_000, "words are drawn"
