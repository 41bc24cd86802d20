"""A ledger of 1 M attempts and 100,000 messages: writing to it, and what panels, statistics and search take from it."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hybridchat.ledger.store import Ledger, open_ledger
from scripts.benchmarks.history import begin_turn, ended
from scripts.benchmarks.measure import Row, median, percentile
from scripts.fill_ledger import fill
from tests.tui.terminal import HYBRIDCHAT

ATTEMPTS, MESSAGES = 1_000_000, 100_000
WRITES, READS, COMMANDS = 300, 40, 5
WANTED = ("ledger", "time to first token", "question 4711", "answer", "nowhere-to-be-found")


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "hybridchat.db")
        fill(path, ATTEMPTS, MESSAGES)
        ledger = open_ledger(path)
        yield from writes(ledger)
        yield from reads(ledger)
        ledger.close()
        yield stats(Path(folder))


def writes(ledger: Ledger) -> Iterator[Row]:
    """A turn's two commits; the first one waits for the disk (synchronous=FULL) before anything may be sent."""
    began_s, ended_s, parent_id, conversation_id = [], [], None, None
    for number in range(WRITES):
        start = time.perf_counter()
        ids = begin_turn(ledger, conversation_id, parent_id, f"Question {number}").result()
        began_s.append(time.perf_counter() - start)
        start = time.perf_counter()
        ledger.end_attempt(ended(ids, "An answer. " * 40)).result()
        ended_s.append(time.perf_counter() - start)
        conversation_id, parent_id = ids.conversation_id, ids.reply_message_id
    yield Row("ledger of 1 M: a turn begins, committed to disk, p95", percentile(began_s, 0.95) * 1000, "ms", 2, WRITES)
    yield Row("ledger of 1 M: an attempt ends, committed, p95", percentile(ended_s, 0.95) * 1000, "ms", 2, WRITES)


def reads(ledger: Ledger) -> Iterator[Row]:
    now = datetime.now(UTC).isoformat()
    newest = ledger.conversations(1).result()[0].id
    snapshot_ms = p95_ms([lambda: ledger.snapshot(newest, now, 0)] * READS)
    yield Row("ledger of 1 M: panel snapshot, p95", snapshot_ms, "ms", 20, READS)
    searches: list[Callable[[], Future[Any]]] = [lambda words=words: ledger.search(words) for words in WANTED]  # type: ignore[misc]
    yield Row("search of 100,000 messages, p95", p95_ms(searches * 8), "ms", 50, len(searches) * 8)


def stats(home: Path) -> Row:
    """The whole command, Python's start included."""
    times_s = []
    for _ in range(COMMANDS):
        start = time.monotonic()
        subprocess.run(
            [*HYBRIDCHAT, "stats", "--json"],
            env={**os.environ, "HYBRIDCHAT_HOME": str(home)},
            check=True,
            stdout=subprocess.DEVNULL,
        )
        times_s.append(time.monotonic() - start)
    return Row("`hybridchat stats`, whole command, ledger of 1 M", median(times_s), "s", 0.5, COMMANDS)


def p95_ms(calls: list[Callable[[], Future[Any]]]) -> float:
    times_s = []
    for call in calls:
        start = time.perf_counter()
        call().result()
        times_s.append(time.perf_counter() - start)
    return percentile(times_s, 0.95) * 1000
