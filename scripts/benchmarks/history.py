"""Opening a conversation of 5,000 messages from the list of chats."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from hybridchat.ledger.store import open_ledger
from scripts.benchmarks.measure import Row, median, memory_mb
from scripts.benchmarks.program import CTRL_O, ENTER, home_for, running, settle
from scripts.benchmarks.server import PacedServer, markdown_tokens
from scripts.fill_ledger import finish, new_turn

MESSAGES = 5_000
RUNS = 5
LAST_WORD = "thelastword"


def rows() -> Iterator[Row]:
    with PacedServer() as server, home_for(server) as home:
        write_conversation(home)
        opened_s, grown_mb = zip(*(open_it(home) for _ in range(RUNS)), strict=True)
        yield Row(f"opens a conversation of {MESSAGES:,} messages", median(opened_s), "s", 0.3, RUNS)
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


def write_conversation(home: Path) -> None:
    ledger = open_ledger(home / "hybridchat.db")
    reply = "".join(markdown_tokens(120, "w"))
    conversation_id = parent_id = None
    for number in range(MESSAGES // 2):
        ids = ledger.begin_turn(new_turn(conversation_id, parent_id)).result()
        finish(ledger, ids, reply + (LAST_WORD if number == MESSAGES // 2 - 1 else ""))
        conversation_id, parent_id = ids.conversation_id, ids.reply_message_id
    ledger.close()
