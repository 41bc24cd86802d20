"""What follows a reply: its price, the panel, the estimate before the next one."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from hybridchat.domain.chat import CostBasis, Health, HealthState, Kind, ModelInfo, Proof, Zone
from hybridchat.domain.pricing import PricePerMillion
from hybridchat.domain.routing import Outlook
from hybridchat.session.events import AttemptPriced, HealthChanged, SnapshotChanged
from tests.unit.session.conftest import Build, World, spec, until

PRICE = PricePerMillion(input=Decimal(3), output=Decimal(15))
LAB = spec("lab", Zone.DEVICE)
CLOUD = spec("cloud", Zone.MANAGED, prices={"tiny": PRICE})


async def ask(world: World, route: str) -> None:
    chat = world.session.new()
    await world.session.send(chat, "hi", route=route)
    await world.session.wait(chat)
    await world.session.books.settle()


async def stored(world: World) -> tuple[float | None, CostBasis]:
    """What the ledger has for the newest reply."""
    (newest, *_) = await world.session.conversations()
    attempt = (await asyncio.wrap_future(world.ledger.branch(newest.id)))[-1].attempt
    assert attempt is not None
    return attempt.cost_usd, attempt.cost_basis


async def test_a_managed_reply_is_priced_after_its_end(build: Build) -> None:
    world = await build(CLOUD)
    await ask(world, "cloud")
    (priced,) = world.told(AttemptPriced)
    assert priced.attempt.cost_basis is CostBasis.CONFIGURED
    assert priced.attempt.cost_usd == pytest.approx((5 * 3 + 2 * 15) / 1e6)
    assert await stored(world) == (priced.attempt.cost_usd, CostBasis.CONFIGURED)


async def test_a_local_reply_is_never_priced_by_the_list(build: Build) -> None:
    world = await build(spec("lab", Zone.DEVICE, model="gpt-4o"))
    await ask(world, "lab")
    assert world.told(AttemptPriced) == []
    assert await stored(world) == (None, CostBasis.UNKNOWN)


async def test_the_panel_counts_both_sides_and_prices_the_local_one_elsewhere(build: Build) -> None:
    world = await build(LAB, CLOUD)
    await ask(world, "lab")
    await ask(world, "cloud")
    snapshot = world.told(SnapshotChanged)[-1].snapshot
    assert (snapshot.local.replies, snapshot.managed.replies, snapshot.local_share) == (1, 1, 0.5)
    assert snapshot.managed.cost_today.usd == pytest.approx(45e-6)
    elsewhere = snapshot.counterfactual
    assert (elsewhere.replies, elsewhere.backend, elsewhere.model) == (1, "cloud", "tiny")
    assert elsewhere.usd == pytest.approx(45e-6)
    assert snapshot.local.ttft_ms.p50 is not None
    assert snapshot.local.ttft_ms.p95 is None


async def test_without_a_known_price_the_elsewhere_is_unknown(build: Build) -> None:
    world = await build(LAB, spec("cloud", Zone.MANAGED, model="no-such-model"))
    await ask(world, "lab")
    elsewhere = world.session.books.snapshot.counterfactual
    assert (elsewhere.usd, elsewhere.left_out) == (None, 1)
    assert elsewhere.reason


async def test_the_estimate_before_sending_needs_a_known_price(build: Build) -> None:
    world = await build(LAB, CLOUD)
    chat = world.session.new()
    assert world.session.plan(chat, "word " * 100, route="lab").cost is None
    world.session.plan(chat, "word", route="cloud")
    await world.session.books.settle()
    plan = world.session.plan(chat, "word " * 100, route="cloud")
    assert plan.cost is not None and plan.cost.source
    assert plan.cost.low_usd < plan.prompt_tokens * 3 / Decimal(10**6) < plan.cost.high_usd


async def test_a_forwarding_ollama_model_is_managed(build: Build) -> None:
    ollama = spec("ollama", Zone.DEVICE, kind=Kind.OLLAMA, model="harmless", proof=Proof.VOUCHED)
    world = await build(ollama)
    world.backends["ollama"].models = (ModelInfo("harmless:latest", remote_host="https://elsewhere.example"),)
    await world.session.check_health("ollama")
    (candidate,) = world.session.candidates()
    assert (candidate.zone, candidate.proof, candidate.remote_host) == (
        Zone.MANAGED,
        None,
        "https://elsewhere.example",
    )
    (cloud_name,) = world.session.candidates("gpt-oss:120b-cloud")
    assert cloud_name.zone is Zone.MANAGED


async def test_a_backend_without_any_model_says_so(build: Build) -> None:
    world = await build(spec("cloud", Zone.MANAGED, model=None))
    chat = world.session.new()
    decision = world.session.plan(chat, "hi").decision
    assert decision.outlook is not Outlook.SEND
    assert any("no model is chosen" in reason for reason in decision.reasons)


async def test_a_model_is_looked_for_where_it_is_offered(build: Build) -> None:
    world = await build(LAB, spec("other", Zone.DEVICE))
    world.backends["lab"].models = (ModelInfo("tiny"),)
    world.backends["other"].models = (ModelInfo("big"),)
    await world.session.check_health()
    assert [c.backend for c in world.session.candidates("big")] == ["other"]
    assert [c.backend for c in world.session.candidates("unheard-of")] == ["lab", "other"]


async def test_health_is_told_when_it_changes(build: Build) -> None:
    world = await build(LAB)
    world.backends["lab"].state = HealthState.UNHEALTHY
    await asyncio.gather(world.session.check_health("lab"), world.session.check_health("lab"))
    states = [e.health.state for e in world.told(HealthChanged)]
    assert states == [HealthState.HEALTHY, HealthState.UNHEALTHY]
    assert isinstance(world.session.health("lab"), Health)
    await until(lambda: world.session.candidates()[0].health is HealthState.UNHEALTHY)


async def test_a_reply_is_evidence_of_health(build: Build) -> None:
    world = await build(CLOUD)
    assert world.session.health("cloud").state is HealthState.UNKNOWN
    await ask(world, "cloud")
    assert world.session.health("cloud").state is HealthState.HEALTHY
