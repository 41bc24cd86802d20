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
        whose = f" for {self.backend}" if self.backend else ""
        return f"{self.scope} budget of {format_usd(self.usd)}{whose}"


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

    def __init__(self, standing: Standing, needed_usd: Decimal | None) -> None:
        super().__init__(why_over(standing, needed_usd), f"{raise_remedy(standing.limit)}, or ask a local backend")
        self.standing = standing
        self.needed_usd = needed_usd


def why_over(standing: Standing, needed_usd: Decimal | None) -> str:
    left = format_usd(max(standing.remaining_usd, Decimal(0)))
    held = f" beside {format_usd(standing.reserved_usd)} reserved for running replies" if standing.reserved_usd else ""
    needs = "" if needed_usd is None else f", and this could cost {format_usd(needed_usd)}"
    return f"the {standing.limit} has {left} left{held}{needs}"


def raise_remedy(limit: Limit) -> str:
    which = f" --backend {limit.backend}" if limit.backend else ""
    return f"raise it with `hybridchat budget set {limit.scope} USD{which}`"


class Stand(StrEnum):
    OK = "ok"
    WARNING = "warning"  # a limit is nearly used up
    LOWERED = "lowered"  # the reply must be shorter than it might
    UNPRICED = "unpriced"  # nobody knows what it would cost: the user must agree
    OVER = "over"


class Verdict(Struct, frozen=True):
    """What the budgets say to a draft: `standings` tightest first, `max_tokens` what the reply may have, and what is
    needed at most (None: no price is known)."""

    stand: Stand
    standings: tuple[Standing, ...]
    max_tokens: int | None = None
    needed_usd: Decimal | None = None

    @property
    def forbids(self) -> bool:
        return self.stand in (Stand.OVER, Stand.UNPRICED)

    @property
    def remedy(self) -> str:
        """What the user may do, beside asking a local backend; names the command line's."""
        if self.stand is Stand.UNPRICED:
            return "give it a price in config.toml, or ask it all the same with --unpriced"
        return raise_remedy(self.standings[0].limit)

    def __str__(self) -> str:
        """One line for a person; "" where there is nothing to say."""
        least = self.standings[0]
        match self.stand:
            case Stand.OVER:
                return why_over(least, self.needed_usd)
            case Stand.UNPRICED:
                return "its price is not known, and there is a budget to keep"
            case Stand.LOWERED:
                left = format_usd(least.remaining_usd)
                return f"reply of at most {self.max_tokens:,} tokens: the {least.limit} has {left} left"
            case Stand.WARNING:
                fullest = max(self.standings, key=lambda standing: standing.used_share)
                return f"{fullest.used_share:.0%} of the {fullest.limit} is used"
            case Stand.OK:
                return ""


def judge(hold: Hold | None, standings: Sequence[Standing], *, warn: float, may_be_unpriced: bool = False) -> Verdict:
    """`hold` None: no price is known. `warn`: the share of a limit from which on it is said."""
    ordered = tuple(sorted(standings, key=lambda standing: standing.remaining_usd))
    if hold is None:
        is_over = ordered[0].remaining_usd <= 0
        allowed = Stand.OK if may_be_unpriced else Stand.UNPRICED
        return Verdict(Stand.OVER if is_over else allowed, ordered)
    max_tokens, needed_usd = grant(hold, ordered), hold.usd(hold.max_tokens)
    if max_tokens is None:
        return Verdict(Stand.OVER, ordered, None, needed_usd)
    stand = Stand.WARNING if max(standing.used_share for standing in ordered) >= warn else Stand.OK
    return Verdict(Stand.LOWERED if max_tokens < hold.max_tokens else stand, ordered, max_tokens, needed_usd)
