"""Money, exactly: Decimal with its origin, or nothing with a reason."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from hybridchat.domain.chat import CostBasis, Outcome
from hybridchat.domain.estimate import Spread, TokenEstimate
from hybridchat.domain.events import Usage
from hybridchat.errors import ErrorKind

MAX_USD = Decimal(1_000_000)  # of one reply or one budget: more is a mistake in a count or a config
MILLION = 1_000_000
_SMALLEST_SHOWN_USD = Decimal("0.0001")


class PricePerMillion(Struct, frozen=True, forbid_unknown_fields=True):
    """USD per million tokens, as a private deal in the config states it."""

    input: Decimal
    """Prompt tokens."""
    output: Decimal
    """Completion tokens, thinking included."""
    cached: Decimal | None = None
    """Cache reads; default: as input."""
    cache_write: Decimal | None = None
    """Cache writes; default: as input."""


class Cost(Struct, frozen=True):
    """What an attempt cost: `usd` None is unknown, and `detail` says why or from which price."""

    usd: Decimal | None
    basis: CostBasis
    detail: str


class Rate(Struct, frozen=True):
    """USD per token. `prompt_high_usd` is what a prompt costs that is written into a cache."""

    prompt_usd: Decimal
    prompt_high_usd: Decimal
    reply_usd: Decimal


class Rates(Struct, frozen=True):
    """What a model costs at some time: (above how many prompt tokens, rate), ascending from 0, and per request."""

    steps: tuple[tuple[int, Rate], ...]
    source: str
    request_usd: Decimal = Decimal(0)

    def at(self, prompt_tokens: int) -> Rate:
        return next((rate for above, rate in reversed(self.steps) if prompt_tokens > above), self.steps[0][1])


class CostEstimate(Struct, frozen=True):
    """What sending may well cost; `with_reply`: of a reply as long as the model's past ones, else the prompt alone."""

    low_usd: Decimal
    high_usd: Decimal
    with_reply: bool
    source: str


def estimate_cost(rates: Rates, prompt: TokenEstimate, reply_tokens: Spread) -> CostEstimate:
    low, high = rates.at(prompt.low), rates.at(prompt.high)
    low_usd = rates.request_usd + low.prompt_usd * prompt.low + low.reply_usd * int(reply_tokens.low)
    high_usd = rates.request_usd + high.prompt_high_usd * prompt.high + high.reply_usd * int(reply_tokens.high)
    return CostEstimate(low_usd, high_usd, reply_tokens.n > 0, rates.source)


def why_uncountable(usage: Usage) -> str:
    """Why no price can be made of these counts, or ""."""
    if usage.prompt_tokens is None or usage.completion_tokens is None:
        return "the server gave no token counts"
    counts = (usage.cached_tokens, usage.cache_write_tokens, usage.cache_write_1h_tokens, usage.thinking_tokens)
    parts = [count or 0 for count in (usage.prompt_tokens, usage.completion_tokens, *counts)]
    return "the server gave token counts below zero" if min(parts) < 0 else ""


_NEVER_RAN = {
    *(ErrorKind.CONNECT, ErrorKind.DNS, ErrorKind.TLS, ErrorKind.IDENTITY, ErrorKind.AUTH, ErrorKind.QUOTA),
    *(ErrorKind.RATE_LIMIT, ErrorKind.OVERLOADED, ErrorKind.MODEL_MISSING, ErrorKind.CONTEXT_OVERFLOW),
    *(ErrorKind.TOO_LARGE, ErrorKind.REDIRECT, ErrorKind.BAD_REQUEST, ErrorKind.SERVER, ErrorKind.REFUSED),
}


def why_unbilled(outcome: Outcome, error_kind: str | None, *, came_anything: bool) -> str:
    """Providers bill no request that they answered with an error, nor one that we kept; "": it may cost something, as
    what broke on the way may well have run."""
    if came_anything or outcome not in (Outcome.ERROR, Outcome.REFUSED) or error_kind not in _NEVER_RAN:
        return ""
    return f"failed before the model ran ({error_kind}): nobody bills that"


def cost_configured(usage: Usage, price: PricePerMillion) -> Cost:
    """Prompt minus cached minus cache-writes at `input`, each part at its own rate; unknown without both counts."""
    if why := why_uncountable(usage):
        return Cost(None, CostBasis.UNKNOWN, why)
    assert usage.prompt_tokens is not None and usage.completion_tokens is not None
    cached, written = usage.cached_tokens or 0, usage.cache_write_tokens or 0
    usd_times_million = (
        max(usage.prompt_tokens - cached - written, 0) * price.input
        + cached * (price.input if price.cached is None else price.cached)
        + written * (price.input if price.cache_write is None else price.cache_write)
        + usage.completion_tokens * price.output
    )
    return sensible(Cost(usd_times_million / MILLION, CostBasis.CONFIGURED, _in_words(price)))


def sensible(cost: Cost) -> Cost:
    """Unknown instead of a cost that no reply can have."""
    if cost.usd is None or cost.usd <= MAX_USD:
        return cost
    return Cost(None, CostBasis.UNKNOWN, f"the token counts cannot be: they would cost {format_usd(cost.usd)}")


def rates_configured(price: PricePerMillion) -> Rates:
    dearest = max(price.input, price.cache_write or price.input)
    rate = Rate(price.input / MILLION, dearest / MILLION, price.output / MILLION)
    return Rates(((0, rate),), "config.toml")


def _in_words(price: PricePerMillion) -> str:
    parts = {
        "input": price.input,
        "cached": price.cached,
        "cache_write": price.cache_write,
        "output": price.output,
    }
    rates = ", ".join(f"{name} {usd}" for name, usd in parts.items() if usd is not None)
    return f"config.toml: {rates} USD per million tokens"


def format_range(low_usd: Decimal, high_usd: Decimal) -> str:
    """`$0.0042–$0.011`, `up to $0.0042`, or one amount where both are written alike."""
    low, high = format_usd(low_usd), format_usd(high_usd)
    if low == high:
        return low
    return f"up to {high}" if low.startswith("<") else f"{low}–{high}"


def format_usd(usd: Decimal | float | None) -> str:
    """`$0.0042`, `$1.23`, `<$0.0001`, `$0`; unknown is "unknown"."""
    if usd is None:
        return "unknown"
    if usd == 0:
        return "$0"
    if usd < _SMALLEST_SHOWN_USD:
        return "<$0.0001"
    decimals = 2 if usd >= 0.1 else 3 if usd >= 0.01 else 4
    return f"${usd:,.{decimals}f}"
