"""Two servers asked at once in the real program on a real terminal: blind, voted on, and gone on with."""

from __future__ import annotations

import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.test_compare_run import CONFIG
from tests.terminal.conftest import Serve
from tests.tui.terminal import Terminal

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal")

ALT_C, ESC, DOWN, CTRL_Q = "\x1bc", "\x1b", "\x1b[B", "\x11"


def test_asked_blind_voted_on_and_gone_on_with(home: Path, serve: Serve) -> None:
    local = serve("--tokens", "10", "--tokens-per-s", "500")
    managed = serve("--tokens", "10", "--tokens-per-s", "500")
    home.mkdir(mode=0o700)
    (home / "config.toml").write_text(CONFIG.format(local=local, managed=managed))
    with Terminal(env=dict(os.environ)) as terminal:
        terminal.wait_for("Enter sends to lab")
        terminal.type(f"why?{ALT_C}")
        terminal.wait_for("Space ticks 2 to 4")
        terminal.type(f" {DOWN}{DOWN} {DOWN} ")
        terminal.wait_for("Leaves your machines")
        terminal.type("\r")
        terminal.wait_for("Ask all 2 of them?")
        terminal.type("\r")
        terminal.wait_for("is better")
        shown = terminal.wait_for("answer B")
        assert "lab" not in shown and "rented" not in shown
        terminal.type(ESC)
        terminal.wait_for(lambda shown: "waits for your vote" in shown and "N shows the names" not in shown)
        terminal.type(ALT_C)
        terminal.wait_for("N shows the names")
        terminal.type("2")
        terminal.wait_for("your vote: B is better · voted blind")
        terminal.type("\r")
        terminal.wait_for("‹2/2›")
        terminal.type(CTRL_Q)
        assert terminal.wait_for_exit() == 0
    with closing(sqlite3.connect(home / "hybridchat.db")) as ledger:
        votes = ledger.execute("SELECT outcome, was_blind, a_position, b_position FROM votes").fetchall()
    assert votes == [("b", 1, 0, 1)]
