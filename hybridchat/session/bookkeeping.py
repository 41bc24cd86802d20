"""What follows a reply without making anyone wait: its price, the panel's snapshot, the month's volume."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable
from datetime import UTC, datetime

from msgspec.structs import replace

from hybridchat.domain.chat import Attempt, Zone, is_off_record
from hybridchat.domain.stats import Snapshot
from hybridchat.errors import HybridchatError
from hybridchat.ledger.store import AttemptCost, Ledger, Unpriced
from hybridchat.session.budgets import Budgets
from hybridchat.session.events import AttemptPriced, Notice, SessionEvent, SnapshotChanged
from hybridchat.session.fleet import Fleet
from hybridchat.session.forecasts import Forecasts
from hybridchat.session.ledgers import Ledgers
from hybridchat.session.panel import Panel, reference_backend
from hybridchat.session.prices import PriceBook
from hybridchat.session.settling import cost_of

SETTLE_S = 3.0


class Bookkeeper:
    """Prices and counts in the background, off the interface's path; `settle` waits for all of it."""

    def __init__(
        self,
        ledgers: Ledgers,
        prices: PriceBook,
        fleet: Fleet,
        emit: Callable[[SessionEvent], None],
        volumes: dict[str, int],
        forecasts: Forecasts,
        budgets: Budgets,
    ) -> None:
        self._ledgers = ledgers
        self._ledger = ledgers.kept
        self._prices = prices
        self._panel = Panel(ledgers, prices)
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
        self.counts_off_record = False  # the user lets them into the statistics, as numbers

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
        spec, ledger = self._fleet.specs.get(attempt.backend), self._ledgers.of(attempt.conversation_id)
        ended = []
        if attempt.zone is Zone.MANAGED:
            ended = await asyncio.wrap_future(ledger.unpriced(attempt.attempt_id))
        elif spec is not None and spec.prices:
            ended = [Unpriced(attempt, None, None, None)]
        for one in ended:
            attempt = await self._price(ledger, one)
            self._emit(AttemptPriced(attempt))
        if is_off_record(attempt.conversation_id):
            if self.counts_off_record:
                await asyncio.wrap_future(self._ledger.count_off_record(attempt))
        else:
            await self._learn(attempt)
        self.refresh()

    async def _learn(self, attempt: Attempt) -> None:
        if attempt.requested_model:
            await self._forecasts.learn_history(attempt.backend, attempt.requested_model)
        if attempt.workload:
            await self._count_workload(attempt.workload)

    async def _settle_left_behind(self) -> None:
        for ended in await asyncio.wrap_future(self._ledger.unpriced()):
            await self._price(self._ledger, ended)
        self.refresh()

    async def _price(self, ledger: Ledger, ended: Unpriced) -> Attempt:
        """Once and for all; returns the attempt as the ledger now has it."""
        attempt = ended.attempt
        spec, model = self._fleet.specs.get(attempt.backend), attempt.requested_model or attempt.model
        history = await asyncio.wrap_future(self._ledger.token_history(attempt.backend, model))
        cost = await asyncio.to_thread(cost_of, self._prices, spec, ended, history)
        usd = None if cost.usd is None else str(cost.usd)
        await asyncio.wrap_future(
            ledger.set_cost(AttemptCost(attempt_id=attempt.attempt_id, usd=usd, basis=cost.basis, detail=cost.detail))
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
