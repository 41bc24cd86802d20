"""A ledger of 1 M attempts and 100,000 messages: writing to it, and what panels, statistics and search take from it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from scripts.benchmarks.measure import Row, median, percentile
from scripts.benchmarks.program import ALT_O, BLINK_FREE_S, ESCAPE, HYBRIDCHAT, home_for, running, settle
from scripts.benchmarks.server import PacedServer
from scripts.fill_ledger import fill, measure

ATTEMPTS, MESSAGES = 1_000_000, 100_000
COMMANDS = 5
LETTERS = "lrmtnksv" * 3  # each begins words of most messages
CLEARS = "\x15"  # the line that is typed in


def rows() -> Iterator[Row]:
    with PacedServer() as server, home_for(server) as home:
        path = home / "hybridchat.db"
        fill(path, ATTEMPTS, MESSAGES)
        took = measure(path)
        yield Row("ledger of 1 M attempts: append and commit, p95", took["append_commit_p95_ms"], "ms", 2)
        yield Row("ledger of 1 M attempts: panel snapshot", took["snapshot_ms"], "ms", 20)
        yield Row("ledger of 1 M attempts: statistics, slowest kind", took["stats_ms"] / 1000, "s", 0.5)
        yield Row("ledger of 1 M attempts: `hybridchat stats`", stats_s(home), "s", n=COMMANDS)
        yield Row("search of 100,000 messages, slowest kind", took["search_ms"], "ms", 50)
        yield Row("search of 100,000 messages with a filter, slowest kind", took["filtered_ms"], "ms", 50)
        shown_s = first_results(home)
        yield Row("a letter in it shows its first results, p50", median(shown_s) * 1000, "ms", 50, len(shown_s))
        yield Row("a letter in it shows its first results, p95", percentile(shown_s, 0.95) * 1000, "ms", n=len(shown_s))


def first_results(home: Path) -> list[float]:
    """Seconds from a first letter in the search to hits on the screen."""
    took_s = []
    with running(home) as terminal:
        settle(terminal, BLINK_FREE_S)
        terminal.type(ALT_O)
        for letter in LETTERS:
            terminal.wait_for("Type to search everything")
            settle(terminal, BLINK_FREE_S)
            start = time.monotonic()
            terminal.type(letter)
            terminal.wait_for("title ")
            took_s.append(terminal.chunks[-1].at - start)
            settle(terminal, BLINK_FREE_S)
            terminal.type(CLEARS)
        terminal.type(ESCAPE)
        settle(terminal, BLINK_FREE_S)
    return took_s


def stats_s(home: Path) -> float:
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
    return median(times_s)
