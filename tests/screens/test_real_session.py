"""The screen over the real session, an in-memory ledger and the simulated backends: the two keep their contract."""

from __future__ import annotations

import pytest

from hybridchat import wiring
from hybridchat.backends import simulated
from hybridchat.session.chat import Session
from hybridchat.tui.screens.chats import ChatList
from hybridchat.tui.screens.dialogs import Prompt
from hybridchat.tui.screens.picker import Picker
from tests.tui.conftest import Screenplay, Stage


async def demo() -> Session:
    return wiring.open_demo_session()


async def answered(stage: Stage, text: str) -> None:
    """Sends and waits for the whole reply."""
    before = stage.text.count("to first token")
    await stage.send(text)
    await stage.until(lambda: stage.screen.chat and stage.screen.chat.messages)
    await stage.until(lambda: stage.text.count("to first token") > before and not stage.screen.chat.is_streaming)


async def test_a_conversation_from_end_to_end(play: Screenplay) -> None:
    async with play(open_session=demo, size=(120, 60)) as stage:
        await stage.until(lambda: "Enter sends to simulated-local" in stage.text)
        await answered(stage, "hello")
        await stage.until(lambda: stage.screen.panel.snapshot.local.replies == 1)
        await stage.press("ctrl+g")
        await stage.until(lambda: "Enter asks where to send" in stage.text)
        await stage.send("something hard")
        await stage.until_top(Picker)
        await stage.press("down", "enter")
        await stage.until(lambda: stage.screen.panel.snapshot.managed.replies == 1)
        await stage.until(lambda: (stage.screen.panel.snapshot.managed.cost_chat.usd or 0) > 0)
        await stage.until(lambda: "share" in stage.text and "50%" in stage.text)
        await stage.until(lambda: " configured" in stage.text)  # the price came in after the reply's end


async def test_stop_queue_and_what_waits(play: Screenplay, monkeypatch: pytest.MonkeyPatch) -> None:
    unhurried = simulated.Pace(delay_s=0.0, tokens_per_s=5.0)  # far from its end when it is stopped
    monkeypatch.setattr(simulated, "Pace", lambda **_: unhurried)
    async with play(open_session=demo) as stage:
        await stage.until(lambda: "Enter sends to" in stage.text)
        await stage.send("first")
        await stage.until(lambda: "Simulated reply" in stage.text)
        await stage.send("second")
        await stage.until(lambda: "1 waiting" in stage.text)
        await stage.press("escape")
        await stage.until(lambda: "Enter sends what waits to" in stage.text)
        await stage.press("enter")
        await stage.until(lambda: "1 waiting" not in stage.text and stage.screen.chat.is_streaming)
        await stage.press("escape")
        await stage.until(lambda: not stage.screen.chat.is_streaming)


async def test_rename_delete_and_bring_back(play: Screenplay) -> None:
    async with play(open_session=demo) as stage:
        await stage.until(lambda: "Enter sends to" in stage.text)
        await answered(stage, "the first title")
        await stage.press("f2")
        await stage.until_top(Prompt)
        await stage.press("ctrl+u", "n", "e", "w", "enter")
        await stage.until(lambda: stage.text.startswith("  new "))
        await stage.press("ctrl+o")
        chats = await stage.until_top(ChatList)
        await stage.until(lambda: [row.text for row in chats.list.rows] == ["new"])
        await stage.press("f8")
        await stage.until(lambda: chats.list.current is None)
        await stage.press("escape")
        await stage.until(lambda: stage.text.startswith("  New chat"))
        await stage.press("f9")
        await stage.until(lambda: stage.text.startswith("  new ") and "to first token" in stage.text)


async def test_leaving_a_running_reply_and_coming_back(play: Screenplay) -> None:
    async with play(open_session=demo) as stage:
        await stage.until(lambda: "Enter sends to" in stage.text)
        await stage.send("a long one")
        await stage.until(lambda: "Simulated reply" in stage.text)
        number = stage.screen.chat.id
        await stage.press("ctrl+n")
        await stage.until(lambda: "Simulated reply" not in stage.text)
        await stage.screen.open_chat(number)
        await stage.until(lambda: "Simulated reply" in stage.text)
        await stage.until(lambda: "to first token" in stage.text)
        assert stage.screen.transcript.last_reply().count("Simulated reply") == 1
