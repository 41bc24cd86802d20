"""The program in front of somebody who has one server."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from tests.fakes.configs import lab, write_config
from tests.tui.terminal import Terminal

CTRL_Q = "\x11"
ENDLESS = ("--tokens", "1000000")  # a reply that is ended from outside, however long that takes


def configure(home: Path, url: str, more: str = "") -> None:
    write_config(home, lab(url), more)


def open_app(
    home: Path, *arguments: str, env: Mapping[str, str] | None = None, columns: int = 80, rows: int = 24
) -> Terminal:
    return Terminal(arguments, env={"HYBRIDCHAT_HOME": str(home), **(env or {})}, columns=columns, rows=rows)


@contextmanager
def sitting(
    home: Path, *arguments: str, env: Mapping[str, str] | None = None, columns: int = 80, rows: int = 24
) -> Iterator[Terminal]:
    """From the moment at which one can type until it is left with Ctrl+Q."""
    with open_app(home, *arguments, env=env, columns=columns, rows=rows) as terminal:
        terminal.wait_for("Enter sends to lab")
        yield terminal
        terminal.type(CTRL_Q)
        assert terminal.wait_for_exit() == 0


def stored(home: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(home / "hybridchat.db")) as ledger:
        return ledger.execute(query).fetchall()
