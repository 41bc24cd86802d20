"""Opening a conversation of 5,000 messages from the list of chats and from a search; going to and fro between two."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from hybridchat.ledger.store import open_ledger
from scripts.benchmarks.measure import Row, median, memory_mb, percentile
from scripts.benchmarks.program import ALT_O, BLINK_FREE_S, CTRL_O, DOWN, ENTER, UP, home_for, running, settle
from scripts.benchmarks.server import PacedServer, markdown_tokens
from scripts.fill_ledger import finish
from tests.unit.ledger.helpers import new_turn

MESSAGES = 5_000
RUNS = 5
SWITCHES = 20
LAST_WORD, OTHER_LAST_WORD, OLD_WORD = "thelastword", "theotherslastword", "theoldword"
OLD_TURN = 1_000


def rows() -> Iterator[Row]:
    with PacedServer() as server, home_for(server) as home:
        write_conversation(home, OTHER_LAST_WORD)
        write_conversation(home, LAST_WORD)  # the newest, which the list shows first
        opened_s, grown_mb = zip(*(open_it(home) for _ in range(RUNS)), strict=True)
        yield Row(f"opens a conversation of {MESSAGES:,} messages", median(opened_s), "s", 0.3, RUNS)
        jumped_s = [jump(home) for _ in range(RUNS)]
        yield Row(f"from a hit to its message among {MESSAGES:,}", median(jumped_s), "s", 0.3, RUNS)
        switched_s = switch(home)
        what = f"switches between two conversations of {MESSAGES:,} messages"
        yield Row(f"{what}, p95", percentile(switched_s, 0.95) * 1000, "ms", 100, SWITCHES)
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


def switch(home: Path) -> list[float]:
    """Seconds from choosing the other of two open conversations in the list to its last word on the screen."""
    took_s: list[float] = []
    with running(home) as terminal:
        settle(terminal, BLINK_FREE_S)
        for number in range(SWITCHES + 2):  # the first two open them
            terminal.type(CTRL_O)
            settle(terminal, BLINK_FREE_S)
            terminal.type(DOWN if number % 2 else UP)  # from the one that is open; at the top, Up is lost
            settle(terminal, BLINK_FREE_S)
            start = time.monotonic()
            terminal.type(ENTER)
            terminal.wait_for(OTHER_LAST_WORD if number % 2 else LAST_WORD)
            took_s.append(terminal.chunks[-1].at - start)
            settle(terminal, BLINK_FREE_S)
    return took_s[2:]


def write_conversation(home: Path, last_word: str) -> None:
    ledger = open_ledger(home / "hybridchat.db")
    reply = "".join(markdown_tokens(120, "w"))
    conversation_id = parent_id = None
    marks = {OLD_TURN: f" {OLD_WORD}" if last_word == LAST_WORD else "", MESSAGES // 2 - 1: last_word}
    for number in range(MESSAGES // 2):
        ids = ledger.begin_turn(new_turn(conversation_id=conversation_id, parent_id=parent_id)).result()
        finish(ledger, ids, reply + marks.get(number, ""))
        conversation_id, parent_id = ids.conversation_id, ids.reply_message_id
    ledger.close()
