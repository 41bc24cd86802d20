"""What follows a reply without making anyone wait: its price, the panel's snapshot, the month's volume."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable
from datetime import UTC, datetime

from msgspec.structs import replace

from hybridchat.domain.chat import Attempt, Zone
from hybridchat.domain.stats import Snapshot
from hybridchat.errors import HybridchatError
from hybridchat.ledger.store import AttemptCost, Ledger, Unpriced
from hybridchat.session.budgets import Budgets
from hybridchat.session.events import AttemptPriced, Notice, SessionEvent, SnapshotChanged
from hybridchat.session.fleet import Fleet
from hybridchat.session.forecasts import Forecasts
from hybridchat.session.panel import Panel, reference_backend
from hybridchat.session.prices import PriceBook
from hybridchat.session.settling import cost_of

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
        forecasts: Forecasts,
        budgets: Budgets,
    ) -> None:
        self._ledger = ledger
        self._prices = prices
        self._panel = Panel(ledger, prices)
        self._fleet = fleet
        self._emit = emit
        self._volumes = volumes
        self._forecasts = forecasts
        self._budgets = budgets
        self._tasks: set[asyncio.Task[object]] = set()
        self._conversation_id: int | None = None
        self._refreshing = False
        self._refresh_again = False
        self.snapshot = Snapshot()
        self.takes_snapshots = True  # False where nobody looks at the panel

    def reply_ended(self, attempt: Attempt) -> None:
        self.spawn(self._price_and_count(attempt))

    async def settle_left_behind(self, within_s: float = SETTLE_S) -> None:
        """Prices what processes that died, or closed in a hurry, left without a price; waits for it, but not for
        ever: it goes on beside everything else."""
        await asyncio.wait((self.spawn(self._settle_left_behind()),), timeout=within_s)

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
            self.spawn(self._refresh())

    def count_workloads(self, workloads: Iterable[str]) -> None:
        """Learns the month's volume of each, for routing."""
        for workload in workloads:
            self.spawn(self._count_workload(workload))

    async def settle(self, within_s: float = SETTLE_S) -> None:
        """Waits for what is under way, but not for a full disk or a price list that hangs."""
        until = time.monotonic() + within_s
        while self._tasks and (left_s := until - time.monotonic()) > 0:
            await asyncio.wait(self._tasks, timeout=left_s)

    async def close(self) -> None:
        await self.settle()
        for task in self._tasks:
            task.cancel()

    def spawn(self, work: Coroutine[object, object, object]) -> asyncio.Task[object]:
        """Runs it beside everything else; its trouble is told, and ends nothing."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[object]) -> None:
        """The books are beside the conversation: their trouble is told, and ends nothing else."""
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            told = str(error) if isinstance(error, HybridchatError) else type(error).__name__
            self._emit(Notice(f"the statistics are incomplete: {told}"))

    async def _price_and_count(self, attempt: Attempt) -> None:
        spec = self._fleet.specs.get(attempt.backend)
        ended = []
        if attempt.zone is Zone.MANAGED:
            ended = await asyncio.wrap_future(self._ledger.unpriced(attempt.attempt_id))
        elif spec is not None and spec.prices:
            ended = [Unpriced(attempt, None, None, None)]
        for one in ended:
            self._emit(AttemptPriced(await self._price(one)))
        if attempt.requested_model:
            await self._forecasts.learn_history(attempt.backend, attempt.requested_model)
        if attempt.workload:
            await self._count_workload(attempt.workload)
        self.refresh()

    async def _settle_left_behind(self) -> None:
        for ended in await asyncio.wrap_future(self._ledger.unpriced()):
            await self._price(ended)
        self.refresh()

    async def _price(self, ended: Unpriced) -> Attempt:
        """Once and for all; returns the attempt as the ledger now has it."""
        attempt = ended.attempt
        spec, model = self._fleet.specs.get(attempt.backend), attempt.requested_model or attempt.model
        history = await asyncio.wrap_future(self._ledger.token_history(attempt.backend, model))
        cost = await asyncio.to_thread(cost_of, self._prices, spec, ended, history)
        usd = None if cost.usd is None else str(cost.usd)
        await asyncio.wrap_future(
            self._ledger.set_cost(
                AttemptCost(attempt_id=attempt.attempt_id, usd=usd, basis=cost.basis, detail=cost.detail)
            )
        )
        return replace(attempt, cost_usd=None if cost.usd is None else float(cost.usd), cost_basis=cost.basis)

    async def _count_workload(self, workload: str) -> None:
        now = datetime.now(UTC).isoformat()
        self._volumes[workload] = await asyncio.wrap_future(self._ledger.workload_tokens_30d(workload, now))

    async def _refresh(self) -> None:
        try:
            await self._budgets.look(self._conversation_id)
            reference = reference_backend(list(self._fleet.specs.values()))
            self.snapshot = await self._panel.snapshot(reference, self._conversation_id)
            self._emit(SnapshotChanged(self.snapshot))
        finally:
            self._refreshing = False
        if self._refresh_again:
            self._refresh_again = False
            self.refresh()
