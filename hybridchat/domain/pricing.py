"""Money, exactly: Decimal with its origin, or nothing with a reason."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from hybridchat.domain.chat import CostBasis
from hybridchat.domain.events import Usage

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


def cost_configured(usage: Usage, price: PricePerMillion) -> Cost:
    """Prompt minus cached minus cache-writes at `input`, each part at its own rate; unknown without both counts."""
    if usage.prompt_tokens is None or usage.completion_tokens is None:
        return Cost(None, CostBasis.UNKNOWN, "the server gave no token counts")
    cached, written = usage.cached_tokens or 0, usage.cache_write_tokens or 0
    usd_times_million = (
        max(usage.prompt_tokens - cached - written, 0) * price.input
        + cached * (price.input if price.cached is None else price.cached)
        + written * (price.input if price.cache_write is None else price.cache_write)
        + usage.completion_tokens * price.output
    )
    return Cost(usd_times_million / 1_000_000, CostBasis.CONFIGURED, _in_words(price))


def _in_words(price: PricePerMillion) -> str:
    parts = {
        "input": price.input,
        "cached": price.cached,
        "cache_write": price.cache_write,
        "output": price.output,
    }
    rates = ", ".join(f"{name} {usd}" for name, usd in parts.items() if usd is not None)
    return f"config.toml: {rates} USD per million tokens"


def estimate_prompt_tokens(characters: int, messages: int) -> int:
    """A rough count before sending: ≈ 4 characters a token plus 4 per message; shown as an estimate only."""
    return -(-characters // 4) + 4 * messages


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
