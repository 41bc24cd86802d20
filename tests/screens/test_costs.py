"""What the panel says about money: a priced managed server beside a local one, over the real session and ledger."""

from __future__ import annotations

from pathlib import Path

from hybridchat import wiring
from hybridchat.domain.pricing import format_usd
from hybridchat.session.chat import Session
from tests.fakes.completions import FakeCompletions
from tests.fakes.configs import lab, rented, write_config
from tests.tui.conftest import Screenplay, Stage

TOKENS = 10
SECOND_QUESTION = "and now a somewhat longer question"


def usd(prompt_tokens: int) -> float:
    """What one reply costs, or would have cost, at the managed server."""
    return (prompt_tokens * 1000 + TOKENS * 2000) / 1e6


async def answered(stage: Stage, text: str) -> None:
    chat = stage.screen.chat
    assert chat is not None
    before = len(chat.messages)
    await stage.send(text)
    await stage.until(lambda: len(chat.messages) == before + 2 and not chat.is_streaming)


def row(stage: Stage, name: str) -> tuple[str, ...]:
    """The local and the managed cell of the panel."""
    line = next(line for line in stage.text.splitlines() if name in line)
    return tuple(line.partition(name)[2].split())


def configured_session(home: Path, local: FakeCompletions, managed: FakeCompletions) -> Session:
    write_config(home, lab(local.url), rented(managed.url))
    return wiring.load().open_session()


async def test_costs_and_the_estimate_move_with_the_replies(play: Screenplay, home: Path) -> None:
    async with FakeCompletions(tokens=TOKENS) as local, FakeCompletions(tokens=TOKENS) as managed:

        async def open_session() -> Session:
            return configured_session(home, local, managed)

        async with play(open_session=open_session, size=(120, 60)) as stage:
            await stage.until(lambda: "Enter sends to lab" in stage.text)
            session, chat = stage.app.session, stage.screen.chat
            assert session is not None and chat is not None

            await answered(stage, "one")
            would_have_cost = "Today's 1 local reply on the"
            await stage.until(lambda: would_have_cost in stage.text and f"≈ {format_usd(usd(1))}" in stage.text)
            assert row(stage, "cost this chat")[-1] == "–"

            await session.set_route(chat, "rented")
            await answered(stage, "two")
            first = usd(2 + TOKENS)  # both questions, and the reply between them
            await stage.until(lambda: row(stage, "cost this chat")[-1] == format_usd(first))
            assert row(stage, "cost today")[-1] == row(stage, "cost this month")[-1] == format_usd(first)
            assert would_have_cost in stage.text

            await stage.press("ctrl+n")
            await stage.until(lambda: row(stage, "cost this chat")[-1] == "–")
            assert row(stage, "cost today")[-1] == format_usd(first)

            await answered(stage, SECOND_QUESTION)
            both = usd(1) + usd(len(SECOND_QUESTION.split()))
            await stage.until(lambda: "Today's 2 local replies" in stage.text and f"≈ {format_usd(both)}" in stage.text)
