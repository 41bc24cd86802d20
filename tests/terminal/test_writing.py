"""Writing in the real program, with real keys."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.terminal.conftest import Serve
from tests.terminal.sitting import configure, open_app, sitting, stored
from tests.tui.terminal import DEADLINE_S, ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal")

ALT_N, CTRL_N, CTRL_O, ESC = "\x1bn", "\x0e", "\x0f", "\x1b"


def test_a_draft_survives_a_kill(home: Path, serve: Serve) -> None:
    configure(home, serve())
    with open_app(home) as terminal:
        terminal.wait_for("Enter sends to lab")
        terminal.wait_until(lambda: stored(home, "SELECT 1 FROM sqlite_master WHERE name = 'draft'"))
        terminal.type(f"{ALT_N}never on disk")
        terminal.wait_for("never on disk")
        terminal.type(f"{CTRL_N}a thought that must not be lost")
        terminal.wait_until(lambda: stored(home, "SELECT text FROM draft") == [("a thought that must not be lost",)])
        terminal.process.kill()
        terminal.wait_for_exit()
    with sitting(home) as terminal:
        terminal.wait_for("│ a thought that must not be lost")
        terminal.type(", nor what follows")
        terminal.wait_for("lost, nor what follows")
    assert stored(home, "SELECT text FROM draft") == [("a thought that must not be lost, nor what follows",)]


CTRL_L, CTRL_R, CTRL_U, F2 = "\x0c", "\x12", "\x15", "\x1bOQ"


def test_nothing_typed_behind_a_key_is_lost_or_lands_elsewhere(home: Path, serve: Serve) -> None:
    """Each line is one write: what a paste without marks, a macro, an expect script or a fast typist sends."""
    configure(home, serve())
    with sitting(home) as terminal:
        terminal.type("wrong words" + CTRL_U + "a question\r" + "typed since")
        terminal.wait_for(lambda text: "│ typed since" in text and "to first token" in text)
        assert stored(home, "SELECT text FROM message WHERE role = 'user'") == [("a question",)]
        terminal.type(CTRL_U + F2 + CTRL_U + "A title" + "\r" + "and on")
        terminal.wait_for(lambda text: text.startswith("  A title") and "│ and on" in text)
        terminal.type(CTRL_L + "private\r" + " it goes")
        terminal.wait_for(
            lambda text: "private: your machines only" in text.split("\n")[0] and "and on it goes" in text
        )
        terminal.type(CTRL_U + "/rename Another\r" + CTRL_O + "Another\r" + "at last")
        terminal.wait_for(lambda text: text.startswith("  Another") and "│ at last" in text)


BREAKS = {
    "Ctrl+J": "\n",
    "Ctrl+J as kitty reports it": "\x1b[106;5u",
    "Shift+Enter as kitty reports it": "\x1b[13;2u",
    "Shift+Enter as xterm and newer tmux report it": "\x1b[27;2;13~",
    "Shift+Enter of the number pad": "\x1b[57414;2u",
    "Alt+Enter": "\x1b\r",
    "Alt+Enter as kitty reports it": "\x1b[13;3u",
    "Alt+Enter as xterm reports it": "\x1b[27;3;13~",
}


def test_lines_are_broken_by_whatever_a_terminal_sends(home: Path, serve: Serve) -> None:
    configure(home, serve())
    with sitting(home, rows=30) as terminal:
        terminal.type("".join(f"{number}{key}" for number, key in enumerate(BREAKS.values())) + "end")
        terminal.wait_for(lambda text: [f"│ {n}" for n in range(len(BREAKS))] == numbered(text) and "│ end" in text)
        terminal.type("\r")
        terminal.wait_for("to first token")
    (text,) = stored(home, "SELECT text FROM message WHERE role = 'user'")[0]
    assert text == "\n".join([*map(str, range(len(BREAKS))), "end"])


def numbered(text: str) -> list[str]:
    return re.findall(r"│ \d", text)


@pytest.mark.skipif(shutil.which("tmux") is None, reason="no tmux")
@pytest.mark.parametrize(
    ("extended", "key"), [("off", "C-j"), ("always", "C-j"), ("always", "S-Enter"), ("off", "M-Enter")]
)
def test_lines_are_broken_in_tmux(home: Path, serve: Serve, extended: str, key: str) -> None:
    configure(home, serve())
    tmux = Tmux(home.name + str(os.getpid()))
    try:
        program = f"HYBRIDCHAT_HOME={shlex.quote(str(home))} {shlex.quote(sys.executable)} -m hybridchat"
        tmux("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "sleep 100")
        tmux("set", "-s", "extended-keys", extended)
        tmux("respawn-pane", "-k", "-c", str(ROOT), program)
        tmux.wait_for(lambda text: "Enter sends to lab" in text)
        tmux("send-keys", "-l", "one")
        tmux.wait_for(lambda text: "│ one" in text)
        tmux("send-keys", key)
        tmux("send-keys", "-l", "two")
        tmux.wait_for(lambda text: "│ one" in text and "│ two" in text)
    finally:
        tmux("kill-server")


class Tmux:
    """A server of its own."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, *arguments: str) -> str:
        command = ["tmux", "-L", self._name, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False).stdout

    def wait_for(self, wanted: Callable[[str], bool]) -> None:
        until = time.monotonic() + DEADLINE_S
        while not wanted(shown := self("capture-pane", "-p")):
            assert time.monotonic() < until, f"the screen never showed it:\n{shown}"
            time.sleep(0.05)


ALT_D = "\x1bd"


def test_the_draft_in_an_editor_while_a_reply_goes_on(home: Path, serve: Serve, tmp_path: Path) -> None:
    """A full-screen one with the terminal to itself, then one that fails, then none."""
    configure(home, serve("--tokens", "40", "--tokens-per-s", "20"))
    editor, log = tmp_path / "editor", tmp_path / "log"
    editor.write_text(
        "#!/bin/sh\n"
        "printf '\\033[2J\\033[Hediting '; stty -a | grep -o -- '-\\?icanon'; cat \"$2\"; read words\n"
        f'[ "$words" = fail ] && exit 9; echo "$words" >> "$2"; echo "$2" >> {log}\n'
    )
    editor.chmod(0o700)
    with sitting(home, env={"VISUAL": f"{editor} -n", "TMPDIR": str(tmp_path)}) as terminal:
        terminal.type("a question\r")
        terminal.wait_for("A paragraph")
        terminal.type("first " + ALT_D)
        terminal.wait_for(lambda text: "editing icanon" in text and "first" in text)
        terminal.wait_until(lambda: stored(home, "SELECT 1 FROM usage WHERE outcome = 'ok'"))
        assert "to first token" not in terminal.text, "nothing is drawn over the editor"
        terminal.type("and second\n")
        terminal.wait_for(lambda text: "│ first and second" in text and "to first token" in text)
        terminal.wait_for(lambda text: "editing" not in text)
        assert not Path(log.read_text().strip()).parent.exists()
        terminal.type(ALT_D)
        terminal.wait_for("editing icanon")
        terminal.type("\x03fail\n")
        terminal.wait_for(lambda text: "ended with code" in " ".join(text.split()) and "│ first and second" in text)
    with sitting(home, env={"VISUAL": "/nowhere/vim"}) as terminal:
        terminal.type("kept" + ALT_D)
        terminal.wait_for(lambda text: "/nowhere/vim cannot be run" in text and "kept" in text)
