"""Reading in the real program: pointing, code by number, to a file and through a command, and a reply's details."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from hybridchat.ledger.store import open_ledger
from tests.terminal.conftest import Serve
from tests.terminal.sitting import configure, open_app, sitting
from tests.unit.ledger.helpers import end_of, new_turn

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal")

CTRL_UP, F7, ESC = "\x1b[1;5A", "\x1b[18~", "\x1b"
TWO_BLOCKS = "First:\n\n```sh\necho one\n```\n\nsecond:\n\n```py\nprint('two')\n```\n"


def write_conversation(home: Path) -> None:
    ledger = open_ledger(home / "hybridchat.db")
    ids = ledger.begin_turn(new_turn("show me both")).result()
    ledger.end_attempt(end_of(ids, TWO_BLOCKS)).result()
    ledger.close()


def test_code_by_its_number_and_a_replys_details(home: Path, serve: Serve, tmp_path: Path) -> None:
    configure(home, serve())
    write_conversation(home)
    file = tmp_path / "two.py"
    with sitting(home, "-c", env={"SHELL": "/bin/sh", "OPENAI_API_KEY": "a-key-of-mine"}) as terminal:
        terminal.wait_for("print('two')")
        terminal.type(CTRL_UP)
        terminal.wait_for("█ lab")
        terminal.type(F7)
        terminal.type("s")
        terminal.wait_for("Save which code block? 1–2")
        terminal.type("2")
        terminal.wait_for("Save to which file?")
        terminal.wait_for("~/code.py")
        terminal.type(str(file))  # instead of that, which is selected
        terminal.wait_for("/two.py")
        terminal.type("\r")
        terminal.wait_until(file.exists)
        assert file.read_text(encoding="utf-8") == "print('two')\n"
        terminal.type("|")
        terminal.wait_for("Pipe which code block?")
        terminal.type("1")
        terminal.wait_for("It goes to /bin/sh -c")
        terminal.wait_for("such as: sort | head")
        terminal.type('sh; echo "[$OPENAI_API_KEY]" >&2; exit 4\r')
        terminal.wait_for("Exit code 4")
        terminal.wait_for(lambda text: "one" in text and "[]" in text)
        terminal.type(ESC)
        terminal.wait_for(lambda text: "Exit code" not in text)
    with sitting(home, "-c") as terminal:
        terminal.wait_for("print('two')")
        terminal.type("and one more\r")
        terminal.wait_for("48 tokens")  # at its end
        terminal.type(F7)
        terminal.type("d")
        terminal.wait_for("Details of this reply")
        terminal.wait_for("first token")
        terminal.type("\x1b[F")
        terminal.wait_for('"stream": true')
        terminal.type(ESC)
        terminal.wait_for(lambda text: "Details of this reply" not in text)
        terminal.type("q")
        terminal.wait_for("│ > ")
    with open_app(home, "show", "1", "--details", "--json", columns=400, rows=400) as terminal:
        assert terminal.wait_for_exit() == 0
        first, second = json.loads(terminal.text)
        assert first["attempts"][0]["request"] is None
        assert second["attempts"][0]["request"]["is_exact"]
