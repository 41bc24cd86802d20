"""What budgets and providers' rate limits leave, for the comparison panel and the dialog of budgets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from hybridchat.domain.budget import Standing
from hybridchat.domain.events import Limits
from hybridchat.domain.pricing import format_usd
from hybridchat.domain.text import clean_line

Part = str | tuple[str, str]
LABEL = 16  # cells
SCARCE = 0.2  # the share of a rate limit that is said where there is room for little


class Allowance(Struct, frozen=True):
    """`told_at` is the moment of the reply that brought them, in the user's time zone."""

    backend: str
    limits: Limits
    told_at: datetime

    @property
    def full_at(self) -> datetime | None:
        """When all of it is there again; None where nothing told."""
        resets = [s for s in (self.limits.requests_reset_s, self.limits.tokens_reset_s) if s is not None]
        return self.told_at + timedelta(seconds=min(max(resets), 1e8)) if resets else None


def budget_parts(standings: Sequence[Standing], warn: float, width: int) -> list[Part]:
    """A line for each limit, and what of it is only reserved; a percentage, so that no colour is needed. `warn`: the
    share from which on it is coloured."""
    parts: list[Part] = ["\n", ("budgets\n", "bold")] if standings else []
    for standing in standings:
        limit = standing.limit
        name = clean_line(" ".join(filter(None, (limit.backend, limit.scope))), LABEL - 1)
        share = int(100 * standing.used_share)  # 100 only when it is used up
        used = f"{format_usd(limit.usd - standing.remaining_usd)} of {format_usd(limit.usd)} · {share}%"
        color = "$error" if standing.remaining_usd <= 0 else "$warning" if standing.used_share >= warn else ""
        parts += [(name.ljust(LABEL), "$muted"), (used.rjust(max(0, width - LABEL)), color), "\n"]
        if standing.reserved_usd:
            reserved = format_usd(standing.reserved_usd).rjust(max(0, width - LABEL))
            parts += [(f"{'of it reserved':<{LABEL}}{reserved}\n", "$muted")]
    return parts


def allowance_parts(allowances: Sequence[Allowance], now: datetime, width: int) -> list[Part]:
    """A block for each provider whose figures still hold."""
    parts: list[Part] = []
    for allowance in _holding(allowances, now):
        parts += ["\n", (f"limits of {clean_line(allowance.backend, 24)}\n", "bold $managed")]
        for name, value in _rows(allowance):
            parts += [(name.ljust(LABEL), "$muted"), value.rjust(max(0, width - LABEL)), "\n"]
    return parts


def allowance_lines(allowances: Sequence[Allowance], now: datetime) -> list[str]:
    """The same, a line for each provider."""
    return [
        f"{clean_line(allowance.backend, 24)}: "
        + ", ".join(
            f"{value} {name}" if name.endswith("left") else f"{name} {value}" for name, value in _rows(allowance)
        )
        for allowance in _holding(allowances, now)
    ]


def scarce(allowances: Sequence[Allowance], now: datetime) -> str:
    """Of what there is little left, or ""."""
    for allowance in _holding(allowances, now):
        limits = allowance.limits
        counts = {"requests": (limits.requests_left, limits.requests_limit)}
        counts["tokens"] = (limits.tokens_left, limits.tokens_limit)
        for name, (left, limit) in counts.items():
            if left is not None and limit is not None and left <= SCARCE * limit:
                return f"{clean_line(allowance.backend, 24)}: {left:,} {name} left"
    return ""


def _holding(allowances: Sequence[Allowance], now: datetime) -> list[Allowance]:
    return [allowance for allowance in allowances if allowance.full_at is None or allowance.full_at > now]


def _rows(allowance: Allowance) -> Iterator[tuple[str, str]]:
    limits = allowance.limits
    if limits.requests_left is not None:
        yield "requests left", _of(limits.requests_left, limits.requests_limit)
    if limits.tokens_left is not None:
        yield "tokens left", _of(limits.tokens_left, limits.tokens_limit)
    if allowance.full_at is None:
        yield "told at", f"{allowance.told_at:%H:%M:%S}"
    else:
        yield "full again at", f"{allowance.full_at:%H:%M:%S}"


def _of(left: int, limit: int | None) -> str:
    return f"{left:,}" if limit is None else f"{left:,} of {limit:,}"
