"""Fault 11: hostile sizes stay under 100 MB over an idle process. Measured in a process of its own."""

from __future__ import annotations

import asyncio
import gzip
import sys
from pathlib import Path

import pytest

from tests.fakes.http import Responder
from tests.fakes.wire import CHAT_COMPLETIONS, WIRES, Wire, scripted

STATUS = Path("/proc/self/status")  # getrusage would count what the parent had before the exec

pytestmark = pytest.mark.skipif(not STATUS.exists(), reason="a process's own peak is read from Linux's /proc")

CLIENT = """
import asyncio, re, sys
from pathlib import Path
from hybridchat.domain.chat import Kind
from hybridchat.net.client import warm_up
from tests.fakes.wire import ask, collect, make_backend, spec_for, text_of
from tests.fakes.recorder import Recorded

def peak_mb():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024

warm_up()
idle = peak_mb()
events = asyncio.run(collect(make_backend(spec_for(Kind(sys.argv[1]), sys.argv[2]), recorder=Recorded())))
print(text_of(events), events[-1].kind, int(peak_mb() - idle))
"""

LINE = b"x" * (10 << 20)


async def attacked(wire: Wire, head: bytes, body: bytes) -> tuple[str, str, int]:
    async def script(respond: Responder) -> None:
        await respond.raw(head + body)

    async with scripted(wire, script) as server:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", CLIENT, wire.kind, server.url), stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
    text, kind, grown_mb = output.decode().split()
    return text, kind, int(grown_mb)


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.kind)
async def test_a_line_of_ten_megabytes(wire: Wire) -> None:
    body = wire.piece("kept") + wire.piece("@").replace(b"@", LINE)
    text, kind, grown_mb = await attacked(wire, b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n", body)
    assert (text, kind) == ("kept", "too_large")
    assert 0 < grown_mb < 100


async def test_a_gzip_bomb() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\n"
    bomb = gzip.compress(CHAT_COMPLETIONS.piece("kept") + bytes(200 << 20), 1)
    text, kind, grown_mb = await attacked(CHAT_COMPLETIONS, head, bomb)
    assert (text, kind) == ("kept", "too_large")
    assert 0 < grown_mb < 100
