"""Ready for typing, next to a bare Textual app, in turns; memory while nothing happens."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from scripts.benchmarks.measure import Row, median, memory_mb
from scripts.benchmarks.program import CTRL_Q, HYBRIDCHAT, PROBE, PYTHON, home_for, running, settle, show
from scripts.benchmarks.server import PacedServer
from tests.tui.terminal import Terminal

RUNS = 9
BARE = (PYTHON, "-m", "scripts.benchmarks.bare")
PINNED = (*HYBRIDCHAT, "--local-only")


def rows() -> Iterator[Row]:
    with PacedServer() as server, home_for(server) as home:
        commands = (BARE, HYBRIDCHAT, PINNED)
        for command in commands:
            ready_s(command, home)  # byte code, disk cache, the ledger's first migration
        times_s: dict[Sequence[str], list[float]] = {command: [] for command in commands}
        for run in range(RUNS):
            for command in (*commands[run % 3 :], *commands[: run % 3]):  # the machine's mood is everybody's
                times_s[command].append(ready_s(command, home))
        bare, ours = median(times_s[BARE]), median(times_s[HYBRIDCHAT])
        pinned_to_not = min(times_s[PINNED]) / min(
            times_s[HYBRIDCHAT]
        )  # so close that a median shows the machine's mood
        yield Row("ready for typing, a bare Textual app", bare * 1000, "ms", n=RUNS)
        yield Row("ready for typing, hybridchat", ours * 1000, "ms", n=RUNS)
        yield Row("ready for typing, ratio", ours / bare, "×", 1.6, RUNS)
        yield Row("ready for typing, local only to not, fastest", pinned_to_not, "×", 1.1, RUNS)
        with running(home) as terminal:
            settle(terminal)
            yield Row("memory, idle", memory_mb(terminal.process.pid), "MB", 70)


def ready_s(command: Sequence[str], home: Path) -> float:
    """From starting the process to the screen showing what was typed ahead."""
    start = time.monotonic()
    with Terminal(command=command, env={"HYBRIDCHAT_HOME": str(home)}) as terminal:
        ready = show(terminal, PROBE) - start
        terminal.type("\x7f" * len(PROBE) + CTRL_Q)  # a draft would come back at the next start
        terminal.wait_for_exit()
    return ready
