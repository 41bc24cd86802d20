"""The comparison panel's snapshot: the ledger's numbers, and what the local replies would have cost elsewhere."""

from __future__ import annotations

import asyncio
from datetime import datetime
from decimal import Decimal

from msgspec.structs import replace

from hybridchat.backends.base import BackendSpec
from hybridchat.domain.chat import Attempt, Zone
from hybridchat.domain.events import Usage
from hybridchat.domain.stats import Counterfactual, Snapshot
from hybridchat.ledger.store import Ledger
from hybridchat.session.prices import PriceBook


async def take_snapshot(
    ledger: Ledger, prices: PriceBook, managed: BackendSpec | None, conversation_id: int | None
) -> Snapshot:
    """Reads the ledger as of now, in the user's time zone; the counterfactual is priced in a worker thread."""
    now = datetime.now().astimezone()
    offset = now.utcoffset()
    clock = (now.isoformat(), int(offset.total_seconds()) if offset else 0)
    snapshot = await asyncio.wrap_future(ledger.snapshot(conversation_id, *clock))
    if managed is None or managed.model is None:
        return replace(snapshot, counterfactual=Counterfactual(reason="no managed backend with a default model"))
    attempts = await asyncio.wrap_future(ledger.local_usage_today(*clock))
    if not attempts:
        return replace(snapshot, counterfactual=Counterfactual(usd=0.0, backend=managed.id, model=managed.model))
    priced = await asyncio.to_thread(_price_elsewhere, prices, managed, managed.model, attempts)
    return replace(snapshot, counterfactual=priced)


def _price_elsewhere(prices: PriceBook, spec: BackendSpec, model: str, attempts: list[Attempt]) -> Counterfactual:
    """Each reply at its own time, never a sum: price tiers are cliffs."""
    total, priced, left_out, reason = Decimal(0), 0, 0, ""
    for attempt in attempts:
        if attempt.prompt_tokens is None or attempt.completion_tokens is None:
            left_out += 1
            continue
        usage = Usage(prompt_tokens=attempt.prompt_tokens, completion_tokens=attempt.completion_tokens)
        cost = prices.cost_of(spec, model, usage, datetime.fromisoformat(attempt.started_at))
        if cost.usd is None:
            left_out, reason = left_out + 1, cost.detail
        else:
            total, priced = total + cost.usd, priced + 1
    usd = float(total) if priced else None
    return Counterfactual(
        usd=usd, replies=priced, left_out=left_out, backend=spec.id, model=model, reason="" if priced else reason
    )


def reference_backend(specs: list[BackendSpec]) -> BackendSpec | None:
    """The managed backend that local replies are compared with: the first configured one with a default model."""
    return next((s for s in specs if s.zone is Zone.MANAGED and s.model), None)
