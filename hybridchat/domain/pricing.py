"""Money, exactly: Decimal with its origin, or nothing with a reason."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from hybridchat.domain.chat import CostBasis
from hybridchat.domain.events import Usage


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
    raise NotImplementedError


def estimate_prompt_tokens(characters: int, messages: int) -> int:
    """A rough count before sending: ≈ 4 characters a token plus 4 per message; shown as an estimate only."""
    raise NotImplementedError


def format_usd(usd: Decimal | float | None) -> str:
    """`$0.0042`, `$1.23`, `<$0.0001`, `$0`; unknown is "unknown"."""
    raise NotImplementedError
