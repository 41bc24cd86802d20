"""Enter does what the line over the composer says, in every state that it depends on."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from hybridchat.domain.chat import HealthState
from hybridchat.domain.routing import Candidate
from hybridchat.session.state import Draft
from hybridchat.tui.enter import Enter
from hybridchat.tui.screens.picker import Picker
from tests.tui.conftest import Screenplay, Stage
from tests.tui.fake_session import CLOUD, LAB, FakeSession
from tests.tui.samples import CONVERSATION

DOWN = replace(LAB, health=HealthState.UNHEALTHY, health_detail="nothing listens")
STATES: dict[Enter, tuple[tuple[Candidate, ...], bool, list[str], str]] = {  # backends, streams?, waiting, draft
    Enter.SEND: ((LAB, CLOUD), False, [], "draft"),
    Enter.QUEUE: ((LAB, CLOUD), True, [], "draft"),
    Enter.SEND_WAITING: ((LAB, CLOUD), False, ["first", "second"], ""),
    Enter.SEND_WAITING_QUEUE_THIS: ((LAB, CLOUD), False, ["first"], "draft"),
    Enter.QUEUE_IN_VAIN: ((DOWN,), True, [], "draft"),
    Enter.LATER: ((LAB, CLOUD), True, [], "draft"),
    Enter.ASK: ((DOWN, CLOUD), False, [], "draft"),
    Enter.ASK_WAITING: ((DOWN, CLOUD), False, ["first"], "draft"),
    Enter.REFUSE: ((), False, [], "draft"),
    Enter.REFUSE_WAITING: ((DOWN,), False, ["first"], "draft"),
}


async def in_state(stage: Stage, enter: Enter) -> list[str]:
    """Brings a reopened chat into the state and returns what has been sent on the way."""
    backends, streams, waiting, draft = STATES[enter]
    chat = stage.screen.chat
    assert chat is not None
    if streams:
        await stage.send("running")
        await stage.until(lambda: chat.is_streaming)
    stage.session.backends = list(backends)
    chat.queue = [Draft(text) for text in waiting]
    stage.screen.show_waiting()
    if enter is Enter.LATER:
        stage.screen.action_edit_message()
    stage.screen.composer.set_draft(draft)
    await stage.until(lambda: f"{enter} " in stage.text or f"{enter}:" in stage.text)
    return [message.text for message in stage.session.sent]


@pytest.mark.parametrize("enter", Enter)
async def test_enter_does_what_the_line_says(play: Screenplay, enter: Enter) -> None:
    session = FakeSession()
    session.add("chat", CONVERSATION)
    async with play(session, reopen_latest=True) as stage:
        chat = stage.screen.chat
        assert chat is not None
        before = await in_state(stage, enter)
        await stage.press("enter")
        if enter.asks:
            await stage.until_top(Picker)
            await stage.press("down", "enter")
        if enter.refuses or enter is Enter.LATER:
            await stage.until(lambda: stage.banners)
        expected: dict[Enter, tuple[list[str], list[str], str]] = {  # sent, then waiting, then in the composer
            Enter.SEND: (["draft"], [], ""),
            Enter.QUEUE: ([], ["draft"], ""),
            Enter.SEND_WAITING: (["first"], ["second"], ""),
            Enter.SEND_WAITING_QUEUE_THIS: (["first"], ["draft"], ""),
            Enter.QUEUE_IN_VAIN: ([], ["draft"], ""),
            Enter.LATER: ([], [], "draft"),
            Enter.ASK: (["draft"], [], ""),
            Enter.ASK_WAITING: (["first"], [], "draft"),
            Enter.REFUSE: ([], [], "draft"),
            Enter.REFUSE_WAITING: ([], ["first"], "draft"),
        }
        sent, waits, kept = expected[enter]
        await stage.until(lambda: [m.text for m in session.sent] == [*before, *sent])
        await stage.until(lambda: [d.text for d in chat.queue] == waits)
        await stage.until(lambda: stage.screen.composer.text == kept)
        if enter.asks:
            assert (session.sent[-1].route, session.sent[-1].model) == ("openai", "gpt-big")


async def test_enter_with_nothing_to_send_sends_nothing_while_a_reply_streams(play: Screenplay) -> None:
    async with play() as stage:
        await stage.send("running")
        await stage.until(lambda: stage.session.sent and Enter.QUEUE in stage.text)
        await stage.press("enter")
        await stage.settle()
        assert len(stage.session.sent) == 1
        assert stage.screen.chat is not None and stage.screen.chat.queue == []
