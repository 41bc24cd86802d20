"""Attaching in the real program, with real keys."""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path

import pytest

from tests.terminal.conftest import Serve
from tests.terminal.sitting import configure, sitting, stored
from tests.tui.terminal import Terminal

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


def test_a_megabyte_with_control_codes_is_confirmed_and_cleaned(home: Path, serve: Serve) -> None:
    configure(home, serve())
    evil = "words \x1b]52;c;aGk=\x07 \x1b[2J \x9b31m \x00 end\r"
    with sitting(home) as terminal:
        paste(terminal, evil * (1_000_000 // len(evil) + 1))
        terminal.wait_for("million characters in ")
        terminal.type("n")
        terminal.wait_for(lambda shown: "million characters" not in shown and "Write a message" in shown)
        paste(terminal, evil * (1_000_000 // len(evil) + 1))
        terminal.wait_for("million characters in ")
        terminal.type("y")
        terminal.wait_for("paste-1.txt")
        assert b"\x1b]52" not in terminal.raw
    ((kept,),) = stored(home, "SELECT data FROM content")
    assert isinstance(kept, bytes)
    assert not any(code in kept for code in (b"\x1b", b"\x07", b"\x00", b"\xc2\x9b"))


def paste(terminal: Terminal, text: str) -> None:
    """However much the terminal takes at a time; what the program draws meanwhile is read."""
    data = f"\x1b[200~{text}\x1b[201~".encode()
    while data:
        _, is_ready, _ = select.select([], [terminal.master], [], 0.05)
        data = data[os.write(terminal.master, data[:4096]) :] if is_ready else data
        terminal.read(0)
