"""What every key press in the composer costs: the plan for a draft that is looked through before it leaves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import hybridchat
from hybridchat.wiring import open_demo_session
from scripts.benchmarks.measure import Row, percentile

RUNS = 200


def rows() -> Iterator[Row]:
    source = "".join(
        path.read_text(encoding="utf-8") for path in sorted(Path(hybridchat.__file__).parent.rglob("*.py"))
    )
    for kilobytes, budget_ms in ((10, 5), (100, 20)):
        times_s = asyncio.run(plan_s(source[: kilobytes * 1000]))
        took_ms = percentile(times_s, 0.95) * 1000
        yield Row(f"route decision with search, {kilobytes} KB of source, p95", took_ms, "ms", budget_ms, RUNS)


async def plan_s(draft: str) -> list[float]:
    session = open_demo_session()
    await session.start(watch=False)
    chat, times_s = session.new(route="managed"), []
    for run in range(RUNS):
        typed = f"{draft}{run}"  # a draft that was looked through is not looked through again
        start = time.perf_counter()
        session.plan(chat, typed)
        times_s.append(time.perf_counter() - start)
    await session.close()
    return times_s
