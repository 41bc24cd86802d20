"""Budgets in a session: what the plan says, what is sent, what is reserved, and what the user may do."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from hybridchat.config import BackendBudget, BackendConfig, BudgetConfig, Config
from hybridchat.domain.budget import Scope, Stand
from hybridchat.domain.chat import CostBasis, MessageState, Outcome, Parameters, Zone
from hybridchat.domain.events import Event, Failed, Finished, Started, Text, Usage
from hybridchat.domain.pricing import PricePerMillion
from hybridchat.domain.routing import Outlook
from hybridchat.errors import EXIT_REFUSED, ErrorKind, Refused, UsageError
from hybridchat.ledger.store import open_ledger
from hybridchat.session.budget_file import BudgetFile
from hybridchat.session.events import AttemptPriced, TurnBegan
from tests.unit.ledger.helpers import end_of, new_turn, opened
from tests.unit.ledger.test_money import attempt, begin
from tests.unit.session.conftest import Build, World, spec, until

PRICE = PricePerMillion(input=Decimal(3), output=Decimal(1000))  # a reply of 4,096 tokens: 4.096 USD
CLOUD = spec("cloud", Zone.MANAGED, prices={"tiny": PRICE})
LAB = spec("lab", Zone.DEVICE)


def budget(**limits: Any) -> Config:
    return Config(budget=BudgetConfig(**{k: Decimal(v) if isinstance(v, str) else v for k, v in limits.items()}))


async def ask(world: World, text: str = "hi", **wish: Any) -> Any:
    chat = world.session.new()
    await world.session.send(chat, text, route="cloud", **wish)
    reply = await world.session.wait(chat)
    await world.session.books.settle()
    return reply


async def stood(world: World) -> list[tuple[Decimal, Decimal]]:
    return [(s.settled_usd, s.reserved_usd) for s in await world.session.budgets.standings(None)]


async def test_a_reply_is_reserved_for_and_then_settled(build: Build) -> None:
    world = await build(CLOUD, config=budget(day="10"))
    go_on = asyncio.Event()
    cloud = world.backends["cloud"]
    cloud.script = (go_on, *cloud.script)
    chat = world.session.new()
    await world.session.send(chat, "hi", route="cloud")
    ((settled, reserved),) = await stood(world)
    assert settled == 0
    assert Decimal("4.096") < reserved < Decimal("4.2")
    go_on.set()
    await world.session.wait(chat)
    await world.session.books.settle()
    assert await stood(world) == [(Decimal("0.002015"), 0)]
    assert cloud.requests[0].parameters.max_tokens == 4096


async def test_two_streams_share_a_budget(build: Build) -> None:
    world = await build(CLOUD, config=budget(day="5"))
    go_on = asyncio.Event()
    cloud = world.backends["cloud"]
    cloud.script = (go_on, *cloud.script)
    one, two = world.session.new(), world.session.new()
    sent = await asyncio.gather(
        *(world.session.send(chat, "hi", route="cloud") for chat in (one, two)), return_exceptions=True
    )
    (refused,) = [error for error in sent if error is not None]
    assert isinstance(refused, Refused)  # by the ledger; or by the plan, where the other one was quick to reserve
    assert len(await asyncio.wrap_future(world.ledger.conversations())) == 1
    go_on.set()
    for chat in (one, two):
        if chat.messages:
            await world.session.wait(chat)
    await world.session.books.settle()
    await ask(world)
    assert len(cloud.requests) == 2


async def test_at_the_stop_the_plan_says_what_remains_and_offers_the_local_side(build: Build) -> None:
    world = await build(LAB, CLOUD, config=budget(day="4"))
    chat = world.session.new()
    with pytest.raises(Refused, match=r"cloud: the day budget of \$4.00 has \$4.00 left, and this could cost") as stop:
        await world.session.send(chat, "hi", route="cloud")
    assert stop.value.exit_code == EXIT_REFUSED
    assert stop.value.remedy == "choose --backend lab, or raise it with `hybridchat budget set day USD`"
    plan = world.session.plan(chat, "hi", route="cloud")
    assert (plan.decision.outlook, [c.backend for c in plan.decision.choices]) == (Outlook.ASK, ["lab"])
    assert plan.forbidden is not None and plan.budget is not None
    assert (plan.forbidden.backend, plan.budget.stand) == ("cloud", Stand.OVER)
    assert plan.budget.standings[0].remaining_usd == 4
    assert world.backends["cloud"].requests == []
    await world.session.send(chat, "hi", route="lab")
    assert (await world.session.wait(chat)).state is MessageState.COMPLETE


async def test_without_a_local_side_it_is_refused(build: Build) -> None:
    world = await build(CLOUD, config=budget(month="4"))
    with pytest.raises(Refused, match="raise it with `hybridchat budget set month USD`"):
        await ask(world)


async def test_a_raised_budget_holds_at_once(build: Build) -> None:
    world = await build(CLOUD, config=budget(day="4"))
    await world.session.budgets.set_limit(Scope.DAY, Decimal(9))
    assert (await ask(world)).state is MessageState.COMPLETE
    await world.session.budgets.set_limit(Scope.CONVERSATION, Decimal(1))
    with pytest.raises(Refused, match="the conversation budget"):
        await ask(world)
    await world.session.budgets.set_limit(Scope.CONVERSATION, None)
    assert (await ask(world)).state is MessageState.COMPLETE


async def test_a_budget_that_another_window_changes_holds_from_the_next_message_on(build: Build, home: Any) -> None:
    path = home / "config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("[budget]\nday = 9\n")
    world = await build(CLOUD, config=budget(day="9"), budget_file=BudgetFile(path))
    elsewhere = BudgetFile(path)
    elsewhere.keep(Scope.DAY, Decimal(1), None)
    with pytest.raises(Refused, match=r"the day budget of \$1.00 has"):
        await ask(world)
    elsewhere.keep(Scope.DAY, Decimal(5), None)
    assert (await ask(world)).state is MessageState.COMPLETE


@pytest.mark.parametrize("text", ["[budget", "[budget]\nday = -1\n", None])
async def test_a_config_that_cannot_be_read_takes_no_budget_away(build: Build, home: Any, text: str | None) -> None:
    path = home / "config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("[budget]\nday = 4\n")
    world = await build(CLOUD, config=budget(day="4"), budget_file=BudgetFile(path))
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(Refused, match=r"the day budget of \$4.00 has"):
        await ask(world)


async def test_what_another_window_spends_is_seen_by_a_look_now_and_then(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hybridchat.session.chat.HEALTH_EVERY_S", 0.01)
    ledger = open_ledger(None)
    world = await build(CLOUD, config=budget(day="9"), ledger=ledger, watch=True)
    await world.session.books.settle()
    assert [s.reserved_usd for s in world.session.budgets.known()] == [0]
    await asyncio.to_thread(begin, ledger, attempt())
    await until(lambda: [s.reserved_usd for s in world.session.budgets.known()] == [Decimal("0.10")])


@pytest.mark.parametrize(("usd", "backend"), [("-1", None), ("NaN", None), ("1e7", None), ("1", "cloud")])
async def test_what_is_no_budget_changes_nothing(build: Build, usd: str, backend: str | None) -> None:
    world = await build(CLOUD, config=budget(conversation="4"))
    with pytest.raises(UsageError):
        await world.session.budgets.set_limit(Scope.CONVERSATION, Decimal(usd), backend)
    assert [limit.usd for limit in world.session.budgets.limits] == [4]


async def test_a_reply_is_cut_where_the_user_allows_it(build: Build) -> None:
    world = await build(CLOUD, config=budget(day="2", lower_max_tokens=True))
    chat = world.session.new()
    world.session.plan(chat, "hi", route="cloud")
    await world.session.books.settle()
    verdict = world.session.plan(chat, "hi", route="cloud").budget
    assert verdict is not None
    assert (verdict.stand, verdict.max_tokens) == (Stand.LOWERED, 1999)
    world.backends["cloud"].script = (Text("as far as it"), Finished("length"))
    reply = await ask(world)
    assert reply.note == "cut off at 1,999 tokens, the most that was asked for; ask it to go on"
    assert world.backends["cloud"].requests[0].parameters.max_tokens == reply.attempt.max_tokens == 1999
    said = "reply of at most 1,999 tokens: the day budget of $2.00 has $2.00 left"
    assert [began.budget for began in world.told(TurnBegan)] == [said]


async def test_a_budget_with_room_has_nothing_to_say(build: Build) -> None:
    world = await build(CLOUD, config=budget(day="9"))
    await ask(world)
    assert [began.budget for began in world.told(TurnBegan)] == [""]


async def test_the_users_own_limit_is_kept_where_it_is_lower(build: Build) -> None:
    world = await build(CLOUD, config=budget(day="2"))
    await ask(world, parameters=Parameters(max_tokens=100))
    assert world.backends["cloud"].requests[0].parameters.max_tokens == 100


async def test_a_longer_reply_that_the_user_asks_for_is_reserved_for_and_not_cut_in_silence(build: Build) -> None:
    world = await build(CLOUD, config=budget(day="9", max_reply_tokens=50))
    reply = await ask(world, parameters=Parameters(max_tokens=8000))
    assert world.backends["cloud"].requests[0].parameters.max_tokens == reply.attempt.max_tokens == 8000
    with pytest.raises(Refused, match="this could cost"):
        await ask(world, parameters=Parameters(max_tokens=9000))


async def test_without_a_budget_nothing_is_limited(build: Build) -> None:
    world = await build(CLOUD)
    reply = await ask(world)
    assert (world.backends["cloud"].requests[0].parameters.max_tokens, reply.attempt.max_tokens) == (None, None)
    assert world.session.plan(world.session.new(), "hi", route="cloud").budget is None


async def test_one_backends_budget_is_its_own(build: Build) -> None:
    own = BackendConfig(
        id="cloud", kind="openai", base_url="https://api.example.com", budget=BackendBudget(day=Decimal(1))
    )
    other = spec("other", Zone.MANAGED, prices={"tiny": PRICE})
    world = await build(CLOUD, other, config=Config(backend=(own,)))
    with pytest.raises(Refused, match=r"the day budget of \$1.00 for cloud has"):
        await ask(world)
    chat = world.session.new()
    await world.session.send(chat, "hi", route="other")
    assert (await world.session.wait(chat)).state is MessageState.COMPLETE
    assert world.backends["other"].requests[0].parameters.max_tokens is None


async def test_a_model_without_a_price_asks_first(build: Build) -> None:
    world = await build(spec("cloud", Zone.MANAGED, model="unheard-of"), config=budget(day="5"))
    with pytest.raises(Refused, match="its price is not known, and there is a budget to keep") as stop:
        await ask(world)
    assert "--unpriced" in stop.value.remedy
    assert not world.session.plan(world.session.new(), "hi", route="cloud").is_price_awaited
    assert world.session.plan(world.session.new(), "hi", route="cloud", model="another").is_price_awaited
    plan = world.session.plan(world.session.new(), "hi", route="cloud")
    assert plan.budget is not None and plan.budget.stand is Stand.UNPRICED
    world.session.budgets.allow_unpriced("cloud", "unheard-of")
    assert (await ask(world)).attempt.max_tokens is None


async def test_a_warning_near_the_end(build: Build) -> None:
    world = await build(CLOUD, config=budget(day="5", warn=0.0001))
    await ask(world)
    plan = world.session.plan(world.session.new(), "hi", route="cloud")
    assert plan.budget is not None and plan.budget.stand is Stand.WARNING


# --- estimates of what was not counted


async def cost_of(world: World, *script: Event | asyncio.Event) -> tuple[float | None, CostBasis]:
    world.backends["cloud"].script = script
    await ask(world, "four" * 100)
    attempt = world.told(AttemptPriced)[-1].attempt
    return attempt.cost_usd, attempt.cost_basis


PROMPT_USD = 104 * 3e-6  # 400 characters, and the message around them


@pytest.mark.parametrize(
    ("script", "usd"),
    [
        ((Text("four" * 10), Finished("stop")), PROMPT_USD + 10 * 1e-3),
        ((Text("four" * 10), Failed(ErrorKind.RESET, "gone")), PROMPT_USD + 10 * 1e-3),
        ((Text("four" * 10), Failed(ErrorKind.OVERLOADED, "in mid-stream")), PROMPT_USD + 10 * 1e-3),
        # Anthropic tells the prompt at the start: that is a count
        ((Usage(prompt_tokens=200), Text("four" * 10), Failed(ErrorKind.RESET, "gone")), 200 * 3e-6 + 10 * 1e-3),
        # Gemini counts while it streams: at least what came
        ((Usage(200, None, None, 7), Text("four" * 10), Failed(ErrorKind.RESET, "gone")), 200 * 3e-6 + 10 * 1e-3),
        ((Usage(200, None, None, 90, 80), Text("four"), Failed(ErrorKind.RESET, "gone")), 200 * 3e-6 + 90 * 1e-3),
    ],
)
async def test_what_broke_or_was_not_counted_is_estimated(build: Build, script: tuple[Event, ...], usd: float) -> None:
    world = await build(CLOUD)
    assert await cost_of(world, Started("tiny"), *script) == (pytest.approx(usd), CostBasis.ESTIMATED)


@pytest.mark.parametrize("kind", [ErrorKind.AUTH, ErrorKind.BAD_REQUEST, ErrorKind.MODEL_MISSING])
async def test_what_never_ran_costs_nothing_and_holds_nothing(build: Build, kind: ErrorKind) -> None:
    world = await build(CLOUD, config=budget(day="9"))
    world.backends["cloud"].script = (Failed(kind, "no"),)
    attempt = (await ask(world)).attempt
    assert (attempt.cost_usd, attempt.cost_basis) == (None, CostBasis.UNKNOWN)
    assert await stood(world) == [(0, 0)]


async def test_a_stopped_reply_is_estimated(build: Build) -> None:
    world = await build(CLOUD)
    never = asyncio.Event()
    world.backends["cloud"].script = (Started("tiny"), Text("four" * 10), never)
    chat = world.session.new()
    await world.session.send(chat, "four" * 100, route="cloud")
    await until(lambda: chat.turn is not None and chat.turn.reply.text)
    await world.session.stop(chat)
    await world.session.books.settle()
    attempt = world.told(AttemptPriced)[-1].attempt
    assert (attempt.outcome, attempt.cost_basis) == (Outcome.STOPPED, CostBasis.ESTIMATED)
    assert attempt.cost_usd == pytest.approx(PROMPT_USD + 0.01)


async def test_the_models_own_ratio_corrects_both_estimates(build: Build) -> None:
    world = await build(CLOUD)
    for _ in range(6):
        world.backends["cloud"].script = (Text("four" * 10), Usage(312, None, None, 50), Finished("stop"))
        await ask(world, "four" * 100)
    plan = world.session.plan(world.session.new(), "four" * 100, route="cloud")
    assert plan.prompt_tokens == 312
    assert plan.cost is not None and plan.cost.with_reply
    assert plan.cost.low_usd == plan.cost.high_usd == Decimal("0.050936")
    usd = 312 * 3e-6 + 50 * 1e-3
    assert await cost_of(world, Text("four" * 10), Finished("stop")) == (pytest.approx(usd), CostBasis.ESTIMATED)


async def test_what_was_counted_but_not_priced_in_time_is_priced_at_its_own_time(build: Build, home: Any) -> None:
    path = home / "hybridchat.db"
    with opened(path) as ledger:
        ids = ledger.begin_turn(new_turn(attempt=attempt(backend="cloud", model="tiny"))).result()
        ledger.end_attempt(end_of(ids)).result()
    world = await build(CLOUD, ledger=open_ledger(path))
    await world.session.books.settle()
    ((row,),) = [list(await asyncio.wrap_future(world.ledger.branch(1)))[-1:]]
    assert row.attempt is not None
    assert row.attempt.cost_basis is CostBasis.CONFIGURED
    assert row.attempt.cost_usd == pytest.approx(10 * 3e-6 + 21 * 1e-3)
    assert datetime.fromisoformat(row.attempt.started_at).tzinfo == UTC
