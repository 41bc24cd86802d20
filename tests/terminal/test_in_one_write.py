"""Keys and words in one write, as a macro, an expect script or a fast typist sends them, land where they are meant."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hybridchat.ledger.store import open_ledger
from tests.terminal.conftest import Serve
from tests.terminal.sitting import configure, sitting, stored
from tests.unit.ledger.helpers import end_of, new_turn

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal")

CTRL_O, CTRL_P, CTRL_S, CTRL_U, F6, F7, F12 = "\x0f", "\x10", "\x13", "\x15", "\x1b[17~", "\x1b[18~", "\x1b[24~"
ALT_C, ALT_O, ALT_P, ALT_Q, ESC, DOWN = "\x1bc", "\x1bo", "\x1bp", "\x1bq", "\x1b", "\x1b[B"
CODE = "```sh\necho one\n```\n\nand\n\n```py\nprint('two')\n```\n"
PROMPT = "Say it in a {{one}} and {{other}} tone:"


def write_chats(home: Path) -> None:
    ledger = open_ledger(home / "hybridchat.db")
    for question, reply in (("about otters", "They hold hands."), ("about owls", "They turn heads."), ("code", CODE)):
        ids = ledger.begin_turn(new_turn(question)).result()
        ledger.end_attempt(end_of(ids, reply)).result()
    ledger.close()


def test_a_list_does_what_all_the_words_find(home: Path, serve: Serve) -> None:
    configure(home, serve())
    write_chats(home)
    with sitting(home) as terminal:
        terminal.type(CTRL_O + "otters\r" + "in the first")
        terminal.wait_for(lambda text: "They hold hands." in text and "│ in the first" in text)
        terminal.type(CTRL_U + ALT_O + "about owls\r" + "in the second")
        terminal.wait_for(lambda text: "They turn heads." in text and "│ in the second" in text)
        terminal.type(CTRL_U + ALT_P + "otters\r" + ", please")
        terminal.wait_for("│ about otters, please")
        terminal.type(CTRL_U + CTRL_P + "rename this\r" + CTRL_U + "Night birds\r" + "there")
        terminal.wait_for(lambda text: text.startswith("  Night birds") and "│ there" in text)
        terminal.type(CTRL_U + F6 + "hybrid-light\r" + "in the light")
        terminal.wait_for("│ in the light")
        terminal.wait_until(lambda: "hybrid-light" in (home / "config.toml").read_text())


def test_a_form_is_filled_in(home: Path, serve: Serve, tmp_path: Path) -> None:
    configure(home, serve())
    write_chats(home)
    (home / "prompts").mkdir()
    (home / "prompts" / "say.md").write_text(PROMPT)
    file = tmp_path / "two.py"
    with sitting(home) as terminal:
        terminal.type(ALT_Q + "say\r" + CTRL_U + "kind\t" + "calm\r" + " more")
        terminal.wait_for("│ Say it in a kind and calm tone: more")
        terminal.type(CTRL_U + F12 + "Be brief.\t" + CTRL_S + "a draft")
        terminal.wait_for(lambda text: "tuned" in text.split("\n")[0] and "│ a draft" in text)
        terminal.type(CTRL_U + CTRL_O + "code\r")
        terminal.wait_for("print('two')")  # what is in sight has a number
        terminal.type(F7 + "s2" + CTRL_U + f"{file}\r")
        terminal.wait_until(file.exists)
        assert file.read_text() == "print('two')\n"
        terminal.type("i" + "and more")
        terminal.wait_for("│ and more")


def test_names_are_completed(home: Path, serve: Serve, tmp_path: Path) -> None:
    configure(home, serve())
    (tmp_path / "figures.csv").write_text("month,sum\n")
    with sitting(home) as terminal:
        terminal.type(f"compare @{tmp_path}/fig\r" + "and explain")
        terminal.wait_for(lambda text: "Attached" in text and "and explain" in text)
        terminal.type("\r" + "typed since")
        terminal.wait_for(lambda text: "to first token" in text and "│ typed since" in text)
    (text,) = stored(home, "SELECT text FROM message WHERE role = 'user'")[0]
    assert text == f"compare @{tmp_path}/figures.csv and explain"


def test_a_comparison_is_asked_for(home: Path, serve: Serve) -> None:
    """Words behind Alt and a letter, more than any sequence of a key has."""
    configure(home, serve())
    write_chats(home)
    with sitting(home) as terminal:
        terminal.type("which of them?" + ALT_C + DOWN + ESC)
        terminal.wait_for("│ which of them?")
        terminal.type(ALT_C + "nothing-of-this-is-lost,or-in-another-place,long-as-it-is")
        terminal.wait_for("nothing-of-this-is-lost,or-in-another-place,long-as-it-is")
        assert "│ which of them?  " in terminal.text
