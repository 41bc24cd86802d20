"""Conversations brought in and one taken out, with keys in a real terminal: what comes back home is already there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tui.terminal import Terminal
from tests.unit.importing import shapes
from tests.unit.ledger.helpers import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal")

CTRL_O, CTRL_P, CTRL_Q, CTRL_U, END, ENTER, ESCAPE = "\x0f", "\x10", "\x11", "\x15", "\x1b[F", "\r", "\x1b"


def hybridchat(home: Path, *arguments: str) -> str:
    environment = {**os.environ, "HYBRIDCHAT_HOME": str(home)}
    argv = [sys.executable, "-m", "hybridchat", *arguments]
    return subprocess.run(argv, env=environment, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def run_action(terminal: Terminal, title: str) -> None:
    terminal.type(CTRL_P)
    terminal.wait_for("Search for commands")
    terminal.type(title + ENTER)  # at once: it is done when it has been found


def test_in_and_out_and_home_again(home: Path, tmp_path: Path) -> None:
    export = tmp_path / "conversations.json"
    export.write_bytes(shapes.as_json([shapes.gpt_chat("c1", 2)]))
    home.mkdir(mode=0o700)
    (home / "config.toml").write_text('[[backend]]\nid = "lab"\nkind = "vllm"\nbase_url = "http://127.0.0.1:9"\n')
    with Terminal(env={"HYBRIDCHAT_HOME": str(home)}, columns=120, rows=40) as terminal:
        terminal.wait_for("Write a message")
        run_action(terminal, "Import conversations")
        terminal.wait_for("an export of ChatGPT")
        terminal.type(f"{export}{ENTER}")
        terminal.wait_for("added 1 new conversation, with 4 messages")
        terminal.type(ESCAPE)
        terminal.wait_for(lambda text: "added 1 new conversation" not in text)
        terminal.type(CTRL_O)
        terminal.wait_for("chat c1")
        terminal.type(ENTER)
        terminal.wait_for("gpt-4o · imported")
        run_action(terminal, "Export this chat")
        terminal.wait_for("JSON, with all branches")
        terminal.type(END + ENTER)  # the last one
        terminal.wait_for("~/00001-chat-c1.json")
        terminal.type(CTRL_U)
        terminal.wait_for(lambda text: "~/" not in text)
        terminal.type(f"{tmp_path / 'out.json'}{ENTER}")
        terminal.wait_for("Exported to")
        terminal.type(CTRL_Q)
        assert terminal.wait_for_exit() == 0
    assert json.loads(hybridchat(home, "import", str(tmp_path / "out.json"), "--json"))["already_here"] == 1
    assert json.loads(hybridchat(tmp_path / "other", "import", str(tmp_path / "out.json"), "--json"))["messages"] == 4
