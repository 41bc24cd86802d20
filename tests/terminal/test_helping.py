"""Help with real keys: the page of what can be done here, a hint that goes for good, and help in a dialog."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.terminal.conftest import Serve
from tests.terminal.sitting import configure, sitting

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal")

F1, ESC, CTRL_O, TAB = "\x1bOP", "\x1b", "\x0f", "\t"


def test_a_hint_goes_for_good_and_help_is_where_one_is(home: Path, serve: Serve) -> None:
    configure(home, serve("--tokens-per-s", "500"))
    with sitting(home) as terminal:
        terminal.type("hello\r")
        terminal.wait_for("tip: F5 copies the code · Esc puts this away")
        terminal.type(ESC)
        terminal.wait_for(lambda text: "tip: " not in text and "to first token" in text)
        terminal.wait_until((home / "hints.json").exists)
        terminal.type("?")
        terminal.wait_for("│ ?")  # a question begins with what it likes
        terminal.type(F1)
        terminal.wait_for("type to find it")
        terminal.type("incognito")
        terminal.wait_for("› Alt+N")
        terminal.type("\r")
        terminal.wait_for("Rented models still get your words")
        terminal.type(CTRL_O)
        terminal.wait_for("Enter opens")
        terminal.type(F1)
        terminal.wait_for("Go through the rows")
        terminal.type(F1)
        terminal.wait_for(lambda text: "Enter opens" in text and "Go through the rows" not in text)
        terminal.type(ESC)
        terminal.wait_for(lambda text: "Enter opens" not in text)
    assert json.loads((home / "hints.json").read_text()).keys() == {"copy_code"}
    with sitting(home, "-c") as terminal:
        terminal.wait_for("to first token")
        terminal.type("again\r")
        terminal.wait_for(lambda text: text.count("to first token") > 0 and "again" in text)
        assert "F5 copies" not in terminal.text
