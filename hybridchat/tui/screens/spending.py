"""Budgets on the screen: what can be done where one forbids a message, and setting them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import work

from hybridchat.domain.budget import Scope, Standing
from hybridchat.domain.pricing import format_usd
from hybridchat.domain.routing import Candidate
from hybridchat.tui.screens.chat_view import ChatView
from hybridchat.tui.slashes import value_of
from hybridchat.tui.stops import AskUnpriced, SetLimit, change_of, read_usd, stops
from hybridchat.tui.widgets.rows import Row

if TYPE_CHECKING:
    from hybridchat.session.chat import Plan


def stop_rows(plan: Plan) -> list[Row]:
    """What may be done about a budget that forbids the plan, beside asking somebody else."""
    rows = []
    for stop, words in stops(plan):
        side = "managed" if isinstance(stop, AskUnpriced) else ""
        rows.append(Row(stop, words, side, side))
    return rows


def budget_rows(standings: Sequence[Standing]) -> list[Row]:
    """Every limit, and the scopes that have none."""
    rows = [
        Row(change_of(s.limit), f"{s.limit}", f"{format_usd(s.limit.usd - s.remaining_usd)} used") for s in standings
    ]
    general = {s.limit.scope for s in standings if s.limit.backend is None}
    return [*rows, *(Row(SetLimit(scope), f"{scope} budget", "none") for scope in Scope if scope not in general)]


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

    async def call_budget(self, scope: str) -> None:
        assert self.session is not None and self.chat is not None
        wanted = Scope(value_of(scope, list(Scope)))
        standings = await self.session.budgets.standings(self.chat.id)
        limit = next((s.limit for s in standings if s.limit.scope is wanted and s.limit.backend is None), None)
        await self.set_limit(change_of(limit) if limit else SetLimit(wanted))

    async def set_limit(self, limit: SetLimit) -> None:
        """To an amount that the user types."""
        from hybridchat.tui.screens.dialogs import Prompt

        assert self.session is not None
        title = f"New {limit.scope} budget in USD" + (f" for {limit.backend}" if limit.backend else "")
        typed = await self.ask(Prompt(title, str(limit.usd or ""), "an amount, or none"))
        if typed is not None:
            with self.told():
                await self.session.budgets.set_limit(limit.scope, read_usd(typed), limit.backend)
            self.plan_now()

    def allow_unpriced(self, candidate: Candidate) -> None:
        assert self.session is not None
        self.session.budgets.allow_unpriced(candidate.backend, candidate.model)
        self.plan_now()
