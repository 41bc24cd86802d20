"""Writing in the real program, with real keys."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.terminal.conftest import Serve
from tests.terminal.sitting import configure, open_app, sitting, stored

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
        terminal.wait_for(lambda text: "private: your machines only" in text.split("\n")[0] and "and on it goes" in text)
        terminal.type(CTRL_U + "/rename Another\r" + CTRL_O + "Another\r" + "at last")
        terminal.wait_for(lambda text: text.startswith("  Another") and "│ at last" in text)
