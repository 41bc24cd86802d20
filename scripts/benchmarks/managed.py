"""The first message to a managed backend after the start: what the interface's thread must not do for it.

It runs in a process of its own (`python -m scripts.benchmarks.managed URL`), because a second time is no first time.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from scripts.benchmarks.measure import Row

RUNS = 5
CONFIG = """
[[backend]]
id = "rented"
kind = "openai"
base_url = "{url}"
zone = "managed"
model = "paced"
"""


def rows() -> Iterator[Row]:
    from scripts.benchmarks.program import PYTHON
    from scripts.benchmarks.server import PacedServer

    with PacedServer() as server:
        found = [_measured([PYTHON, "-m", __name__, server.url]) for _ in range(RUNS)]
    for name, unit, budget in WORST:
        yield Row(name, max(one[name] for one in found), unit, budget, RUNS)


IMPORT, PRICE, OPEN = (
    "first managed message: longest import on its thread",
    "pricing on the interface's thread",
    "connections of an open breaker",
)
WORST = ((IMPORT, "ms", 20), (PRICE, "ms", 0), (OPEN, "", 0))


def _measured(argv: list[str]) -> dict[str, float]:
    with TemporaryDirectory() as home:
        done = subprocess.run(
            argv, env={**os.environ, "HYBRIDCHAT_HOME": home}, check=True, stdout=subprocess.PIPE, text=True
        )
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


async def _first_message(url: str) -> dict[str, float]:
    from hybridchat import wiring
    from hybridchat.domain.events import Failed
    from hybridchat.errors import ErrorKind, HybridchatError
    from hybridchat.session.prices import PriceBook

    home = Path(os.environ["HYBRIDCHAT_HOME"])
    (home / "config.toml").write_text(CONFIG.format(url=url), encoding="utf-8")
    session = wiring.load().open_session()
    await session.start(watch=False)
    imports, prices = _Imports(), _Clocked(PriceBook, "cost_of")
    chat = session.new(route="rented")
    with imports:
        await session.send(chat, "tokens=5 rate=1000 tag=w")
        reply = await session.wait(chat)
    await session.books.settle(30)
    if not prices.calls or reply.attempt is None or reply.attempt.outcome != "ok":
        raise RuntimeError(f"nothing was priced: {reply}")
    with _Connections() as opened:
        for _ in range(3):
            session.fleet.note_end("rented", Failed(ErrorKind.SERVER, "down"))
        try:
            await session.send(chat, "tokens=5 rate=1000 tag=w")
            raise RuntimeError("an open breaker let a message through")
        except HybridchatError:
            pass
    await session.close()
    return {IMPORT: imports.longest_s * 1000, PRICE: prices.on_main_s * 1000, OPEN: opened.count}


class _Imports:
    """The longest outermost import on the main thread within the block."""

    longest_s = 0.0

    def __enter__(self) -> None:
        bootstrap: Any = importlib._bootstrap  # type: ignore[attr-defined]
        self._bootstrap, self._find, self._depth = bootstrap, bootstrap._find_and_load, 0
        bootstrap._find_and_load = self._timed

    def __exit__(self, *_: object) -> None:
        self._bootstrap._find_and_load = self._find

    def _timed(self, name: str, load: object) -> object:
        if threading.current_thread() is not threading.main_thread():
            return self._find(name, load)
        start, self._depth = time.perf_counter(), self._depth + 1
        try:
            return self._find(name, load)
        finally:
            self._depth -= 1
            if not self._depth:
                self.longest_s = max(self.longest_s, time.perf_counter() - start)


class _Clocked:
    """Times a method where it runs on the main thread."""

    def __init__(self, owner: type, name: str) -> None:
        self.calls, self.on_main_s, original = 0, 0.0, getattr(owner, name)

        def timed(*given: Any, **named: Any) -> object:
            start = time.perf_counter()
            try:
                return original(*given, **named)
            finally:
                self.calls += 1
                if threading.current_thread() is threading.main_thread():
                    self.on_main_s += time.perf_counter() - start

        setattr(owner, name, timed)


class _Connections:
    """Counts what the process connects to within the block, as Python's audit events tell it."""

    def __init__(self) -> None:
        self.count, self._is_counting = 0, False
        sys.addaudithook(self._hear)

    def __enter__(self) -> _Connections:
        self._is_counting = True
        return self

    def __exit__(self, *_: object) -> None:
        self._is_counting = False

    def _hear(self, event: str, _: object) -> None:
        self.count += self._is_counting and event in ("socket.connect", "socket.getaddrinfo")


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_first_message(sys.argv[1]))))
