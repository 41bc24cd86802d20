"""A ledger of 1 M attempts and 100,000 messages: writing to it, and what panels, statistics and search take from it."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from scripts.benchmarks.measure import Row, median
from scripts.benchmarks.program import HYBRIDCHAT
from scripts.fill_ledger import fill, measure

ATTEMPTS, MESSAGES = 1_000_000, 100_000
COMMANDS = 5


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "hybridchat.db")
        fill(path, ATTEMPTS, MESSAGES)
        took = measure(path)
        yield Row("ledger of 1 M attempts: append and commit, p95", took["append_commit_p95_ms"], "ms", 2)
        yield Row("ledger of 1 M attempts: panel snapshot", took["snapshot_ms"], "ms", 20)
        yield Row("ledger of 1 M attempts: statistics, slowest kind", took["stats_ms"] / 1000, "s", 0.5)
        yield Row("ledger of 1 M attempts: `hybridchat stats`", stats_s(Path(folder)), "s", n=COMMANDS)
        yield Row("search of 100,000 messages, slowest kind", took["search_ms"], "ms", 50)
        yield Row("search of 100,000 messages with a filter, slowest kind", took["filtered_ms"], "ms", 50)


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
