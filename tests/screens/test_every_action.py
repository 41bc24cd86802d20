"""Every action that the palette offers can be run, whatever the chat is like."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from textual.command import DiscoveryHit

from hybridchat.tui.actions import ACTIONS
from hybridchat.tui.palette import ActionProvider
from tests.tui.conftest import Screenplay, Stage
from tests.tui.samples import CONVERSATION


async def empty(stage: Stage) -> None:
    stage.screen.action_new_chat()


async def with_replies(stage: Stage) -> None:
    await stage.screen.open_chat(stage.session.add("chat", CONVERSATION))


async def streaming(stage: Stage) -> None:
    stage.screen.action_new_chat()
    await stage.send("go on")
    chat = stage.screen.chat
    assert chat is not None
    await stage.until(lambda: chat.is_streaming)
    stage.session.feed(chat, "It began ", ttft_ms=84.0)


async def queue_held(stage: Stage) -> None:
    await streaming(stage)
    await stage.send("and then?")
    assert stage.screen.chat is not None
    await stage.session.stop(stage.screen.chat)


async def back_in_the_chat(stage: Stage) -> None:
    """Until what the action began has ended; what it asks is closed without an answer."""
    while True:
        await stage.until(lambda: stage.app.screen is not stage.screen or all(w.is_finished for w in stage.app.workers))
        if stage.app.screen is stage.screen:
            return
        await stage.press("escape")


@pytest.mark.parametrize("state", [empty, with_replies, streaming, queue_held], ids=lambda state: state.__name__)
async def test_every_action_can_be_run(play: Screenplay, state: Callable[[Stage], Awaitable[None]]) -> None:
    async with play(size=(120, 40)) as stage:
        hits = [hit async for hit in ActionProvider(stage.screen).discover()]
        assert [hit.text for hit in hits] == [
            action.title for action in ACTIONS if action.in_palette and action.where != "transcript"
        ]
        for hit in hits:
            assert isinstance(hit, DiscoveryHit)
            await state(stage)
            running = hit.command()
            assert isinstance(running, Awaitable)
            await running
            await stage.settle()
            assert stage.app.last_words == "", hit.text
            if hit.text == "Quit":
                break
            await back_in_the_chat(stage)
            assert stage.app.last_words == "", hit.text
        assert hit.text == "Quit"
