"""What every key press in the composer costs: the plan for the draft. There is no secrets scan in it yet."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

from hybridchat.wiring import open_demo_session
from scripts.benchmarks.measure import Row, percentile

RUNS = 200


def rows() -> Iterator[Row]:
    for kilobytes, budget_ms in ((10, 5), (100, 20)):
        times_s = asyncio.run(plan_s("word " * (kilobytes * 200)))
        yield Row(
            f"route decision, draft of {kilobytes} KB, p95", percentile(times_s, 0.95) * 1000, "ms", budget_ms, RUNS
        )


async def plan_s(draft: str) -> list[float]:
    session = open_demo_session()
    await session.start(watch=False)
    chat, times_s = session.new(), []
    for _ in range(RUNS):
        start = time.perf_counter()
        session.plan(chat, draft)
        times_s.append(time.perf_counter() - start)
    await session.close()
    return times_s
