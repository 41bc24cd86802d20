"""The real program on a real pseudo-terminal, against a server that speaks the real protocol."""

from __future__ import annotations

import base64
import os
import re
import shlex
import signal
import sys
import termios
from pathlib import Path

import pytest

from tests.terminal.conftest import Serve
from tests.terminal.sitting import ENDLESS, configure, open_app, sitting, stored
from tests.tui.terminal import Terminal

ALTERNATE_SCREEN_ON = b"\x1b[?1049h"
ALTERNATE_SCREEN_OFF = b"\x1b[?1049l"
MOUSE_OFF = b"\x1b[?1000l"


def test_start_send_quit_and_find_it_again(home: Path, serve: Serve) -> None:
    configure(home, serve("--tokens-per-s", "500"))
    with open_app(home) as terminal:
        terminal.wait_for("Enter sends to lab")
        terminal.type("hello from a person\r")
        terminal.wait_for("return question[::-1]")
        terminal.wait_for("to first token")
        terminal.type("\x11")
        assert terminal.wait_for_exit() == 0
        assert ALTERNATE_SCREEN_OFF in terminal.raw
        assert termios.tcgetattr(terminal.master)[:4] == terminal.modes_before[:4]
    with open_app(home, "-c") as terminal:
        terminal.wait_for("return question[::-1]")


def test_escape_stops_and_keeps_what_came(home: Path, serve: Serve) -> None:
    configure(home, serve("--tokens-per-s", "5", *ENDLESS))
    with sitting(home) as terminal:
        terminal.type("go\r")
        terminal.wait_for("A heading")
        terminal.type("\x1b")
        terminal.wait_for(lambda text: "stopped" in text.lower())
    assert stored(home, "select outcome from usage") == [("stopped",)]
    assert "A heading" in str(stored(home, "select text from message where role = 'assistant'"))


def test_enter_twice_sends_once(home: Path, serve: Serve) -> None:
    configure(home, serve("--tokens-per-s", "500"))
    with sitting(home) as terminal:
        terminal.type("only once\r\r")
        terminal.wait_for("to first token")
        terminal.type("\r\x1b\r")
    assert stored(home, "select count(*) from usage") == [(1,)]


@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_flushes_and_restores_the_terminal(home: Path, serve: Serve, kind: signal.Signals) -> None:
    configure(home, serve("--tokens-per-s", "5", *ENDLESS))
    with open_app(home) as terminal:
        terminal.wait_for("Enter sends to lab")
        terminal.type("go\r")
        terminal.wait_for("A heading")
        os.kill(terminal.process.pid, kind)
        assert terminal.wait_for_exit() == 128 + kind
        assert ALTERNATE_SCREEN_OFF in terminal.raw and MOUSE_OFF in terminal.raw
        assert termios.tcgetattr(terminal.master)[:4] == terminal.modes_before[:4]
    assert stored(home, "select outcome from usage") == [("interrupted",)]
    assert "A heading" in str(stored(home, "select text from message where role = 'assistant'"))


def test_a_kill_keeps_what_was_flushed_and_the_next_start_says_interrupted(home: Path, serve: Serve) -> None:
    configure(home, serve("--tokens-per-s", "20", *ENDLESS))
    with open_app(home) as terminal:
        terminal.wait_for("Enter sends to lab")
        terminal.type("go\r")
        terminal.wait_for("long enough")
        terminal.process.kill()
        terminal.process.wait()
    with open_app(home, "-c") as terminal:
        terminal.wait_for("A heading")
        terminal.wait_for(lambda text: "interrupted" in text.lower())
    assert stored(home, "select outcome from usage") == [("interrupted",)]


def test_suspend_and_go_on(home: Path, serve: Serve) -> None:
    configure(home, serve("--tokens-per-s", "500"))
    with open_app(home) as terminal:
        terminal.wait_for("Enter sends to lab")
        os.kill(terminal.process.pid, signal.SIGTSTP)
        _wait_for_state(terminal, "T")
        drawn = terminal.raw.count(ALTERNATE_SCREEN_ON)
        os.kill(terminal.process.pid, signal.SIGCONT)
        terminal.wait_for(lambda _: terminal.raw.count(ALTERNATE_SCREEN_ON) > drawn)
        terminal.type("still here")
        terminal.wait_for("│ still here")  # until the terminal is raw again, Enter would be a line feed
        terminal.type("\r")
        terminal.wait_for("to first token")


# A shell stops and continues jobs only on its controlling terminal.
SHELL_WITH_JOBS = "import fcntl, os, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp('sh', ['sh', '-i'])"


def test_ctrl_z_stops_a_wrapper_too(home: Path, serve: Serve) -> None:
    configure(home, serve("--tokens-per-s", "500"))
    wrapper = "import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-m', 'hybridchat']))"
    environment = {"HYBRIDCHAT_HOME": str(home), "PS1": "ready> "}
    with Terminal(command=[sys.executable, "-c", SHELL_WITH_JOBS], env=environment) as terminal:
        terminal.wait_for("ready>")
        terminal.type(f'{shlex.quote(sys.executable)} -c "{wrapper}"\n')
        terminal.wait_for("Enter sends to lab")
        terminal.type("a draft")
        terminal.wait_for("│ a draft")
        terminal.type("\x1a")
        terminal.wait_for("Stopped")
        assert terminal.raw.rindex(ALTERNATE_SCREEN_OFF) < terminal.raw.rindex(b"Stopped")
        drawn = terminal.raw.count(ALTERNATE_SCREEN_ON)
        terminal.type("fg\n")
        terminal.wait_until(lambda: terminal.raw.count(ALTERNATE_SCREEN_ON) > drawn)
        terminal.type(" and more")
        terminal.wait_for("│ a draft and more")
        prompts = terminal.raw.count(b"ready>")
        terminal.type("\x11")
        terminal.wait_until(lambda: terminal.raw.count(b"ready>") > prompts)
        terminal.type("exit 7\n")
        assert terminal.wait_for_exit() == 7


def _wait_for_state(terminal: Terminal, wanted: str) -> None:
    status = Path(f"/proc/{terminal.process.pid}/stat")
    terminal.wait_until(lambda: status.read_text().rpartition(")")[2].split()[0] == wanted)


def test_any_size_while_it_streams(home: Path, serve: Serve) -> None:
    configure(home, serve("--tokens-per-s", "50", *ENDLESS))
    with open_app(home) as terminal:
        terminal.wait_for("Enter sends to lab")
        terminal.type("go\r")
        terminal.wait_for("A heading")
        terminal.type("draft that stays")
        for columns, rows in ((1, 1), (300, 100), (20, 5), (0, 0), (80, 24)):
            terminal.resize(columns, rows)
            for _ in range(4):
                terminal.read()
        terminal.wait_for("draft that stays")
        assert terminal.process.poll() is None


def test_two_windows_do_not_mark_each_others_replies(home: Path, serve: Serve) -> None:
    configure(home, serve("--tokens-per-s", "5", *ENDLESS))
    with open_app(home) as first:
        first.wait_for("Enter sends to lab")
        first.type("go\r")
        first.wait_for("A heading")
        with sitting(home):
            pass
        assert stored(home, "select outcome from usage") == [(None,)]
        first.type("\x1b")
        first.wait_for(lambda text: "stopped" in text.lower())


def test_a_broken_config_is_told_and_left_alone(home: Path) -> None:
    home.mkdir()
    config = home / "config.toml"
    config.write_text('[ui]\nthema = "x"\n')
    with open_app(home) as terminal:
        said = terminal.wait_for(lambda text: "ui.thema" in text and "show_thinking" in text)
        assert "toml:2" in "".join(said.split())
        terminal.type("\x11")
        assert terminal.wait_for_exit() == 0
    assert config.read_text() == '[ui]\nthema = "x"\n'


def test_standard_error_may_be_a_file(home: Path, serve: Serve) -> None:
    configure(home, serve())
    command = ("sh", "-c", 'exec "$0" -m hybridchat 2>"$1"', sys.executable, str(home / "stderr"))
    with Terminal(command=command, env={"HYBRIDCHAT_HOME": str(home)}) as terminal:
        terminal.wait_for("Enter sends to lab")
        terminal.type("\x11")
        assert terminal.wait_for_exit() == 0
    assert (home / "stderr").read_bytes() == b""


def test_a_dead_server_is_one_readable_line(home: Path, serve: Serve) -> None:
    configure(home, "http://127.0.0.1:9")
    with open_app(home) as terminal:
        terminal.wait_for(lambda text: re.search(r"lab: nothing listens", " ".join(text.split())) is not None)
        terminal.type("my words\r")
        for _ in range(10):
            terminal.read()
        terminal.wait_for("my words")
    assert stored(home, "select count(*) from usage") == [(0,)]


def test_a_paste_is_text_and_never_a_key(home: Path, serve: Serve) -> None:
    configure(home, serve("--tokens-per-s", "500"))
    with sitting(home) as terminal:
        terminal.type("\x1b[200~begin\x1b\x11 \x1b[31m \x1b\r end\x1b[201~")
        terminal.wait_for("begin␛␑ ␛[31m ␛")
        terminal.wait_for("end")
    assert stored(home, "select count(*) from message") == [(0,)]


def test_the_debug_log_tells_events_and_neither_words_nor_keys(home: Path, serve: Serve) -> None:
    url = serve("--tokens-per-s", "500")
    configure(home, url, 'key = "env:LAB_KEY"\n')
    with sitting(home, "--debug", env={"LAB_KEY": "sk-canary-key"}) as terminal:
        terminal.type("canary words\r")
        terminal.wait_for("to first token")
    assert [file.name for file in (home / "logs").iterdir()] == ["debug.log"]
    log = (home / "logs" / "debug.log").read_text()
    assert "TurnBegan conversation=1 message=2" in log
    assert "TurnEnded message=2 state=complete outcome=ok" in log
    for kept_out in ("canary", "heading", url, "env:LAB_KEY"):
        assert kept_out not in log


def test_the_mouse_selects_what_is_copied(home: Path, serve: Serve) -> None:
    configure(home, serve("--tokens-per-s", "500"))
    with sitting(home, columns=100, rows=50) as terminal:
        terminal.type("go\r")
        terminal.wait_for("to first token")
        wanted = "A paragraph with bold"
        lines = terminal.wait_for(wanted).splitlines()
        row = next(index for index, line in enumerate(lines) if wanted in line)
        first = lines[row].index(wanted)
        last = first + len(wanted) - 1
        plain = terminal.screen.buffer[row][last].bg
        terminal.type(_mouse(0, first, row) + _mouse(32, last, row) + _mouse(0, last, row, "m"))
        terminal.wait_for(lambda _: terminal.screen.buffer[row][last].bg != plain)
        terminal.type("\x03")
        terminal.wait_until(lambda: re.search(rb"\x1b]52;c;[^\x07]+\x07", terminal.raw))
        copied = terminal.raw.partition(b"\x1b]52;c;")[2].partition(b"\x07")[0]
        assert base64.b64decode(copied).decode() == wanted


def _mouse(button: int, column: int, row: int, ends: str = "M") -> str:
    """As terminals report it (SGR): 0 is the left button, 32 a move with it down; `m` lets it go."""
    return f"\x1b[<{button};{column + 1};{row + 1}{ends}"
