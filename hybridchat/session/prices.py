"""What an attempt cost: the config's own price, else the price list's of the day, else unknown with the reason.

The price list is heavy to load and to ask for the first time: call all of this in a worker thread.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec import Struct

from hybridchat.backends.base import BackendSpec
from hybridchat.domain.address import Address
from hybridchat.domain.chat import CostBasis, Zone
from hybridchat.domain.events import Usage
from hybridchat.domain.pricing import (
    MILLION,
    Cost,
    PricePerMillion,
    Rate,
    Rates,
    cost_configured,
    rates_configured,
    sensible,
    why_uncountable,
)

if TYPE_CHECKING:
    from genai_prices.types import PriceCalculation, TieredPrices

    _Price = Decimal | TieredPrices | None

_DATED = re.compile(r"-\d{4}-?\d{2}-?\d{2}")  # servers answer as gpt-x-2026-01-31 to gpt-x


class Quote(Struct, frozen=True):
    """What a model costs now, below any tier, in USD per million tokens; and its window, where the list has it."""

    input_usd: float
    output_usd: float
    source: str
    context_window: int | None = None


class PriceBook:
    """Prices single attempts, never sums of them: price tiers are cliffs."""

    def cost_of(
        self, spec: BackendSpec, model: str, usage: Usage, at: datetime, *, requested: str | None = None
    ) -> Cost:
        """The cost at the time of the attempt, for the model as the server calls it or as it was `requested`.

        The price list is asked for managed backends only: it knows local models' names too, but not what they cost
        here.
        """
        configured = _configured(spec, model) or _configured(spec, requested or model)
        if configured is not None:
            return cost_configured(usage, configured)
        if spec.zone is not Zone.MANAGED:
            return _unknown("answered on your own machine, and the config has no price for it")
        if why := why_uncountable(usage):
            return _unknown(why)
        priced = _ask_price_list(spec.address, model, usage, at)
        if isinstance(priced, str) and requested not in (None, model):
            by_request = _ask_price_list(spec.address, requested or model, usage, at)
            priced = priced if isinstance(by_request, str) else by_request
        if isinstance(priced, str):
            return _unknown(priced)
        return sensible(Cost(priced.total_price, CostBasis.PRICED, _source(priced, at)))

    def rates(self, spec: BackendSpec, model: str) -> Rates | None:
        """What a token of a prompt and of a reply costs now; None where the price is not known."""
        configured = _configured(spec, model)
        if configured is not None:
            return rates_configured(configured)
        if spec.zone is not Zone.MANAGED:
            return None
        now = datetime.now(UTC)
        priced = _ask_price_list(spec.address, model, Usage(prompt_tokens=1000, completion_tokens=0), now)
        return None if isinstance(priced, str) else _rates(priced, _source(priced, now))

    def quote(self, spec: BackendSpec, model: str) -> Quote | None:
        """For a person who chooses a model; None where the price is not known."""
        configured = _configured(spec, model)
        if configured is not None:
            return Quote(float(configured.input), float(configured.output), "config.toml")
        if spec.zone is not Zone.MANAGED:
            return None
        now = datetime.now(UTC)
        priced = _ask_price_list(spec.address, model, Usage(prompt_tokens=1000, completion_tokens=1000), now)
        if isinstance(priced, str):
            return None
        window = priced.model.context_window
        return Quote(float(priced.input_price * 1000), float(priced.output_price * 1000), _source(priced, now), window)


def _configured(spec: BackendSpec, model: str) -> PricePerMillion | None:
    """The private deal for that model, or for the one that it is a dated release of."""
    if model in spec.prices:
        return spec.prices[model]
    return next((price for name, price in spec.prices.items() if _is_release_of(model, name)), None)


def _is_release_of(model: str, name: str) -> bool:
    return model.startswith(name) and _DATED.fullmatch(model, len(name)) is not None


def _ask_price_list(address: Address, model: str, usage: Usage, at: datetime) -> PriceCalculation | str:
    """The price list's answer, or why it has none."""
    import genai_prices

    counts = {
        "input_tokens": usage.prompt_tokens,
        "output_tokens": usage.completion_tokens,
        "cache_read_tokens": usage.cached_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "cache_write_1h_tokens": usage.cache_write_1h_tokens,
        "output_reasoning_tokens": usage.thinking_tokens,
    }
    reported = genai_prices.Usage(**{name: count for name, count in counts.items() if count is not None})
    url = f"{address.scheme}://{address.host}{address.path}{address.version_path}"
    try:
        priced = genai_prices.calc_price(reported, model, provider_api_url=url, genai_request_timestamp=at)
    except LookupError:
        return f"the price list does not know {model} at {address.host or address.scheme}"
    except ValueError as error:
        return f"the price list cannot price these token counts: {error}"
    if not _is_whole_host(priced.provider.api_pattern, url, address):
        return f"the price list does not know {address.host}"
    if priced.model_price.input_mtok is None or priced.model_price.output_mtok is None:
        return f"the price list has no price per token for {model}"  # it would count as 0
    return priced


def _rates(priced: PriceCalculation, source: str) -> Rates:
    """Tiers are cliffs: above their start the whole request costs theirs."""
    prices = priced.model_price
    prompt = [getattr(prices, f"{name}_mtok") for name in ("input", "cache_write", "cache_write_1h")]
    reply = [getattr(prices, f"{name}_mtok") for name in ("output", "output_reasoning")]
    starts = {tier.start for price in (*prompt, *reply) for tier in getattr(price, "tiers", ())}
    return Rates(
        tuple((start, _rate(prompt, reply, start)) for start in sorted({0, *starts})),
        source,
        _above(prices.requests_kcount, 0) / 1000,
    )


def _rate(prompt: Sequence[_Price], reply: Sequence[_Price], start: int) -> Rate:
    each = [_above(price, start) for price in prompt]
    usd = each[0] / MILLION
    return Rate(usd, max(each) / MILLION, max(_above(price, start) for price in reply) / MILLION)


def _above(price: _Price, start: int) -> Decimal:
    if price is None or isinstance(price, Decimal):
        return price or Decimal(0)
    return next((tier.price for tier in reversed(price.tiers) if tier.start <= start), price.base)


def _is_whole_host(pattern: str, url: str, address: Address) -> bool:
    """The list's patterns have no end: api.openai.com.example would match as well."""
    match = re.match(pattern, url)
    return match is not None and match.end() >= len(f"{address.scheme}://{address.host}")


def _source(priced: PriceCalculation, at: datetime) -> str:
    import genai_prices

    date = at.astimezone(UTC).date().isoformat()
    return f"genai-prices {genai_prices.__version__}, {priced.provider.id}/{priced.model.id}, prices of {date}"


def _unknown(why: str) -> Cost:
    return Cost(None, CostBasis.UNKNOWN, why)
