"""Attaching in the real program, with real keys."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.terminal.conftest import Serve
from tests.terminal.sitting import configure, sitting, stored

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal")

ALT_J, ESC, PASTE = "\x1bj", "\x1b", "\x1b[200~{}\x1b[201~"


def test_a_file_and_a_paste_go_along_and_are_there_again(home: Path, serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "figures.csv").write_text("month,sum\nMay,12\n" * 40)
    configure(home, serve())
    with sitting(home) as terminal:
        terminal.type(f"compare @{tmp_path}/fig")
        terminal.wait_for("figures.csv")
        terminal.type("\r")
        terminal.wait_for("Attached")
        terminal.type(PASTE.format("".join(f"row {n}\r" for n in range(200))))
        terminal.wait_for("@paste-1.txt")
        terminal.type(ALT_J)
        terminal.wait_for("Attachments")
        terminal.type("paste\r")
        terminal.wait_for("Open it")
        terminal.type("\r")
        terminal.wait_for("/ finds")
        terminal.type("/199")
        terminal.wait_for(lambda text: "1 of 1" in text and "row 199" in text)
        terminal.type(ESC)
        terminal.wait_for(lambda text: "1 of 1" not in text)
        terminal.type(ESC)
        terminal.wait_for("Enter sends to lab")
        terminal.type("\r")
        terminal.wait_for(lambda text: "to first token" in text and "Attached" not in text)
    rows = stored(home, "SELECT name, media_type, size_bytes FROM attachment ORDER BY id")
    assert rows == [("figures.csv", "text/plain", 680), ("paste-1.txt", "text/plain", len("row \n") * 200 + 490)]
    with sitting(home) as terminal:
        terminal.type("\x0f")
        terminal.wait_for("compare")
        terminal.type("\r")
        terminal.wait_for("to first token")
        terminal.type(ALT_J)
        terminal.wait_for(lambda text: "figures.csv · 680 bytes" in text and "paste-1.txt" in text)
        terminal.type(ESC)
        terminal.wait_for("Enter sends to lab")
