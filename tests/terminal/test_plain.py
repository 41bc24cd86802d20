"""`hybridchat --plain` on a real pseudo-terminal and in pipes: words, and nothing that a reader would stumble over."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import unicodedata
from pathlib import Path

import pytest

from tests.faults import cli
from tests.terminal.conftest import Serve
from tests.terminal.sitting import ENDLESS, configure, stored
from tests.tui.terminal import Terminal

ESCAPE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|.)", re.DOTALL)
PASTE_MARKS = {b"\x1b[?2004h", b"\x1b[?2004l"}
BARS = "▀▁▂▃▄▅▆▇█▌▐░▒▓"
# Ctrl+C reaches a program only from its controlling terminal.
CONTROLLED = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execv(sys.executable, [sys.executable, '-m', 'hybridchat', *sys.argv[1:]])"
)
PROMPT = re.compile(r"You(?:, off the record)?:$")


def open_plain(home: Path, *arguments: str, term: str = "xterm-256color", columns: int = 80) -> Terminal:
    command = (sys.executable, "-c", CONTROLLED, "--plain")
    env = {"HYBRIDCHAT_HOME": str(home), "TERM": term}
    return Terminal(arguments, command=command, env=env, columns=columns, rows=60)


def at_prompt(terminal: Terminal) -> str:
    """Waits until nothing more comes than the prompt."""
    return terminal.wait_for(lambda text: PROMPT.search(text.rstrip()) is not None)


def say(terminal: Terminal, line: str) -> None:
    """Types it at the next prompt, and waits for the one after it."""
    at_prompt(terminal)
    prompts = terminal.raw.count(b"You:") + terminal.raw.count(b"record:")
    terminal.type(f"{line}\n")
    terminal.wait_until(lambda: terminal.raw.count(b"You:") + terminal.raw.count(b"record:") > prompts)


def leave(terminal: Terminal) -> None:
    at_prompt(terminal)
    terminal.type("\x04")
    assert terminal.wait_for_exit() == 0


@pytest.mark.parametrize("term", ["xterm-256color", "dumb"])
def test_a_sitting_is_words_alone(home: Path, serve: Serve, term: str) -> None:
    configure(home, serve("--tokens-per-s", "500"))
    with open_plain(home, term=term) as terminal:
        for line in ("hello", "/help", "/list", "/stats", "/privacy\n1", "/nope", "/off-record", "hello", "/standing"):
            say(terminal, line)
        leave(terminal)
    written = terminal.raw.decode()
    allowed = PASTE_MARKS if term != "dumb" else set()
    assert set(ESCAPE.findall(terminal.raw)) <= allowed
    assert b"\b" not in terminal.raw
    drawn = [c for c in written if unicodedata.name(c, "").startswith(("BOX DRAWINGS", "BRAILLE")) or c in BARS]
    assert drawn == []
    assert "return question[::-1]" in written and "to first token" in written


def test_code_goes_to_a_file_and_through_a_command_that_ctrl_c_ends(home: Path, serve: Serve, tmp_path: Path) -> None:
    configure(home, serve("--tokens-per-s", "500"))
    saved, began, ended = (tmp_path / name for name in ("saved.py", "began", "ended"))
    with open_plain(home) as terminal:
        say(terminal, "hello")
        terminal.type(f"/save-code {saved}\n2\n")
        terminal.wait_for("Saved to")
        assert "return question[::-1]" in saved.read_text()
        at_prompt(terminal)
        terminal.type(f"/pipe-code touch {began}; sleep 600; touch {ended}\n2\n")
        terminal.wait_for("2. Run it")
        assert not began.exists(), "asked first"
        terminal.type("2\n")
        terminal.wait_until(began.exists)
        terminal.type("\x03")
        terminal.wait_for("Interrupted.")
        say(terminal, "/quote")
        leave(terminal)
    assert not ended.exists()
    assert b"> " in terminal.raw


def test_ctrl_c_stops_the_reply_keeps_it_and_leaves_at_the_prompt(home: Path, serve: Serve) -> None:
    configure(home, serve("--tokens-per-s", "20", *ENDLESS))
    with open_plain(home) as terminal:
        at_prompt(terminal)
        terminal.type("go\n")
        terminal.wait_for("A heading")
        terminal.type("\x03")
        terminal.wait_for("· stopped")
        at_prompt(terminal)
        terminal.type("\x03")
        terminal.wait_for("Ctrl+C again, or Ctrl+D, leaves.")
        at_prompt(terminal)
        terminal.type("\x03")
        assert terminal.wait_for_exit() == 130
    assert stored(home, "select outcome from usage") == [("stopped",)]
    assert "A heading" in str(stored(home, "select text from message where role = 'assistant'"))


def test_ctrl_c_at_a_question_is_the_safe_answer(home: Path, serve: Serve) -> None:
    configure(home, serve())
    with open_plain(home) as terminal:
        at_prompt(terminal)
        terminal.type("/privacy\n")
        terminal.wait_for("Number, or Enter for 1:")
        terminal.type("\x03")
        leave(terminal)
    assert b"This chat is" not in terminal.raw


@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_flushes_and_ends_it(home: Path, serve: Serve, kind: signal.Signals) -> None:
    configure(home, serve("--tokens-per-s", "20", *ENDLESS))
    with open_plain(home) as terminal:
        at_prompt(terminal)
        terminal.type("go\n")
        terminal.wait_for("A heading")
        os.kill(terminal.process.pid, kind)
        assert terminal.wait_for_exit() == 128 + kind
    assert stored(home, "select outcome from usage") == [("interrupted",)]
    with open_plain(home) as terminal:
        at_prompt(terminal)  # where readline may only just have begun to wait
        os.kill(terminal.process.pid, kind)
        assert terminal.wait_for_exit() == 128 + kind


def test_a_kill_keeps_what_came_and_the_next_one_says_interrupted(home: Path, serve: Serve) -> None:
    configure(home, serve("--tokens-per-s", "20", *ENDLESS))
    with open_plain(home) as terminal:
        at_prompt(terminal)
        terminal.type("go\n")
        terminal.wait_for("long enough")
        terminal.process.kill()
        terminal.process.wait()
    with open_plain(home, "-c") as terminal:
        shown = at_prompt(terminal)
        assert "You: go" in shown and "A heading" in shown and "· interrupted" in shown
        leave(terminal)


def test_a_paste_is_one_message_and_up_brings_it_back_but_nothing_off_the_record(home: Path, serve: Serve) -> None:
    configure(home, serve("--tokens-per-s", "500"))
    with open_plain(home) as terminal:
        at_prompt(terminal)
        terminal.type("\x1b[200~one\ntwo\x1b[201~")
        say(terminal, "")
        say(terminal, "/off-record")
        say(terminal, "the hidden words")
        before = len(terminal.raw)
        at_prompt(terminal)
        terminal.type("\x1b[A!\n")
        terminal.wait_until(lambda: terminal.raw.count(b"to first token") == 3)
        assert b"hidden" not in terminal.raw[before:]
        leave(terminal)
    assert stored(home, "select text from message where role = 'user'") == [("one\ntwo",)]
    files = [file for file in home.rglob("*") if file.is_file()]
    assert [file for file in files if b"hidden words" in file.read_bytes()] == []


async def test_in_a_pipe_replies_are_data_and_the_rest_is_talk(home: Path, serve: Serve) -> None:
    await asyncio.to_thread(configure, home, serve("--tokens", "3"))
    done = await cli.run("--plain", stdin=b"one\ntwo \\\nlines\n/list\n")
    assert done.code == 0
    assert done.out == "# A heading\n" * 2 + done.out.splitlines()[-1] + "\n"
    assert done.out.splitlines()[-1].startswith("1. ")
    assert done.err.count("to first token") == 2
    assert "\x1b" not in done.out + done.err
    wrong = await cli.run("--plain", stdin=b"/nope\nnever\n")
    assert (wrong.code, wrong.out) == (2, "")
    refused = await cli.run("--plain", "--local-only", stdin=b"/privacy open\nnever\n")
    assert (refused.code, refused.out) == (3, "")
    nothing = await cli.run("--plain", stdin=b"")
    assert (nothing.code, nothing.out) == (0, "")


def test_where_no_screen_can_be_drawn_plain_is_named(home: Path, serve: Serve) -> None:
    configure(home, serve())
    with Terminal((), env={"HYBRIDCHAT_HOME": str(home), "TERM": "dumb"}) as terminal:
        assert terminal.wait_for_exit() == 2
        assert "use `hybridchat --plain`" in " ".join(terminal.text.split())
        assert b"\x1b" not in terminal.raw
