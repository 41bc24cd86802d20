"""Finding an old thing in the real program: typed, opened in its place, marked, stepped through."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from hybridchat.ledger.store import NewMarks, open_ledger
from tests.terminal.conftest import Serve
from tests.terminal.sitting import configure, open_app, sitting
from tests.unit.ledger.helpers import end_of, new_turn

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal")

ALT_O, CTRL_F, CTRL_U, DOWN, ESC = "\x1bo", "\x06", "\x15", "\x1b[B", "\x1b"


def write_conversations(home: Path) -> None:
    """A long one, an archived one, and one with two answers of which the first holds the word."""
    ledger = open_ledger(home / "hybridchat.db")
    number = parent = None
    for turn in range(200):
        ids = ledger.begin_turn(new_turn(f"question {turn}", conversation_id=number, parent_id=parent)).result()
        said = "a **needle** in it, needles too" if turn == 77 else "hay"
        ledger.end_attempt(end_of(ids, f"answer {turn}: {said}")).result()
        number, parent = ids.conversation_id, ids.reply_message_id
    old = ledger.begin_turn(new_turn("an old question")).result()
    ledger.end_attempt(end_of(old, "the xylophone answer")).result()
    other = ledger.begin_sibling(old.reply_message_id, new_turn().attempt).result()
    ledger.end_attempt(end_of(other, "another answer")).result()
    ledger.mark(old.conversation_id, NewMarks(archived=True, add_tags=("music",))).result()
    ledger.close()


def test_search_jump_and_find(home: Path, serve: Serve) -> None:
    configure(home, serve())
    write_conversations(home)
    with sitting(home) as terminal:
        terminal.type("a draft")
        terminal.wait_for("a draft")
        terminal.type(ALT_O)
        terminal.wait_for("Type to search everything")
        terminal.type("-hay needle")
        terminal.wait_for(lambda text: "answer 77" in text and "Nothing found" not in text)
        terminal.type("\r")
        terminal.wait_for(lambda text: "answer 77: a needle in it" in text and "1 of 2" in text)
        terminal.type(CTRL_F)
        terminal.type("needles")
        terminal.wait_for("1 of 1")
        terminal.type("\x7f")
        terminal.wait_for("2 of 2")
        terminal.type(DOWN)
        terminal.wait_for("1 of 2")
        terminal.type(ESC)
        terminal.wait_for(lambda text: "1 of 2" not in text and "answer 77" in text)
        terminal.type(ALT_O)
        terminal.wait_for("Search everything")
        terminal.wait_for("-hay needle")  # where one was
        terminal.type(CTRL_U)
        terminal.wait_for("Type to search everything")
        terminal.type("tag:music xylophone")
        terminal.wait_for("the xylophone answer")
        terminal.type("\r")  # to the first of two answers: on the branch that was not shown
        terminal.wait_for(lambda text: "the xylophone answer" in text and "1 of 1" in text)
    with open_app(home, "search", "--json", "needle", "before:today") as terminal:
        terminal.wait_for("]")
        assert terminal.wait_for_exit() == 0
        assert json.loads(terminal.text) == []
