"""Budgets on the screen: what can be done where one forbids a message, and setting them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from msgspec import Struct
from textual import work

from hybridchat.domain.budget import Limit, Scope, Stand, Standing, Verdict
from hybridchat.domain.pricing import format_usd
from hybridchat.domain.routing import Candidate
from hybridchat.errors import UsageError
from hybridchat.tui.screens.chat_view import ChatView
from hybridchat.tui.widgets.rows import Row
from hybridchat.tui.words import candidate_words

if TYPE_CHECKING:
    from hybridchat.session.chat import Plan


class SetLimit(Struct, frozen=True):
    """Type another amount for it."""

    scope: Scope
    usd: Decimal | None = None
    backend: str | None = None

    def __str__(self) -> str:
        return str(Limit(self.scope, self.usd, self.backend)) if self.usd is not None else f"{self.scope} budget"


class AskUnpriced(Struct, frozen=True):
    """Let it be asked in this session, although nobody knows what it costs."""

    candidate: Candidate


def stop_rows(plan: Plan) -> list[Row]:
    """What may be done about a budget that forbids the plan, beside asking somebody else."""
    verdict = plan.budget
    if verdict is None or not verdict.forbids:
        return []
    if verdict.stand is Stand.UNPRICED:
        if plan.forbidden is None:
            return []
        backend, model, _ = candidate_words(plan.forbidden)
        words = f"Allow {model} on {backend}, whatever it costs"
        return [Row(AskUnpriced(plan.forbidden), words, "managed", "managed")]
    return [Row(_changed(standing.limit), f"Raise the {standing.limit}…") for standing in _exceeded(verdict)]


def _exceeded(verdict: Verdict) -> list[Standing]:
    """The limits that stand in the way; raising only one of two would change nothing."""
    needed = verdict.needed_usd or Decimal(0)
    return [s for s in verdict.standings if s.remaining_usd < needed or s.remaining_usd <= 0]


def _changed(limit: Limit) -> SetLimit:
    return SetLimit(limit.scope, limit.usd, limit.backend)


def budget_rows(standings: Sequence[Standing]) -> list[Row]:
    """Every limit, and the scopes that have none."""
    rows = [
        Row(_changed(s.limit), f"{s.limit}", f"{format_usd(s.limit.usd - s.remaining_usd)} used") for s in standings
    ]
    general = {s.limit.scope for s in standings if s.limit.backend is None}
    return [*rows, *(Row(SetLimit(scope), f"{scope} budget", "none") for scope in Scope if scope not in general)]


def read_usd(typed: str) -> Decimal | None:
    """None for the word "none": no limit. Raises UsageError for what is no amount; so is nothing at all."""
    amount = typed.strip().removeprefix("$").strip()
    if amount.casefold() == "none":
        return None
    try:
        return Decimal(amount)
    except InvalidOperation:
        raise UsageError(f"{typed.strip()!r} is no amount", "type US dollars, such as 12.50, or none") from None


class Spending(ChatView):
    """Nothing is sent by what is changed here: the line over the composer says what Enter does then."""

    @work(exclusive=True, group="budget")
    async def action_budget(self) -> None:
        if self.session is None or self.chat is None:
            return
        standings = await self.session.budgets.standings(self.chat.id)
        note = ["US dollars on managed backends; days and months are yours.", *self.panel.allowance_lines()]
        choice = await self.pick("Budgets", budget_rows(standings), note="\n".join(note))
        if isinstance(choice, SetLimit):
            await self.set_limit(choice)

    async def set_limit(self, limit: SetLimit) -> None:
        """To an amount that the user types."""
        from hybridchat.tui.screens.dialogs import Prompt

        assert self.session is not None
        title = f"New {limit.scope} budget in USD" + (f" for {limit.backend}" if limit.backend else "")
        typed = await self.app.push_screen_wait(Prompt(title, str(limit.usd or ""), "an amount, or none"))
        self.composer.focus()
        if typed is not None:
            with self.told():
                await self.session.budgets.set_limit(limit.scope, read_usd(typed), limit.backend)
            self.plan_now()

    def allow_unpriced(self, candidate: Candidate) -> None:
        assert self.session is not None
        self.session.budgets.allow_unpriced(candidate.backend, candidate.model)
        self.plan_now()
