"""The user's budgets as a session sees them: what they say to a draft, and what an attempt holds against them.

What is shown before sending comes from the last look at the ledger; whether it is sent, the ledger itself decides.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

from msgspec.structs import replace

from hybridchat.domain.budget import Hold, Limit, Scope, Standing, Verdict, judge
from hybridchat.domain.chat import ChatRequest, is_off_record
from hybridchat.domain.estimate import Size, TokenEstimate, message_size
from hybridchat.domain.routing import Candidate
from hybridchat.errors import UsageError
from hybridchat.ledger.store import Forecast
from hybridchat.session.budget_file import BudgetFile, BudgetSettings
from hybridchat.session.forecasts import Forecasts
from hybridchat.session.ledgers import Ledgers


class Budgets:
    """All limits of the config, with what counted against them when the ledger was last looked at."""

    def __init__(
        self, settings: BudgetSettings, ledgers: Ledgers, forecasts: Forecasts, file: BudgetFile | None
    ) -> None:
        """`file` keeps changed limits, and tells of changes from elsewhere; without it, they hold for this session."""
        self._config = settings.general
        self._ledgers = ledgers
        self._forecasts = forecasts
        self._file = file
        self.limits = settings.limits()
        self._standings: tuple[Standing, ...] = ()
        self._conversation_id: int | None = None
        self._may_be_unpriced = False
        self._unpriced: set[tuple[str, str]] = set()

    # --- before sending

    def judge(
        self, candidate: Candidate, conversation_id: int | None, prompt: TokenEstimate, max_tokens: int | None
    ) -> Verdict | None:
        """What the budgets say to asking that candidate; None where none applies, or its price is being looked up."""
        limits = self._limits_for(candidate)
        if not limits or not self._forecasts.has_learnt(candidate):
            return None
        hold = self._hold(candidate, prompt, max_tokens)
        known = {standing.limit: standing for standing in self._standings}
        standings = [known.get(limit, Standing(limit)) for limit in limits]
        if conversation_id != self._conversation_id:
            standings = [Standing(s.limit) if s.limit.scope is Scope.CONVERSATION else s for s in standings]
        is_allowed = self._may_be_unpriced or (candidate.backend, candidate.model) in self._unpriced
        return judge(hold, standings, warn=self._config.warn, may_be_unpriced=is_allowed)

    def forecast(self, candidate: Candidate, request: ChatRequest) -> Forecast:
        """What goes into the ledger with an attempt."""
        messages = (message_size(m.text + m.thinking, [a.file for a in m.attachments]) for m in request.messages)
        size = sum(messages, Size())
        prompt = self._forecasts.tokens(candidate, size)
        cost = self._forecasts.cost(candidate, prompt)
        limits = self._limits_for(candidate)
        return Forecast(
            prompt_characters=size.characters,
            prompt_tokens_counted=None if size.pictures else size.tokens,  # a ratio of words is learnt from it
            prompt_tokens_estimated=prompt.tokens,
            estimate_low_usd=float(cost.low_usd) if cost else None,
            estimate_high_usd=float(cost.high_usd) if cost else None,
            hold=self._hold(candidate, prompt, request.parameters.max_tokens) if limits else None,
            limits=limits,
        )

    @property
    def warn(self) -> float:
        """The share of a limit from which on the user is warned."""
        return self._config.warn

    def known(self) -> tuple[Standing, ...]:
        """All limits, as of the last look."""
        return self._standings

    async def look(self, conversation_id: int | None, *candidates: Candidate) -> None:
        """At the ledger, and at the candidates' prices, where budgets make something hang on them."""
        self._standings = await self.standings(conversation_id)
        self._conversation_id = conversation_id
        await asyncio.gather(*(self._forecasts.learn(c) for c in candidates if self._limits_for(c)))

    async def standings(self, conversation_id: int | None) -> tuple[Standing, ...]:
        """What counts against each limit now, as the limits are now: another window may have changed them."""
        changed = await asyncio.to_thread(self._file.changed) if self._file else None
        if changed is not None:
            self._config, self.limits = changed.general, changed.limits()
        if not self.limits:
            return ()
        now = datetime.now(UTC).isoformat()
        standings = await asyncio.wrap_future(self._ledgers.kept.standings(self.limits, conversation_id, now))
        if not is_off_record(conversation_id):
            return standings
        here = await asyncio.wrap_future(self._ledgers.of(conversation_id).standings(self.limits, conversation_id, now))
        return tuple(
            own if own.limit.scope is Scope.CONVERSATION else s for s, own in zip(standings, here, strict=True)
        )

    def _limits_for(self, candidate: Candidate) -> tuple[Limit, ...]:
        if candidate.is_local:
            return ()
        return tuple(limit for limit in self.limits if limit.backend in (None, candidate.backend))

    def _hold(self, candidate: Candidate, prompt: TokenEstimate, max_tokens: int | None) -> Hold | None:
        """None without a known price."""
        rates = self._forecasts.rates(candidate)
        if rates is None:
            return None
        rate = rates.at(prompt.high)
        return Hold(
            prompt_usd=rates.request_usd + rate.prompt_high_usd * prompt.high,
            reply_token_usd=rate.reply_usd,
            max_tokens=max_tokens or self._config.max_reply_tokens,
            may_lower=self._config.lower_max_tokens,
        )

    # --- what the user decides

    def allow_unpriced(self, backend: str | None = None, model: str = "") -> None:
        """In this session that model, or any, may be asked although nobody knows its price."""
        if backend is None:
            self._may_be_unpriced = True
        else:
            self._unpriced.add((backend, model))

    async def set_limit(self, scope: Scope, usd: Decimal | None, backend: str | None = None) -> None:
        """Writes it into the config and applies it now; None takes it away. Raises UsageError."""
        check_limit(scope, usd, backend)
        if self._file is not None:
            await asyncio.to_thread(self._file.keep, scope, usd, backend)
        others = tuple(limit for limit in self.limits if (limit.scope, limit.backend) != (scope, backend))
        self.limits = others if usd is None else (*others, Limit(scope, usd, backend))
        await self.look(self._conversation_id)


def check_limit(scope: Scope, usd: Decimal | None, backend: str | None) -> None:
    """Raises UsageError for a limit that cannot be one."""
    from hybridchat.config.checks import why_no_budget

    if backend is not None and scope is Scope.CONVERSATION:
        raise UsageError("a backend has no budget per conversation", "day or month")
    if usd is not None and (why := why_no_budget(usd)):
        raise UsageError(*why)


def with_max_tokens(request: ChatRequest, max_tokens: int | None) -> ChatRequest:
    """As the ledger granted it."""
    if max_tokens is None:
        return request
    return replace(request, parameters=replace(request.parameters, max_tokens=max_tokens))
