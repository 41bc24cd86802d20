"""What the plan hands to routing."""

from __future__ import annotations

from pathlib import Path

import pytest

from hybridchat import wiring
from hybridchat.domain.chat import HealthState, Zone
from hybridchat.domain.events import Failed
from hybridchat.domain.routing import Outlook
from hybridchat.errors import ErrorKind, HybridchatError, Refused, UsageError
from hybridchat.session.state import Draft
from tests.unit.session.conftest import Build, spec


async def test_a_local_server_that_turns_out_to_forward_gets_no_further_turns_unasked(build: Build) -> None:
    world = await build(spec("lab", Zone.DEVICE))
    chat = world.session.new()
    await world.session.send(chat, "first")
    await world.session.wait(chat)
    world.backends["lab"].script = (Failed(ErrorKind.FORWARDED, "answered by elsewhere.example"),)
    await world.session.send(chat, "second")
    await world.session.wait(chat)

    decision = world.session.plan(chat, "third").decision
    assert (decision.outlook, decision.reasons[-1]) == (Outlook.ASK, "decided at the first message")
    with pytest.raises(HybridchatError, match="--backend lab"):
        await world.session.send(chat, "third")
    assert len(world.backends["lab"].requests) == 2


@pytest.mark.parametrize(
    ("route", "why"), [(None, "no local backend is configured"), ("cloud", "this conversation is local only")]
)
async def test_a_local_only_run_with_managed_backends_alone_is_refused_as_policy(
    build: Build, route: str | None, why: str
) -> None:
    world = await build(spec("cloud", Zone.MANAGED), local_only=True)
    with pytest.raises(Refused, match=why):
        await world.session.send(world.session.new(), "hi", route=route)


async def test_a_model_belongs_to_the_route_it_came_with(build: Build) -> None:
    world = await build(spec("lab", Zone.DEVICE), spec("cloud", Zone.MANAGED))
    chat = world.session.new(route="lab", model="special")

    def models(**wish: str) -> dict[str, str]:
        plan = world.session.planner.plan(chat, Draft("hi", **wish))
        asked = plan.decision.choices or (plan.decision.target,)
        return {c.backend: c.model for c in asked if c is not None}

    assert models() == {"lab": "special"}
    assert models(route="cloud") == {"cloud": "tiny"}
    assert models(route="cloud", model="huge") == {"cloud": "huge"}
    world.backends["lab"].state = HealthState.UNHEALTHY
    await world.session.check_health("lab")
    assert models() == {"cloud": "tiny"}


async def test_a_broken_config_is_what_speaks_against_sending(home: Path) -> None:
    home.mkdir()  # noqa: ASYNC240 - before anything runs
    (home / "config.toml").write_text("[ui]\nthem = 1\n")
    session = wiring.load(strict=False).open_session()
    try:
        await session.start(watch=False)
        chat = session.new()
        decision = session.plan(chat, "hi").decision
        assert decision.reasons == ("config.toml has a mistake",)
        assert "config.toml:2: ui.them" in decision.remedy
        with pytest.raises(UsageError, match=r"config\.toml:2: ui\.them"):
            await session.send(chat, "hi")
    finally:
        await session.close()
