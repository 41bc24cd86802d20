"""What the plan hands to routing."""

from __future__ import annotations

import pytest

from hybridchat.domain.chat import Zone
from hybridchat.domain.events import Failed
from hybridchat.domain.routing import Outlook
from hybridchat.errors import ErrorKind, HybridchatError, Refused
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
    ("route", "why"), [(None, "no local backend is configured"), ("cloud", "this conversation is local_only")]
)
async def test_a_local_only_run_with_managed_backends_alone_is_refused_as_policy(
    build: Build, route: str | None, why: str
) -> None:
    world = await build(spec("cloud", Zone.MANAGED), local_only=True)
    with pytest.raises(Refused, match=why):
        await world.session.send(world.session.new(), "hi", route=route)
