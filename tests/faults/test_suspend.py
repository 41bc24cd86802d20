"""Fault 24: the machine sleeps in the middle of a reply, and its clock says something else afterwards."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.fakes.completions import FakeCompletions
from tests.fakes.http import Request, Responder
from tests.faults.cli import backend, configure

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a pseudo-terminal and signals")

# The program; at SIGUSR1 every wall clock that it reads jumps, as after a sleep or a correction.
WALL_CLOCK = """
import datetime, signal, sys, time
from hybridchat.cli.app import run

true_time, ahead_s = time.time, float(sys.argv[1])

class Jumped(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.now(tz) + datetime.timedelta(seconds=ahead_s)

def jump(*_):
    time.time = lambda: true_time() + ahead_s
    for name, module in list(sys.modules.items()):
        if name.startswith("hybridchat.") and vars(module).get("datetime") is datetime.datetime:
            module.datetime = Jumped

signal.signal(signal.SIGUSR1, jump)
sys.exit(run([]))
"""
DAY_S = 86_400
ALTERNATE_SCREEN_ON = b"\x1b[?1049h"


class Sleepy(FakeCompletions):
    """Begins its reply; ends it when the test says that the client sleeps, or loses the connection then."""

    def __init__(self, *, is_lost: bool) -> None:
        super().__init__()
        self.is_lost = is_lost
        self.asleep, self.ended = asyncio.Event(), asyncio.Event()

    async def _stream(self, request: Request, respond: Responder) -> None:
        await respond.begin("text/event-stream")
        await respond.chunk(self._event({"content": "Before the sleep. "}))
        await self.asleep.wait()
        if self.is_lost:
            respond.abort()
        else:
            await respond.chunk(self._event({"content": "After the sleep."}))
            await respond.chunk(self._event({}, finish_reason="stop") + b"data: [DONE]\n\n")
            await respond.finish()
        self.ended.set()


def attempts(home: Path) -> list[tuple[str | None, float, float]]:
    with closing(sqlite3.connect(home / "hybridchat.db")) as ledger:
        return ledger.execute("SELECT outcome, ttft_ms, latency_ms FROM usage").fetchall()


@pytest.mark.parametrize("jump_s", [DAY_S, -DAY_S])
@pytest.mark.parametrize(("is_lost", "outcome"), [(False, "ok"), (True, "error")])
async def test_24_a_sleep_sends_nothing_again(home: Path, is_lost: bool, outcome: str, jump_s: int) -> None:
    import termios

    from tests.tui.terminal import Terminal

    async with Sleepy(is_lost=is_lost) as server:
        configure(home, backend(server.url, more="vouched = true"))
        begun = time.monotonic()
        with Terminal(["-c", WALL_CLOCK, str(jump_s)], env={}, command=[sys.executable]) as terminal:
            await asyncio.to_thread(terminal.wait_for, "Enter sends to lab")
            terminal.type("go\r")
            await asyncio.to_thread(terminal.wait_for, "Before the sleep.")
            terminal.process.send_signal(signal.SIGSTOP)
            await asyncio.to_thread(os.waitpid, terminal.process.pid, os.WUNTRACED)
            server.asleep.set()
            await asyncio.wait_for(server.ended.wait(), 20)
            drawn = terminal.raw.count(ALTERNATE_SCREEN_ON)
            terminal.process.send_signal(signal.SIGUSR1)
            terminal.process.send_signal(signal.SIGCONT)
            await asyncio.to_thread(terminal.wait_until, lambda: attempts(home)[-1][0] == outcome)
            await asyncio.to_thread(terminal.wait_until, lambda: terminal.raw.count(ALTERNATE_SCREEN_ON) > drawn)
            terminal.type("\x11")
            assert await asyncio.to_thread(terminal.wait_for_exit) == 0
            assert termios.tcgetattr(terminal.master)[:4] == terminal.modes_before[:4]
        assert len(server.sent("/v1/chat/completions")) == 1
    ((_, ttft_ms, latency_ms),) = attempts(home)
    assert 0 < ttft_ms <= latency_ms <= (time.monotonic() - begun) * 1000
