"""The first minutes in a real terminal: what is found and written, what is copied, what the demo leaves."""

from __future__ import annotations

import base64
import os
from pathlib import Path

from hybridchat.config import load_config
from hybridchat.ledger.store import open_ledger
from tests.tui.terminal import Terminal

DOWN = "\x1b[B"


def pointed_at(screen: str) -> str:
    return screen.partition("› ")[2].partition("\n")[0]


def test_the_environment_is_offered_by_name_and_added_by_its_own_yes(home: Path) -> None:
    env = {"HYBRIDCHAT_HOME": str(home), "OPENAI_API_KEY": "sk-canary", "OLLAMA_HOST": "gpu.example:11434"}
    with Terminal(env=env, columns=80, rows=40) as terminal:
        terminal.wait_for("gpu.example:11434")
        screen = terminal.wait_for("OPENAI_API_KEY")
        assert "[ ] openai" in screen and "[ ] ollama-host" in screen
        assert not (home / "config.toml").exists()
        while "› [ ] openai" not in terminal.text:
            before = pointed_at(terminal.text)
            terminal.type(DOWN)
            terminal.wait_for(lambda text, before=before: pointed_at(text) != before)
        terminal.type(" ")
        terminal.wait_for("[x] openai")
        terminal.type("\r")
        terminal.wait_for("Write a message")
        terminal.type("\x11")
        assert terminal.wait_for_exit() == 0
        assert b"sk-canary" not in terminal.raw
    config, problems = load_config(home / "config.toml")
    assert problems == []
    ids = {backend.id for backend in config.backend}
    assert "openai" in ids and "ollama-host" not in ids


def test_the_demo_copies_a_reply_and_leaves_the_ledger_alone(home: Path, tmp_path: Path) -> None:
    """Copied twice: by OSC 52 through the terminal, and by the system's program."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "xclip").write_text('#!/bin/sh\ncd "$(dirname "$0")" && cat >part && mv part copied\n')
    (programs / "xclip").chmod(0o700)
    display = {"DISPLAY": ":0", "WAYLAND_DISPLAY": "", "PATH": f"{programs}:{os.environ['PATH']}"}
    ledger = open_ledger(home / "hybridchat.db")
    ledger.conversations().result()
    ledger.close()
    before = {file.name: file.read_bytes() for file in home.iterdir() if file.is_file()}
    with Terminal(["demo"], env={"HYBRIDCHAT_HOME": str(home), **display}) as terminal:
        terminal.wait_for("Enter sends to simulated-local")
        terminal.type("hello\r")
        terminal.wait_for("to first token")
        terminal.type("\x19")  # copy the last reply
        terminal.wait_until(lambda: b"\x07" in terminal.raw.partition(b"\x1b]52;c;")[2])
        copied = terminal.raw.partition(b"\x1b]52;c;")[2].partition(b"\x07")[0]
        assert base64.b64decode(copied).decode().startswith("## Simulated reply")
        terminal.wait_until((programs / "copied").exists)
        assert (programs / "copied").read_bytes() == base64.b64decode(copied)
        terminal.type("\x11")
        assert terminal.wait_for_exit() == 0
    assert {file.name: file.read_bytes() for file in home.iterdir() if file.is_file()} == before
