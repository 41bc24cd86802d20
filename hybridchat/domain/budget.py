"""Budgets: limits, what stands against them, and how long a reply the rest can still pay. Exact decimals throughout.

Only managed attempts count. An attempt belongs to the day and the month in which it began.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from hybridchat.domain.pricing import format_usd
from hybridchat.errors import Refused

MIN_REPLY_TOKENS = 64  # a reply cut shorter than this is worth no request


class Scope(StrEnum):
    CONVERSATION = "conversation"
    DAY = "day"
    MONTH = "month"


class Limit(Struct, frozen=True):
    """At most so many US dollars, for all managed backends together or for one; days and months are the user's."""

    scope: Scope
    usd: Decimal
    backend: str | None = None

    def __str__(self) -> str:
        whose = f"{self.backend}'s {self.scope} budget" if self.backend else f"{self.scope} budget"
        return f"{whose} of {format_usd(self.usd)}"


class Standing(Struct, frozen=True):
    """What counts against a limit: settled costs, and what is reserved for replies that are not priced yet."""

    limit: Limit
    settled_usd: Decimal = Decimal(0)
    reserved_usd: Decimal = Decimal(0)

    @property
    def remaining_usd(self) -> Decimal:
        """Negative where a cost came out higher than what was reserved for it."""
        return self.limit.usd - self.settled_usd - self.reserved_usd

    @property
    def used_share(self) -> float:
        """Of the limit, from 0; 1 and more is used up."""
        return float(1 - self.remaining_usd / self.limit.usd) if self.limit.usd else 1.0


class Hold(Struct, frozen=True):
    """The most that an attempt can cost, as known before it is sent: its prompt at the high end of the estimate, and a
    reply of `max_tokens`, which may be lowered to what the budgets can pay."""

    prompt_usd: Decimal
    reply_token_usd: Decimal
    max_tokens: int
    may_lower: bool = False

    def usd(self, max_tokens: int) -> Decimal:
        return self.prompt_usd + self.reply_token_usd * max_tokens


def tightest(standings: Sequence[Standing]) -> Standing | None:
    return min(standings, key=lambda standing: standing.remaining_usd, default=None)


def grant(hold: Hold, standings: Sequence[Standing]) -> int | None:
    """How many tokens the reply may have, so that no limit is exceeded; None: not even a short one can be paid."""
    least = tightest(standings)
    if least is None or hold.usd(hold.max_tokens) <= least.remaining_usd:
        return hold.max_tokens
    left = least.remaining_usd - hold.prompt_usd
    if not hold.may_lower or left < hold.reply_token_usd * MIN_REPLY_TOKENS:
        return None
    affordable = int(left / hold.reply_token_usd)
    while hold.usd(affordable) > least.remaining_usd:  # the quotient was rounded
        affordable -= 1
    return affordable if affordable >= MIN_REPLY_TOKENS else None


class OverBudget(Refused):
    """Sending could cost more than a budget has left; nothing was sent."""

    def __init__(self, standing: Standing, needed_usd: Decimal) -> None:
        super().__init__(why_over(standing, needed_usd), remedy_for(standing.limit))
        self.standing = standing
        self.needed_usd = needed_usd


def why_over(standing: Standing, needed_usd: Decimal) -> str:
    left = format_usd(max(standing.remaining_usd, Decimal(0)))
    held = f" beside {format_usd(standing.reserved_usd)} reserved for running replies" if standing.reserved_usd else ""
    return f"the {standing.limit} has {left} left{held}, and this could cost {format_usd(needed_usd)}"


def remedy_for(limit: Limit) -> str:
    """Beside asking a local backend, which costs nothing of it."""
    which = f" --backend {limit.backend}" if limit.backend else ""
    return f"ask a local backend, or raise it with `hybridchat budget set {limit.scope} USD{which}`"
