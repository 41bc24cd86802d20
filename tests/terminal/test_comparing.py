"""Two servers asked at once in the real program on a real terminal: blind, voted on, and gone on with."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.fakes.configs import lab, rented, write_config
from tests.terminal.conftest import Serve
from tests.terminal.sitting import sitting, stored

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal")

ALT_C, ESC, DOWN = "\x1bc", "\x1b", "\x1b[B"


def test_asked_blind_voted_on_and_gone_on_with(home: Path, serve: Serve) -> None:
    local = serve("--tokens", "10", "--tokens-per-s", "500")
    managed = serve("--tokens", "10", "--tokens-per-s", "500")
    write_config(home, lab(local), rented(managed))
    with sitting(home, columns=120, rows=40) as terminal:
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
    votes = stored(home, "SELECT outcome, was_blind, a_position, b_position FROM votes")
    assert votes == [("b", 1, 0, 1)]
