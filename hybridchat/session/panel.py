"""The comparison panel's snapshot: the ledger's numbers, and what the local replies would have cost elsewhere."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from msgspec.structs import replace

from hybridchat.backends.base import BackendSpec
from hybridchat.domain.chat import Attempt, Zone, is_off_record
from hybridchat.domain.events import Usage
from hybridchat.domain.pricing import Cost
from hybridchat.domain.stats import Counterfactual, Snapshot
from hybridchat.session.ledgers import Ledgers
from hybridchat.session.prices import PriceBook


class Panel:
    """Reads the ledger as of now, in the user's time zone. Each local reply is priced elsewhere once, in a thread."""

    def __init__(self, ledgers: Ledgers, prices: PriceBook) -> None:
        self._ledgers = ledgers
        self._prices = prices
        self._priced_as: tuple[str, str] | None = None
        self._costs: dict[int, Cost] = {}  # of today's local replies, by attempt

    async def snapshot(self, managed: BackendSpec | None, conversation_id: int | None) -> Snapshot:
        """`managed` with its default model is what local replies are compared with."""
        now = datetime.now(UTC).isoformat()
        snapshot = await asyncio.wrap_future(self._ledgers.kept.snapshot(conversation_id, now))
        if is_off_record(conversation_id):
            here = await asyncio.wrap_future(self._ledgers.of(conversation_id).snapshot(conversation_id, now))
            snapshot = _with_chat(snapshot, here)
        if managed is None or managed.model is None:
            return replace(snapshot, counterfactual=Counterfactual(reason="no managed backend with a default model"))
        attempts = await asyncio.wrap_future(self._ledgers.kept.local_usage_today(now))
        if self._priced_as != (managed.id, managed.model):
            self._priced_as, self._costs = (managed.id, managed.model), {}
        new = [attempt for attempt in attempts if attempt.attempt_id not in self._costs]
        if new:
            self._costs |= await asyncio.to_thread(_price_elsewhere, self._prices, managed, managed.model, new)
        self._costs = {attempt.attempt_id: self._costs[attempt.attempt_id] for attempt in attempts}
        return replace(snapshot, counterfactual=_counterfactual(managed.id, managed.model, list(self._costs.values())))


def _with_chat(snapshot: Snapshot, here: Snapshot) -> Snapshot:
    """All else is of the ledger that is kept."""
    sides = {
        name: replace(getattr(snapshot, name), tokens_chat=side.tokens_chat, cost_chat=side.cost_chat)
        for name, side in (("local", here.local), ("managed", here.managed))
    }
    return replace(snapshot, **sides)


def _price_elsewhere(prices: PriceBook, spec: BackendSpec, model: str, attempts: list[Attempt]) -> dict[int, Cost]:
    """Each reply at its own time, never a sum: price tiers are cliffs."""
    costs = {}
    for attempt in attempts:
        usage = Usage(prompt_tokens=attempt.prompt_tokens, completion_tokens=attempt.completion_tokens)
        costs[attempt.attempt_id] = prices.cost_of(spec, model, usage, datetime.fromisoformat(attempt.started_at))
    return costs


def _counterfactual(backend: str, model: str, costs: list[Cost]) -> Counterfactual:
    known = [cost.usd for cost in costs if cost.usd is not None]
    unknown = [cost.detail for cost in costs if cost.usd is None]
    return Counterfactual(
        usd=float(sum(known)) if known or not costs else None,
        replies=len(known),
        left_out=len(unknown),
        backend=backend,
        model=model,
        reason="" if known or not unknown else unknown[-1],
    )


def reference_backend(specs: list[BackendSpec]) -> BackendSpec | None:
    """The managed backend that local replies are compared with: the first configured one with a default model."""
    return next((s for s in specs if s.zone is Zone.MANAGED and s.model), None)
