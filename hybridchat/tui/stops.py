"""What may be done about a budget that stands in the way of a plan."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from msgspec import Struct

from hybridchat.domain.budget import Limit, Scope, Stand, Standing, Verdict
from hybridchat.domain.routing import Candidate
from hybridchat.errors import UsageError
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


def stops(plan: Plan) -> Iterator[tuple[SetLimit | AskUnpriced, str]]:
    """Beside asking somebody else: what can be chosen, each in words."""
    verdict = plan.budget
    if verdict is None or not verdict.forbids:
        return
    if verdict.stand is not Stand.UNPRICED:
        for standing in _exceeded(verdict):
            yield change_of(standing.limit), f"Raise the {standing.limit}…"
    elif plan.forbidden is not None:
        backend, model, _ = candidate_words(plan.forbidden)
        yield AskUnpriced(plan.forbidden), f"Allow {model} on {backend}, whatever it costs"


def _exceeded(verdict: Verdict) -> list[Standing]:
    """The limits that stand in the way; raising only one of two would change nothing."""
    needed = verdict.needed_usd or Decimal(0)
    return [s for s in verdict.standings if s.remaining_usd < needed or s.remaining_usd <= 0]


def change_of(limit: Limit) -> SetLimit:
    return SetLimit(limit.scope, limit.usd, limit.backend)


def read_usd(typed: str) -> Decimal | None:
    """None for the word "none": no limit. Raises UsageError for what is no amount; so is nothing at all."""
    amount = typed.strip().removeprefix("$").strip()
    if amount.casefold() == "none":
        return None
    try:
        return Decimal(amount)
    except InvalidOperation:
        raise UsageError(f"{typed.strip()!r} is no amount", "type US dollars, such as 12.50, or none") from None
