"""A price is the config's, or the price list's for that host and day, or unknown with the reason."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal

import genai_prices
import pytest

from hybridchat.backends.base import BackendSpec
from hybridchat.domain.address import parse_base_url
from hybridchat.domain.chat import CostBasis, Kind, Proof, Zone
from hybridchat.domain.events import Usage
from hybridchat.domain.pricing import PricePerMillion, Rate
from hybridchat.session.prices import PriceBook

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
USAGE = Usage(prompt_tokens=1200, cached_tokens=200, completion_tokens=100)
DEAL = PricePerMillion(input=Decimal(1), output=Decimal(2))


def spec(url: str = "https://api.openai.com/v1", zone: Zone = Zone.MANAGED, **changes: object) -> BackendSpec:
    proof = None if zone is Zone.MANAGED else Proof.VOUCHED
    fields = {"id": "b", "kind": Kind.OPENAI_COMPATIBLE, "address": parse_base_url(url), "zone": zone, "proof": proof}
    return BackendSpec(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "provider", "model"),
    [
        ("https://api.openai.com/v1", "openai", "gpt-4o"),
        ("https://api.openai.com/v1", "openai", "gpt-4.1-mini"),
        ("https://openrouter.ai/api/v1", "openrouter", "openai/gpt-4o"),
        ("https://api.groq.com/openai/v1", "groq", "llama-3.3-70b-versatile"),
        ("https://api.mistral.ai/v1", "mistral", "mistral-small-latest"),
        ("https://api.deepseek.com", "deepseek", "deepseek-chat"),
    ],
)
def test_as_the_price_list_computes_it(url: str, provider: str, model: str) -> None:
    usage = genai_prices.Usage(input_tokens=1200, cache_read_tokens=200, output_tokens=100)
    theirs = genai_prices.calc_price(usage, model, provider_id=provider, genai_request_timestamp=AT)
    cost = PriceBook().cost_of(spec(url), model, USAGE, AT)
    assert (cost.usd, cost.basis) == (theirs.total_price, CostBasis.PRICED)
    assert cost.usd > 0
    version, where = f"genai-prices {genai_prices.__version__}", f"{provider}/{theirs.model.id}"
    assert cost.detail == f"{version}, {where}, prices of 2026-06-01"


def test_by_hand() -> None:
    """gpt-4o: 1,000 · 2.50 + 200 · 1.25 + 100 · 10 USD per million."""
    assert PriceBook().cost_of(spec(), "gpt-4o", USAGE, AT).usd == Decimal("0.00375")


def test_the_price_of_the_attempts_own_day() -> None:
    """A model whose price changed on a date that the list knows."""
    snapshot = genai_prices.data_snapshot.get_snapshot()
    provider, model, start = next(
        (provider, model, price.constraint.start_date)
        for provider in snapshot.providers
        if provider.id == "openai"
        for model in provider.models
        if isinstance(model.prices, list)
        for price in model.prices
        if hasattr(price.constraint, "start_date") and price.prices.input_mtok != model.prices[0].prices.input_mtok
    )
    assert provider.id == "openai"
    noon = datetime(start.year, start.month, start.day, 12, tzinfo=UTC)
    before, after = (PriceBook().cost_of(spec(), model.id, USAGE, noon.replace(year=year)) for year in (2020, 2099))
    assert before.usd != after.usd


def test_the_configs_price_wins_on_either_side_and_for_dated_releases() -> None:
    usage = Usage(prompt_tokens=1_000_000, completion_tokens=1_000_000)
    for model in ("gpt-4o", "gpt-4o-2026-01-31", "gpt-4o-20260131"):
        cost = PriceBook().cost_of(spec(prices={"gpt-4o": DEAL}), model, usage, AT)
        assert (cost.usd, cost.basis) == (Decimal(3), CostBasis.CONFIGURED)
    other = PriceBook().cost_of(spec(prices={"gpt-4o": DEAL}), "gpt-4o-mini", usage, AT)
    assert other.basis is CostBasis.PRICED
    local = spec("http://127.0.0.1:8000", Zone.DEVICE, prices={"tiny": DEAL})
    assert PriceBook().cost_of(local, "tiny", usage, AT).usd == Decimal(3)


@pytest.mark.parametrize("zone", [Zone.DEVICE, Zone.PRIVATE])
def test_the_list_is_never_asked_about_a_local_model(zone: Zone) -> None:
    cost = PriceBook().cost_of(spec("http://127.0.0.1:11434", zone), "deepseek-r1:8b", USAGE, AT)
    assert (cost.usd, cost.basis) == (None, CostBasis.UNKNOWN)
    assert PriceBook().rates(spec(zone=zone), "gpt-4o") is None


@pytest.mark.parametrize(
    ("url", "model", "why"),
    [
        ("https://api.openai.com/v1", "no-such-model", "does not know no-such-model at api.openai.com"),
        ("https://gateway.example/v1", "gpt-4o", "does not know gpt-4o at gateway.example"),
        ("https://api.openai.com.example/v1", "gpt-4o", "does not know api.openai.com.example"),
        ("http://127.0.0.1:11434", "gpt-oss:120b-cloud", "does not know gpt-oss:120b-cloud at 127.0.0.1"),
        ("https://api.openai.com/v1", "whisper-1", "no price per token for whisper-1"),
        ("https://api.openai.com/v1", "", "does not know"),
    ],
)
def test_unknown_is_unknown_with_the_reason(url: str, model: str, why: str) -> None:
    cost = PriceBook().cost_of(spec(url), model, USAGE, AT)
    assert (cost.usd, cost.basis) == (None, CostBasis.UNKNOWN)
    assert why in cost.detail
    assert PriceBook().rates(spec(url), model) is None


@pytest.mark.parametrize("usage", [Usage(), Usage(prompt_tokens=1), Usage(completion_tokens=1)])
def test_without_counts_there_is_no_cost(usage: Usage) -> None:
    assert PriceBook().cost_of(spec(), "gpt-4o", usage, AT).usd is None


def test_counts_that_cannot_be_are_said() -> None:
    cost = PriceBook().cost_of(spec(), "gpt-4o", Usage(prompt_tokens=1, cached_tokens=5, completion_tokens=1), AT)
    assert cost.usd is None
    assert cost.detail.startswith("the price list cannot price these token counts")


def test_the_estimates_price_per_token() -> None:
    rates = PriceBook().rates(spec(), "gpt-4o")
    assert rates is not None
    assert rates.at(1_000_000) == Rate(Decimal("0.0000025"), Decimal("0.0000025"), Decimal("0.00001"))
    assert rates.source.startswith("genai-prices ")
    configured = PriceBook().rates(spec(prices={"m": DEAL}), "m")
    assert configured is not None
    assert (configured.at(5).reply_usd, configured.source) == (Decimal("0.000002"), "config.toml")


def test_the_heavy_list_is_loaded_only_for_a_managed_price() -> None:
    code = """
import sys
from datetime import datetime, UTC
from decimal import Decimal
from hybridchat.session.prices import PriceBook
from hybridchat.backends.base import BackendSpec
from hybridchat.domain.address import parse_base_url
from hybridchat.domain.chat import Kind, Proof, Zone
from hybridchat.domain.events import Usage
from hybridchat.domain.pricing import PricePerMillion
address = parse_base_url("http://127.0.0.1:1")
price = PricePerMillion(input=Decimal(1), output=Decimal(1))
lab = BackendSpec(id="b", kind=Kind.VLLM, address=address, zone=Zone.DEVICE, proof=Proof.VOUCHED, prices={"m": price})
for model in ("m", "gpt-4o"):
    PriceBook().cost_of(lab, model, Usage(prompt_tokens=1, completion_tokens=1), datetime.now(UTC))
    PriceBook().rates(lab, model)
print("genai_prices" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50)
    assert done.stdout.strip() == "False", done.stderr


def test_a_quote_for_who_chooses_a_model() -> None:
    """gpt-4o: 2.50 and 10 USD per million, 128,000 tokens."""
    quote = PriceBook().quote(spec(), "gpt-4o")
    assert quote is not None
    assert (quote.input_usd, quote.output_usd, quote.context_window) == (2.5, 10.0, 128_000)
    assert "openai/gpt-4o" in quote.source
    deal = PriceBook().quote(spec(prices={"own": DEAL}), "own")
    assert deal is not None
    assert (deal.input_usd, deal.output_usd, deal.source) == (1.0, 2.0, "config.toml")
    assert PriceBook().quote(spec(), "no-such-model") is None
    assert PriceBook().quote(spec("http://127.0.0.1:8000", Zone.DEVICE), "gpt-4o") is None
