"""The app on a real pseudo-terminal: signals, a closed window, suspension, sizes, poor terminals, and a crash."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import sys
import termios
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.tui.terminal import Terminal

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal")

SECRET = "a secret prompt"
LEAVES_ALTERNATE_SCREEN = b"\x1b[?1049l"
SHOWS_CURSOR = b"\x1b[?25h"
COLOR = re.compile(rb"\x1b\[(?:[0-9;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])[;m]")  # 39 and 49 take one away


@contextmanager
def demo(**env: str) -> Iterator[Terminal]:
    with Terminal(["demo"], env=env, columns=80, rows=24) as terminal:
        yield terminal


@contextmanager
def program(code: str, **env: str) -> Iterator[Terminal]:
    with Terminal(["-c", code], env=env, columns=80, rows=24, command=[sys.executable]) as terminal:
        yield terminal


def assert_restored(terminal: Terminal) -> None:
    assert LEAVES_ALTERNATE_SCREEN in terminal.raw
    assert terminal.raw.rindex(SHOWS_CURSOR) > terminal.raw.rindex(b"\x1b[?25l")
    assert termios.tcgetattr(terminal.master)[3] == terminal.modes_before[3]  # echo and line mode are back


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_it_cleanly(number: signal.Signals, code: int) -> None:
    with demo() as terminal:
        terminal.wait_for("Enter sends to")
        terminal.process.send_signal(number)
        assert terminal.wait_for_exit() == code
        assert_restored(terminal)


DEAD = '[[backend]]\nid = "hangs"\nkind = "vllm"\nmodel = "m"\nbase_url = "http://127.0.0.1:9"\n'
HANGS = """
import asyncio, sys
from hybridchat import wiring
from hybridchat.cli.app import run
from hybridchat.domain.chat import Health, HealthState
from hybridchat.domain.events import Started, Text

class Hanging:
    async def chat(self, request):
        yield Started()
        yield Text("the first words")
        await asyncio.sleep(1000)
    async def health(self):
        return Health(HealthState.HEALTHY)
    async def aclose(self):
        pass

async def open_backend(self, spec):
    return Hanging()

wiring.Opener.open = open_backend
sys.exit(run([]))
"""


@contextmanager
def hanging(home: Path) -> Iterator[Terminal]:
    """In the middle of a reply that ends only from outside."""
    home.mkdir()
    (home / "config.toml").write_text(DEAD)
    with program(HANGS) as terminal:
        terminal.wait_for("Enter sends to")
        terminal.type("tell me\r")
        terminal.wait_for("the first words")
        yield terminal


@pytest.mark.parametrize("how", ["SIGTERM", "SIGHUP", "window closed"])
def test_what_came_of_a_reply_is_kept(home: Path, how: str) -> None:
    with hanging(home) as terminal:
        if how == "window closed":
            master, terminal.master = terminal.master, os.open(os.devnull, os.O_RDWR)
            os.close(master)  # the kernel sends SIGHUP, and every read and write fails from now on
        else:
            terminal.process.send_signal(getattr(signal, how))
        code = terminal.process.wait(40) if how == "window closed" else terminal.wait_for_exit()
        assert code == (143 if how == "SIGTERM" else 129)
    with closing(sqlite3.connect(home / "hybridchat.db")) as ledger:
        rows = ledger.execute("SELECT text, state FROM message ORDER BY id").fetchall()
    assert rows == [("tell me", "complete"), ("the first words", "interrupted")]


def test_suspended_and_resumed_it_is_drawn_again() -> None:
    with demo() as terminal:
        terminal.wait_for("Enter sends to")
        terminal.type("draft")
        terminal.wait_for("│ draft")
        terminal.type("\x1a")
        _, status = os.waitpid(terminal.process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        terminal.wait_until(lambda: LEAVES_ALTERNATE_SCREEN in terminal.raw)
        assert "│ draft" in terminal.text  # the emulator has no second screen to go back to
        terminal.screen.reset()
        terminal.process.send_signal(signal.SIGCONT)
        terminal.wait_for("│ draft")
        terminal.type("\x11")
        assert terminal.wait_for_exit() == 0
        assert_restored(terminal)


def test_any_size_is_survived() -> None:
    with demo() as terminal:
        terminal.wait_for("Enter sends to")
        terminal.type("hello\r")
        for columns, rows in ((1, 1), (300, 100), (2, 2), (80, 24)):
            terminal.resize(columns, rows)
            terminal.read()
        terminal.type("kept")
        terminal.wait_for("│ kept")
        terminal.type("\x11")
        assert terminal.wait_for_exit() == 0


def test_no_color_means_none() -> None:
    with demo(NO_COLOR="1") as terminal:
        terminal.wait_for("Enter sends to")
        terminal.type("hello\r")
        terminal.wait_for("Simulated reply")
        terminal.type("\x0f")
        terminal.wait_for("Type to filter")
        terminal.type("\x1b")
        terminal.wait_until(lambda: "Type to filter" not in terminal.text)
        terminal.type("\x11")
        assert terminal.wait_for_exit() == 0
        assert COLOR.findall(terminal.raw) == []
    with demo() as terminal:
        terminal.wait_for("Enter sends to")
        terminal.type("\x11")
        assert terminal.wait_for_exit() == 0
        assert COLOR.search(terminal.raw)


@pytest.mark.parametrize("theme", ["hybrid-dark", "hybrid-light"])
def test_a_terminal_of_sixteen_colours_gets_no_other(home: Path, theme: str) -> None:
    home.mkdir()
    (home / "config.toml").write_text(f'[ui]\ntheme = "{theme}"\n{DEAD}')
    with Terminal([], env={"TERM": "linux", "COLORTERM": ""}, columns=80, rows=24) as terminal:
        terminal.wait_for("Write a message")
        terminal.type("\x10")
        terminal.wait_for("Search for commands")
        terminal.type("\x1b")
        terminal.wait_until(lambda: "Search for commands" not in terminal.text)
        terminal.type("\x11")
        assert terminal.wait_for_exit() == 0
        assert COLOR.search(terminal.raw)
        assert not re.search(rb"\x1b\[(?:[0-9;]*;)?[34]8;[25];", terminal.raw)


def test_an_ascii_terminal_gets_ascii() -> None:
    with demo(PYTHONIOENCODING="ascii", PYTHONUTF8="0", LC_ALL="C", PYTHONCOERCECLOCALE="0") as terminal:
        terminal.wait_for("Enter sends to")
        terminal.type("\x11")
        assert terminal.wait_for_exit() == 0
        assert terminal.raw.isascii()
        assert b"\\u" not in terminal.raw


CRASHES = f"""
import sys
from pathlib import Path
from hybridchat import wiring
from hybridchat.paths import find_paths, shipped_themes_dir
from hybridchat.tui.app import HybridChatApp, run

class Broken(HybridChatApp):
    def action_commands(self):
        prompt = {SECRET!r}
        raise ValueError(prompt)

async def open_session():
    return wiring.open_demo_session()

sys.exit(run(Broken(open_session, theme_folders=[shipped_themes_dir()], crash_log=find_paths().logs_dir / "crash.log")))
"""


def test_a_crash_is_one_line_without_words(home: Path) -> None:
    with program(CRASHES) as terminal:
        terminal.wait_for("Enter sends to")
        terminal.type(SECRET)
        terminal.wait_for(f"│ {SECRET}")
        terminal.type("\x10")
        assert terminal.wait_for_exit() == 1
        assert_restored(terminal)
        said = terminal.raw[terminal.raw.rindex(LEAVES_ALTERNATE_SCREEN) :].decode()
    assert "stopped by a fault of its own (ValueError in" in said
    assert "Traceback" not in said
    log = (home / "logs" / "crash.log").read_text()
    assert "action_commands" in log
    assert SECRET not in said + log


def test_esc_is_not_mistaken_for_a_sequence(home: Path) -> None:
    with hanging(home) as terminal:
        terminal.type("\x1b")
        terminal.wait_for("stopped")
        terminal.type("still here")
        terminal.wait_for("│ still here")
        terminal.type("\x11")
        assert terminal.wait_for_exit() == 0
