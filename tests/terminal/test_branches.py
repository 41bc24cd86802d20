"""The tree in the real program, by its keys: edited, answered again, jumped in, forked, deleted and taken back."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import pytest

from tests.terminal.conftest import Serve
from tests.terminal.sitting import configure, open_app, sitting
from tests.unit.ledger.helpers import query

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal")

CTRL_N, CTRL_O = "\x0e", "\x0f"
ALT_R, ALT_U, ALT_V, F9, ESC = "\x1br", "\x1bu", "\x1bv", "\x1b[20~", "\x1b"


def answered(question: str, replies: int, shown: str) -> bool:
    """So many are counted, and nothing runs any more."""
    _, is_there, after = shown.rpartition(f"▌ {question}\n")
    return bool(is_there) and f"local {replies} " in shown and "to first token" in after and "Enter sends to" in after


def test_a_tree_grows_and_is_cut(home: Path, serve: Serve) -> None:
    configure(home, serve())
    with sitting(home, rows=40) as terminal:
        for replies, text in enumerate(("alpha", "beta"), 1):
            terminal.type(f"{text}\r")
            terminal.wait_for(partial(answered, text, replies))
        terminal.type("a draft")
        terminal.wait_for("a draft")
        terminal.type(ALT_U)
        terminal.wait_for("Other words for your message 2 of 2 · Esc leaves it: “beta”")
        terminal.type(" gamma\r")
        terminal.wait_for(lambda shown: "‹2/2› you" in shown and "a draft" in shown)
        terminal.wait_for(partial(answered, "beta gamma", 3))
        terminal.type(ALT_R)
        terminal.wait_for("Answer again, by")
        terminal.type("\r")
        terminal.wait_for(lambda shown: "‹2/2› lab" in shown and answered("beta gamma", 4, shown))
        terminal.type(ALT_V)
        terminal.wait_for(lambda shown: "7 messages, 3 branches" in shown and "├─○ you   ‹1/2› beta" in shown)
        terminal.type("beta\x1b[A\x1b[A\x1b[A\x1b[A")
        terminal.wait_for("› ├─○ you   ‹1/2› beta")
        terminal.type("\r")
        terminal.wait_for(lambda shown: "‹1/2› you" in shown and "‹2/2› beta gamma" in shown)
        terminal.type("x")
        terminal.wait_for(lambda shown: "2 messages deleted" in shown and "beta gamma" in shown)
        terminal.type(F9)
        terminal.wait_for("‹1/2› you")
        terminal.type(ALT_V)
        terminal.wait_for("7 messages, 3 branches")
        terminal.type(ESC)
        terminal.wait_for(lambda shown: "7 messages" not in shown)
        terminal.type("b")
        terminal.wait_for("alpha (forked)")
    path = home / "hybridchat.db"
    assert query(path, "SELECT count(*) FROM message WHERE conversation_id = 1") == [(7,)]
    assert query(path, "SELECT count(*) FROM deleted_message") == [(0,)]
    assert query(
        path, "SELECT title, (SELECT count(*) FROM message m WHERE m.conversation_id = c.id) FROM conversation c"
    ) == [
        ("alpha", 7),
        ("alpha (forked)", 3),
    ]


def test_a_reply_goes_on_elsewhere_and_the_list_says_what_runs_and_what_is_new(home: Path, serve: Serve) -> None:
    configure(home, serve("--tokens-per-s", "4", "--tokens", "30"))
    with sitting(home, rows=40) as terminal:
        terminal.type("slow one\r")
        terminal.wait_for("A heading")
        terminal.type(CTRL_N)
        terminal.wait_for(lambda shown: "A heading" not in shown)
        terminal.type(CTRL_O)
        terminal.wait_for(lambda shown: "slow one" in shown and "running" in shown)
        terminal.wait_for(lambda shown: "1 new reply" in shown and "running" not in shown)
        terminal.type(ESC)
        terminal.wait_for("1 new reply elsewhere")
    with sitting(home, rows=40) as terminal:
        terminal.type(CTRL_O)
        terminal.wait_for("1 new reply")
        terminal.type("\r")
        terminal.wait_for("to first token")
        terminal.type(CTRL_O)
        terminal.wait_for(lambda shown: "Type to filter" in shown and "new reply" not in shown)
        terminal.type(ESC)
        terminal.wait_for(lambda shown: "Type to filter" not in shown)


DEEDS = {
    "edit": (ALT_U, "Other words for", " more\r"),
    "answer again": (ALT_R, "Answer again, by", "\r"),
    "fork": ("/fork", "│ /fork", "\r"),
    "delete": ("/delete-branch", "│ /delete-branch", "\r"),
    "undo": ("/delete-branch\r", "1 message deleted", F9),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_a_kill_in_the_middle_leaves_whole_trees(home: Path, serve: Serve, deed: str) -> None:
    """What is done last before kill -9 is there as a whole or not at all, and nothing else has changed."""
    configure(home, serve("--tokens-per-s", "40", "--tokens", "12"))
    path = home / "hybridchat.db"
    with sitting(home) as terminal:
        for replies, text in enumerate(("alpha", "beta"), 1):
            terminal.type(f"{text}\r")
            terminal.wait_for(partial(answered, text, replies))
    messages = "SELECT id, conversation_id, parent_id, text FROM message"
    before = set(query(path, messages))
    lead, shown, key = DEEDS[deed]
    with open_app(home, "-c") as terminal:
        terminal.wait_for("▌ beta")
        terminal.wait_for("Enter sends to lab")
        terminal.type(lead)
        terminal.wait_for(shown)
        terminal.type(key)
        terminal.read()
        terminal.process.kill()
    with sitting(home, "-c"):
        pass
    after = set(query(path, messages))
    gone = {number for number, *_ in before - after}
    assert gone <= ({4} if deed in ("delete", "undo") else set())
    assert query(path, "SELECT count(*) FROM message WHERE parent_id NOT IN (SELECT id FROM message)") == [(0,)]
    assert query(path, "SELECT count(*) FROM message WHERE state = 'streaming'") == [(0,)]
    assert query(path, "SELECT count(*) FROM deleted_message") == [(0,)]
    assert query(path, "SELECT count(*) FROM conversation WHERE active_leaf_id NOT IN (SELECT id FROM message)") == [
        (0,)
    ]
    assert query(path, "PRAGMA integrity_check") == [("ok",)]
