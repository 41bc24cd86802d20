"""hybridchat itself in a pseudo-terminal, with a home and a config of its own, ready to be typed into."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyte

from scripts.benchmarks.server import MODEL, PacedServer
from tests.tui.terminal import Terminal

ENTER, CTRL_N, CTRL_O, CTRL_Q, ESCAPE, ALT_O = "\r", "\x0e", "\x0f", "\x11", "\x1b", "\x1bo"
UP, DOWN = "\x1b[A", "\x1b[B"
PROBE = "qzx"
BLINK_FREE_S = 0.3  # shorter than a blink of the cursor, which draws as well
PYTHON = os.environ.get("BENCH_PYTHON", sys.executable)
HYBRIDCHAT = (PYTHON, "-m", "hybridchat")


@contextmanager
def home_for(server: PacedServer) -> Iterator[Path]:
    """A `HYBRIDCHAT_HOME` whose one backend is the server."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        lines = ("[[backend]]", 'id = "paced"', 'kind = "vllm"', f'base_url = "{server.url}"', f'model = "{MODEL}"')
        (home / "config.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
        yield home


@contextmanager
def running(home: Path, *arguments: str) -> Iterator[Terminal]:
    """The app, once it shows that it took what was typed; the composer is empty then."""
    with Terminal(arguments, command=HYBRIDCHAT, env={"HYBRIDCHAT_HOME": str(home)}) as terminal:
        show(terminal, PROBE)
        terminal.type("\x7f" * len(PROBE))
        terminal.wait_for(lambda text: PROBE not in text)
        yield terminal
        terminal.type(CTRL_Q)
        terminal.wait_for_exit()


def show(terminal: Terminal, words: str) -> float:
    """Types the words; returns when they were on the screen (time.monotonic()).

    The terminal itself echoes what is typed before the program listens, in the first line: that does not count.
    """
    terminal.type(words)
    terminal.wait_for(lambda text: words in text.partition("\n")[2])
    return terminal.chunks[-1].at


def read_until(terminal: Terminal, done: Callable[[], bool], deadline_s: float = 60.0) -> None:
    """Only takes bytes, with their times: nothing is interpreted while the program works."""
    until = time.monotonic() + deadline_s
    while not done():
        if not terminal.read(0.01) or time.monotonic() > until:
            raise RuntimeError(f"the program ended or hung:\n{terminal.text}")


def settle(terminal: Terminal, quiet_s: float = 0.5) -> None:
    """Reads until nothing was drawn for a while."""
    last = time.monotonic()
    while time.monotonic() - last < quiet_s:
        before = len(terminal.chunks)
        terminal.read(0.05)
        if len(terminal.chunks) > before:
            last = time.monotonic()


def first_seen(terminal: Terminal, since: int, words: set[str]) -> dict[str, float]:
    """When each word was first on the screen, looking back over all chunks; those before `since` only set the scene."""
    screen = pyte.Screen(terminal.screen.columns, terminal.screen.lines)
    stream = pyte.ByteStream(screen)
    seen: dict[str, float] = {}
    for index, chunk in enumerate(terminal.chunks):
        stream.feed(chunk.data)
        if index >= since:
            shown = words.intersection(re.findall(r"\w+", "\n".join(screen.display)))
            seen |= dict.fromkeys(shown - seen.keys(), chunk.at)
    return seen
