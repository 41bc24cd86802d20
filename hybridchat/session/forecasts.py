"""What models cost and what their attempts really took, as far as it is known here by now; asking starts a look-up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine

from hybridchat.domain.chat import Zone
from hybridchat.domain.estimate import History, Size, TokenEstimate, estimate
from hybridchat.domain.pictures import tokens_of
from hybridchat.domain.pricing import CostEstimate, Rates, estimate_cost
from hybridchat.domain.routing import Candidate
from hybridchat.ledger.store import Ledger
from hybridchat.session.fleet import Fleet
from hybridchat.session.prices import PriceBook

RATES_FOR_S = 900.0  # some prices depend on the time of day

Spawn = Callable[[Coroutine[object, object, object]], None]


class Forecasts:
    """Answers at once from what it has learnt; `on_change` is called when it has learnt more."""

    def __init__(
        self, ledger: Ledger, prices: PriceBook, fleet: Fleet, spawn: Spawn, on_change: Callable[[], None]
    ) -> None:
        self._ledger = ledger
        self._prices = prices
        self._fleet = fleet
        self._spawn = spawn
        self._on_change = on_change
        self._rates: dict[tuple[str, str], Rates | None] = {}
        self._rates_at: dict[tuple[str, str], float] = {}
        self._histories: dict[tuple[str, str], History] = {}

    def tokens(self, candidate: Candidate, size: Size) -> TokenEstimate:
        """Of a prompt of that size, its pictures as the candidate's API counts them."""
        words = estimate(size.tokens, self.history(candidate.backend, candidate.model).prompt_ratio)
        seen = tokens_of(candidate.kind, size.pictures)
        return TokenEstimate(words.tokens + seen.tokens, words.low + seen.low, words.high + seen.high, words.n)

    def cost(self, candidate: Candidate, prompt: TokenEstimate) -> CostEstimate | None:
        """None while the price is not known."""
        rates = self.rates(candidate)
        reply = self.history(candidate.backend, candidate.model).reply_tokens
        return estimate_cost(rates, prompt, reply) if rates else None

    def rates(self, candidate: Candidate) -> Rates | None:
        """None: unknown, for now or for good (`has_learnt`)."""
        if not self._has_price(candidate):
            return None
        key = (candidate.backend, candidate.model)
        if time.monotonic() - self._rates_at.get(key, -RATES_FOR_S) >= RATES_FOR_S:
            self._rates_at[key] = time.monotonic()
            self._spawn(self._learn_rates(key))
        return self._rates.get(key)

    def has_learnt(self, candidate: Candidate) -> bool:
        return not self._has_price(candidate) or (candidate.backend, candidate.model) in self._rates

    def history(self, backend: str, model: str) -> History:
        key = (backend, model)
        if key not in self._histories:
            self._histories[key] = History()
            self._spawn(self.learn_history(backend, model))
        return self._histories[key]

    async def learn(self, candidate: Candidate) -> None:
        """What is not known yet, before something hangs on it."""
        if not self.has_learnt(candidate):
            await self._learn_rates((candidate.backend, candidate.model))
        if (candidate.backend, candidate.model) not in self._histories:
            await self.learn_history(candidate.backend, candidate.model)

    async def learn_history(self, backend: str, model: str) -> History:
        """Again, after an attempt."""
        history = await asyncio.wrap_future(self._ledger.token_history(backend, model))
        self._histories[backend, model] = history
        self._on_change()
        return history

    async def _learn_rates(self, key: tuple[str, str]) -> None:
        self._rates[key] = await asyncio.to_thread(self._prices.rates, self._fleet.specs[key[0]], key[1])
        self._rates_at[key] = time.monotonic()
        self._on_change()

    def _has_price(self, candidate: Candidate) -> bool:
        spec = self._fleet.specs.get(candidate.backend)
        return spec is not None and bool(spec.prices or (spec.zone is Zone.MANAGED and not candidate.is_local))
