"""Opening a conversation of 5,000 messages from the list of chats, and from a search."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from hybridchat.ledger.store import open_ledger
from scripts.benchmarks.measure import Row, median, memory_mb
from scripts.benchmarks.program import ALT_O, CTRL_O, ENTER, home_for, running, settle
from scripts.benchmarks.server import PacedServer, markdown_tokens
from scripts.fill_ledger import finish
from tests.unit.ledger.helpers import new_turn

MESSAGES = 5_000
RUNS = 5
LAST_WORD, OLD_WORD = "thelastword", "theoldword"
OLD_TURN = 1_000


def rows() -> Iterator[Row]:
    with PacedServer() as server, home_for(server) as home:
        write_conversation(home)
        opened_s, grown_mb = zip(*(open_it(home) for _ in range(RUNS)), strict=True)
        yield Row(f"opens a conversation of {MESSAGES:,} messages", median(opened_s), "s", 0.3, RUNS)
        jumped_s = [jump(home) for _ in range(RUNS)]
        yield Row(f"from a hit to its message among {MESSAGES:,}", median(jumped_s), "s", 0.3, RUNS)
        yield Row(f"memory for {MESSAGES:,} messages", median(grown_mb), "MB", 60, RUNS)


def open_it(home: Path) -> tuple[float, float]:
    """Seconds from choosing it in the list to its last word on the screen, and how much the process grew."""
    with running(home) as terminal:
        settle(terminal)
        terminal.type(CTRL_O)
        settle(terminal)
        before_mb = memory_mb(terminal.process.pid)
        start = time.monotonic()
        terminal.type(ENTER)
        terminal.wait_for(LAST_WORD)
        shown_at = terminal.chunks[-1].at
        settle(terminal)
        return shown_at - start, memory_mb(terminal.process.pid) - before_mb


def jump(home: Path) -> float:
    """Seconds from choosing a hit in the search to its message on the screen, with the words marked."""
    with running(home) as terminal:
        settle(terminal)
        terminal.type(ALT_O)
        settle(terminal)
        terminal.type(OLD_WORD)
        terminal.wait_for("reply")
        settle(terminal)
        start = time.monotonic()
        terminal.type(ENTER)
        terminal.wait_for("1 of 1")
        return terminal.chunks[-1].at - start


def write_conversation(home: Path) -> None:
    ledger = open_ledger(home / "hybridchat.db")
    reply = "".join(markdown_tokens(120, "w"))
    conversation_id = parent_id = None
    marks = {OLD_TURN: f" {OLD_WORD}", MESSAGES // 2 - 1: LAST_WORD}
    for number in range(MESSAGES // 2):
        ids = ledger.begin_turn(new_turn(conversation_id=conversation_id, parent_id=parent_id)).result()
        finish(ledger, ids, reply + marks.get(number, ""))
        conversation_id, parent_id = ids.conversation_id, ids.reply_message_id
    ledger.close()
