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
