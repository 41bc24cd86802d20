from __future__ import annotations

from decimal import Decimal

import pytest

from hybridchat.domain.chat import CostBasis
from hybridchat.domain.estimate import Spread, TokenEstimate
from hybridchat.domain.events import Usage
from hybridchat.domain.pricing import (
    CostEstimate,
    PricePerMillion,
    Rate,
    Rates,
    cost_configured,
    estimate_cost,
    format_range,
    format_usd,
)

FLAT = PricePerMillion(input=Decimal("0.20"), output=Decimal("0.60"))
CACHING = PricePerMillion(input=Decimal("3"), output=Decimal("15"), cached=Decimal("0.30"), cache_write=Decimal("3.75"))


@pytest.mark.parametrize(
    ("price", "usage", "usd"),
    [
        # 1,000 · 0.20/M + 500 · 0.60/M = 0.0002 + 0.0003
        (FLAT, Usage(prompt_tokens=1000, completion_tokens=500), "0.0005"),
        # without a rate of their own, cached tokens cost as input
        (FLAT, Usage(prompt_tokens=1000, cached_tokens=400, completion_tokens=500), "0.0005"),
        # 700 · 3 + 200 · 0.30 + 100 · 3.75 + 10 · 15 = 2,100 + 60 + 375 + 150
        (
            CACHING,
            Usage(prompt_tokens=1000, cached_tokens=200, cache_write_tokens=100, completion_tokens=10),
            "0.002685",
        ),
        # thinking is part of the completion: not counted twice
        (CACHING, Usage(prompt_tokens=0, completion_tokens=10, thinking_tokens=8), "0.00015"),
        # a server that counts more cached tokens than there are does not make input negative
        (CACHING, Usage(prompt_tokens=100, cached_tokens=200, completion_tokens=0), "0.00006"),
        (FLAT, Usage(prompt_tokens=0, completion_tokens=0), "0"),
        # exact: as floats 1e-6 · 0.1 would not be
        (PricePerMillion(input=Decimal("0.1"), output=Decimal(0)), Usage(prompt_tokens=3, completion_tokens=0), "3E-7"),
    ],
)
def test_configured_prices_by_hand(price: PricePerMillion, usage: Usage, usd: str) -> None:
    cost = cost_configured(usage, price)
    assert (cost.usd, cost.basis) == (Decimal(usd), CostBasis.CONFIGURED)


@pytest.mark.parametrize("usage", [Usage(), Usage(prompt_tokens=5), Usage(completion_tokens=5)])
def test_without_counts_the_cost_is_unknown(usage: Usage) -> None:
    cost = cost_configured(usage, FLAT)
    assert (cost.usd, cost.basis) == (None, CostBasis.UNKNOWN)
    assert cost.detail == "the server gave no token counts"


def test_the_detail_says_which_price() -> None:
    detail = cost_configured(Usage(prompt_tokens=1, completion_tokens=1), CACHING).detail
    assert detail == "config.toml: input 3, cached 0.30, cache_write 3.75, output 15 USD per million tokens"


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (None, "unknown"),
        (0, "$0"),
        (Decimal(0), "$0"),
        (Decimal("0.00009"), "<$0.0001"),
        (1e-9, "<$0.0001"),
        (Decimal("0.0001"), "$0.0001"),
        (0.0042, "$0.0042"),
        (0.042, "$0.042"),
        (0.42, "$0.42"),
        (1.234, "$1.23"),
        (Decimal("12345.678"), "$12,345.68"),
    ],
)
def test_format_usd(usd: Decimal | float | None, text: str) -> None:
    assert format_usd(usd) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        ("0.0042", "0.011", "$0.0042–$0.011"),
        ("0.0042", "0.00421", "$0.0042"),
        ("0.00001", "0.011", "up to $0.011"),
        ("0.00001", "0.00002", "<$0.0001"),
        ("0", "0", "$0"),
    ],
)
def test_format_range(low: str, high: str, text: str) -> None:
    assert format_range(Decimal(low), Decimal(high)) == text


def test_rates_are_those_of_the_prompts_tier() -> None:
    low, high = (Rate(Decimal(n), Decimal(n), Decimal(10 * n)) for n in (1, 2))
    rates = Rates(((0, low), (200, high)), "here", request_usd=Decimal("0.5"))
    assert [rates.at(tokens) for tokens in (0, 1, 200, 201)] == [low, low, low, high]
    alone = estimate_cost(rates, TokenEstimate(150, 100, 201), Spread())
    assert alone == CostEstimate(Decimal("100.5"), Decimal("402.5"), with_reply=False, source="here")
    usual = estimate_cost(rates, TokenEstimate(100, 100, 100), Spread(9, 5, 6, 7))
    assert (usual.low_usd, usual.high_usd, usual.with_reply) == (Decimal("150.5"), Decimal("170.5"), True)
