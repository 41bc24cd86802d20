"""hybridchat in a real pseudo-terminal, read through a terminal emulator: what a person would see and type.

Bytes are stamped when they arrive and interpreted when somebody looks, so that looking costs the program no time.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pyte

ROOT = Path(__file__).parents[2]
DEADLINE_S = 40.0  # of a slow machine with much to do; the test's own is later
HYBRIDCHAT = (sys.executable, "-m", "hybridchat")


def _environment(env: Mapping[str, str]) -> dict[str, str]:
    """This process's and that, without a size of the terminal, which would go before the real one's: xdist sets it."""
    both = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **env}
    return {name: value for name, value in both.items() if name not in ("COLUMNS", "LINES")}


class Chunk(NamedTuple):
    """What one read delivered; `at` is time.monotonic()."""

    at: float
    data: bytes


class Terminal:
    """A child process on a pty of `columns` × `rows`. Use as a context manager; the child never outlives it."""

    def __init__(
        self,
        arguments: Sequence[str] = (),
        *,
        env: Mapping[str, str],
        columns: int = 120,
        rows: int = 40,
        command: Sequence[str] = HYBRIDCHAT,
        cwd: Path = ROOT,
    ) -> None:
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.chunks: list[Chunk] = []
        self._interpreted = 0
        self.master, slave = pty.openpty()
        self.resize(columns, rows, notify=False)
        self.process = subprocess.Popen(
            [*command, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=cwd,
            env=_environment(env),
            start_new_session=True,
        )
        self.modes_before = termios.tcgetattr(self.master)
        os.close(slave)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)

    def resize(self, columns: int, rows: int, *, notify: bool = True) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._interpret()  # what came before belongs to the old size
        self.screen.resize(max(rows, 1), max(columns, 1))
        if notify:
            os.killpg(self.process.pid, signal.SIGWINCH)

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def read(self, timeout_s: float = 0.05) -> bool:
        """Takes what the child wrote; False at its end."""
        ready, _, _ = select.select([self.master], [], [], timeout_s)
        if not ready:
            return True
        try:
            data = os.read(self.master, 1 << 16)
        except OSError:  # Linux answers EIO when the last writer is gone
            return False
        self.chunks.append(Chunk(time.monotonic(), data))
        return bool(data)

    @property
    def raw(self) -> bytes:
        return b"".join(chunk.data for chunk in self.chunks)

    @property
    def text(self) -> str:
        self._interpret()
        return "\n".join(line.rstrip() for line in self.screen.display)

    def _interpret(self) -> None:
        for chunk in self.chunks[self._interpreted :]:
            self._stream.feed(chunk.data)
        self._interpreted = len(self.chunks)

    def wait_for(self, wanted: str | Callable[[str], bool], deadline_s: float = DEADLINE_S) -> str:
        """Reads until the screen shows it; fails with the screen otherwise."""
        until = time.monotonic() + deadline_s
        while time.monotonic() < until:
            if (wanted in self.text) if isinstance(wanted, str) else wanted(self.text):
                return self.text
            if not self.read():
                break
        raise AssertionError(f"the screen never showed {wanted!r}:\n{self.text}")

    def wait_until(self, predicate: Callable[[], object], deadline_s: float = DEADLINE_S) -> None:
        """Reads until something beside the screen holds; the emulator, slower than any stream, is left alone."""
        until = time.monotonic() + deadline_s
        while not predicate():
            is_going_on = time.monotonic() < until and self.read()
            assert is_going_on or predicate(), f"never came true; the screen:\n{self.text}"

    def wait_for_exit(self, deadline_s: float = DEADLINE_S) -> int:
        until = time.monotonic() + deadline_s
        while self.process.poll() is None and time.monotonic() < until:
            self.read()
        code = self.process.poll()
        assert code is not None, f"still running:\n{self.text}"
        while time.monotonic() < until and self.read():  # its last words may still be on their way
            pass
        return code
