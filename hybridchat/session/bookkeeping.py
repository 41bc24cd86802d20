"""What follows a reply without making anyone wait: its price, the panel's snapshot, the month's volume."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable
from datetime import UTC, datetime

from msgspec.structs import replace

from hybridchat.domain.chat import Attempt, Zone
from hybridchat.domain.events import Usage
from hybridchat.domain.stats import Snapshot
from hybridchat.errors import HybridchatError
from hybridchat.ledger.store import AttemptCost, Ledger
from hybridchat.session.events import AttemptPriced, Notice, SessionEvent, SnapshotChanged
from hybridchat.session.fleet import Fleet
from hybridchat.session.panel import Panel, reference_backend
from hybridchat.session.prices import PriceBook

SETTLE_S = 3.0


class Bookkeeper:
    """Prices and counts in the background, off the interface's path; `settle` waits for all of it."""

    def __init__(
        self,
        ledger: Ledger,
        prices: PriceBook,
        fleet: Fleet,
        emit: Callable[[SessionEvent], None],
        volumes: dict[str, int],
    ) -> None:
        self._ledger = ledger
        self._prices = prices
        self._panel = Panel(ledger, prices)
        self._fleet = fleet
        self._emit = emit
        self._volumes = volumes
        self._prompt_prices: dict[tuple[str, str], tuple[float, str] | None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._conversation_id: int | None = None
        self._refreshing = False
        self._refresh_again = False
        self.snapshot = Snapshot()
        self.takes_snapshots = True  # False where nobody looks at the panel

    def reply_ended(self, attempt: Attempt) -> None:
        self._spawn(self._price_and_count(attempt))

    def focus(self, conversation_id: int | None) -> None:
        """The conversation whose costs the panel shows as "this chat"."""
        self._conversation_id = conversation_id
        self.refresh()

    def refresh(self) -> None:
        """Takes a new snapshot soon; many calls at once cost one more."""
        if not self.takes_snapshots:
            return
        if self._refreshing:
            self._refresh_again = True
        else:
            self._refreshing = True
            self._spawn(self._refresh())

    def count_workloads(self, workloads: Iterable[str]) -> None:
        """Learns the month's volume of each, for routing."""
        for workload in workloads:
            self._spawn(self._count_workload(workload))

    def prompt_price(self, backend: str, model: str) -> tuple[float, str] | None:
        """USD per prompt token and its source; None while unknown. The first question starts the look-up."""
        spec = self._fleet.specs.get(backend)
        if spec is None or (spec.zone is not Zone.MANAGED and not spec.prices):
            return None
        key = (backend, model)
        if key not in self._prompt_prices:
            self._prompt_prices[key] = None
            self._spawn(self._learn_prompt_price(key))
        return self._prompt_prices[key]

    async def settle(self, within_s: float = SETTLE_S) -> None:
        """Waits for what is under way, but not for a full disk or a price list that hangs."""
        until = time.monotonic() + within_s
        while self._tasks and (left_s := until - time.monotonic()) > 0:
            await asyncio.wait(self._tasks, timeout=left_s)

    async def close(self) -> None:
        await self.settle()
        for task in self._tasks:
            task.cancel()

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """The books are beside the conversation: their trouble is told, and ends nothing else."""
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            told = str(error) if isinstance(error, HybridchatError) else type(error).__name__
            self._emit(Notice(f"the statistics are incomplete: {told}"))

    async def _price_and_count(self, attempt: Attempt) -> None:
        spec = self._fleet.specs.get(attempt.backend)
        if spec is not None and (attempt.zone is Zone.MANAGED or spec.prices):
            await self._price(attempt)
        if attempt.workload:
            await self._count_workload(attempt.workload)
        self.refresh()

    async def _price(self, attempt: Attempt) -> None:
        spec = replace(self._fleet.specs[attempt.backend], zone=attempt.zone)
        usage = Usage(
            prompt_tokens=attempt.prompt_tokens,
            cached_tokens=attempt.cached_tokens,
            cache_write_tokens=attempt.cache_write_tokens,
            completion_tokens=attempt.completion_tokens,
            thinking_tokens=attempt.thinking_tokens,
        )
        at = datetime.fromisoformat(attempt.started_at)
        cost = await asyncio.to_thread(self._prices.cost_of, spec, attempt.model, usage, at)
        usd = None if cost.usd is None else str(cost.usd)
        await asyncio.wrap_future(
            self._ledger.set_cost(
                AttemptCost(attempt_id=attempt.attempt_id, usd=usd, basis=cost.basis, detail=cost.detail)
            )
        )
        known = None if cost.usd is None else float(cost.usd)
        self._emit(AttemptPriced(replace(attempt, cost_usd=known, cost_basis=cost.basis)))

    async def _count_workload(self, workload: str) -> None:
        now = datetime.now(UTC).isoformat()
        self._volumes[workload] = await asyncio.wrap_future(self._ledger.workload_tokens_30d(workload, now))

    async def _refresh(self) -> None:
        try:
            reference = reference_backend(list(self._fleet.specs.values()))
            self.snapshot = await self._panel.snapshot(reference, self._conversation_id)
            self._emit(SnapshotChanged(self.snapshot))
        finally:
            self._refreshing = False
        if self._refresh_again:
            self._refresh_again = False
            self.refresh()

    async def _learn_prompt_price(self, key: tuple[str, str]) -> None:
        spec = self._fleet.specs[key[0]]
        self._prompt_prices[key] = await asyncio.to_thread(self._prices.prompt_price_per_token, spec, key[1])
        self.refresh()
