"""Themes, keys and notifications on a real pseudo-terminal."""

from __future__ import annotations

from pathlib import Path

from tests.terminal.conftest import Serve
from tests.terminal.sitting import configure, open_app

FOCUS_OUT = "\x1b[O"
SEA = 'background = "#0f1c24"\nforeground = "#e4e0d4"\nprimary = "#7cc4d8"\n'


def test_a_long_reply_that_ends_out_of_sight_is_told_to_the_terminal(home: Path, serve: Serve) -> None:
    configure(home, serve("--tokens-per-s", "100"), '[notify]\nmessage = "osc9"\nsound = true\nafter_s = 0.01\n')
    with open_app(home) as terminal:
        terminal.wait_for("Enter sends to lab")
        terminal.type(f"a question\r{FOCUS_OUT}")
        terminal.wait_for("to first token")
        terminal.wait_for(lambda _: b"\x1b]9;hybridchat: lab has answered after " in terminal.raw)
        told = terminal.raw.split(b"\x1b]9;hybridchat: ")[1]
        assert told.partition(b"\x1b\\")[2].startswith(b"\a")
        terminal.type("\x11")
        assert terminal.wait_for_exit() == 0


def test_vims_keys_and_a_theme_that_is_edited_beside_the_chat(home: Path, serve: Serve) -> None:
    configure(home, serve("--tokens-per-s", "500"), '[ui]\nkeymap = "vim"\ntheme = "sea"\n')
    theme = home / "themes" / "sea.toml"
    theme.parent.mkdir()
    theme.write_text(SEA)
    (home / "keymap.toml").write_text('new_chats = "f12"\n')
    with open_app(home, columns=120, rows=40) as terminal:
        terminal.wait_for("new_chats: there is no such action")
        terminal.wait_for("Enter sends to lab")
        terminal.type("jk\r")
        terminal.wait_for("to first token")
        terminal.type("\x1b")
        theme.write_text(SEA.replace("#7cc4d8", "#7cc4d"))
        terminal.wait_for("primary: '#7cc4d' is no colour")
        theme.write_text(SEA.replace("#0f1c24", "#101010"))
        terminal.wait_for("The theme sea is drawn as its file is now.")
        terminal.type(":")
        terminal.wait_for("Search for commands")
        terminal.type("\x1b")
        terminal.wait_for(lambda text: "Search for commands" not in text)
        terminal.type("\x11")
        assert terminal.wait_for_exit() == 0
