"""The manual page says all that the tables know, in macros that every reader has."""

from __future__ import annotations

import re

from hybridchat.cli import app
from hybridchat.cli.manual import manual_page
from hybridchat.tui.actions import ACTIONS
from tests.unit.cli.test_app import every_command

PAGE = manual_page()


def test_every_command_and_key_is_in_it() -> None:
    headings = re.findall(r"^\.SS (.+)$", PAGE, re.MULTILINE)
    assert {" ".join(path) for path, _ in every_command(app.root)} <= set(headings)
    plain = PAGE.replace(r"\-", "-").replace(r"\(dq", '"').replace(r"\e", "\\")
    assert [
        action.id for action in ACTIONS if action.keys and f"{action.title.rstrip('…')}. {action.help}." not in plain
    ] == []


def test_no_text_is_taken_for_a_macro() -> None:
    macros = {line.split()[0] for line in PAGE.splitlines() if line.startswith((".", "'"))}
    assert macros == {".TH", ".SH", ".SS", ".TP", ".PP", ".B", ".nf", ".fi"}
