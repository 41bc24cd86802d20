"""Retries, fallbacks, offers and several answers: the screen over the real session, two servers and a ledger."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from hybridchat import wiring
from hybridchat.config import UiConfig
from hybridchat.domain.chat import MessageState
from hybridchat.ledger.connect import connect
from hybridchat.ledger.times import utc_now
from hybridchat.session.chat import Session
from hybridchat.tui.screens.dialogs import Confirm, Prompt
from hybridchat.tui.screens.picker import Picker
from hybridchat.tui.stops import SetLimit
from tests.fakes.completions import FakeCompletions
from tests.fakes.configs import lab, rented, write_config
from tests.tui.conftest import Screenplay, Stage

TOKENS = 10
Rent = Callable[..., Any]


class Two:
    """The screen, and the two servers behind it."""

    def __init__(self, stage: Stage, local: FakeCompletions, managed: FakeCompletions, home: Path) -> None:
        self.stage, self.local, self.managed, self._home = stage, local, managed, home

    async def ask(self, text: str) -> None:
        chat = self.stage.screen.chat
        assert chat is not None
        before = len(chat.messages)
        await self.stage.send(text)
        await self.stage.until(lambda: len(chat.messages) == before + 2)

    async def answered(self, text: str) -> None:
        await self.ask(text)
        await self.stage.until(lambda: self.stage.screen.chat and not self.stage.screen.chat.is_streaming)

    def goes_on_elsewhere(self, text: str) -> None:
        """In another window, where this one's conversation is now."""
        insert = (
            "INSERT INTO message (conversation_id, parent_id, created_at, role, text, state) VALUES (?, ?, ?, ?, ?, ?)"
        )
        chat = self.stage.screen.chat
        assert chat is not None
        with closing(connect(self._home / "hybridchat.db")) as ledger:
            parent_id = chat.leaf_id
            for role in ("user", "assistant"):
                row = (chat.id, parent_id, utc_now(), role, f"{text}, said the {role}", "complete")
                parent_id = ledger.execute(insert, row).lastrowid

    def stored(self, query: str) -> list[tuple[object, ...]]:
        with sqlite3.connect(self._home / "hybridchat.db") as ledger:
            return ledger.execute(query).fetchall()


@pytest.fixture
def rent(play: Screenplay, home: Path) -> Rent:
    """`async with rent(route="managed", limited=(60,)) as two:` where `limited` is the managed server's."""

    @asynccontextmanager
    async def start(
        *, route: str, limited: tuple[int, ...] = (), size: tuple[int, int] = (80, 40), more: str = ""
    ) -> AsyncIterator[Two]:
        async with FakeCompletions(tokens=TOKENS) as local, FakeCompletions(tokens=TOKENS, limited=limited) as managed:

            async def open_session() -> Session:
                write_config(home, lab(local.url), rented(managed.url), f'[route]\ndefault = "{route}"\n', more)
                return wiring.load().open_session()

            ui = UiConfig(text_width=150)  # figures stand in one line
            async with play(open_session=open_session, size=size, ui=ui) as stage:
                await stage.until(lambda: "Enter sends to" in stage.text)
                yield Two(stage, local, managed, home)

    return start


async def test_a_wait_for_the_next_try_is_counted_down_and_cancelled_by_esc(rent: Rent) -> None:
    async with rent(route="managed", limited=(60,)) as two:
        await two.ask("hello")

        def seconds_left() -> int | None:
            told = re.search(r"rented limited its rate: trying again in (\d+) s \(1 of 3\)", two.stage.text)
            return int(told[1]) if told else None

        await two.stage.until(lambda: (seconds_left() or 0) > 30)
        first = seconds_left()
        assert first is not None and first <= 60
        await two.stage.until(lambda: (seconds_left() or 60) < first)
        await two.stage.press("escape")
        await two.stage.until(lambda: "stopped before the next try" in two.stage.text)
        assert two.stored("select outcome, error_kind from usage") == [("error", "rate_limit")]
        assert len(two.managed.sent("/v1/chat/completions")) == 1


async def test_about_a_reply_that_broke_in_its_midst_it_can_be_asked_again(rent: Rent) -> None:
    async with rent(route="local") as two:
        await two.answered("hello")
        chat = two.stage.screen.chat
        assert chat is not None
        chat.messages[-1] = replace(chat.messages[-1], state=MessageState.FAILED)
        await two.stage.press("alt+w")
        await two.stage.until(lambda: "Answer again, by…" in two.stage.text)
        await two.stage.press("enter")
        await two.stage.until(lambda: len(two.local.sent("/v1/chat/completions")) == 2)
        await two.stage.until(lambda: not chat.is_streaming)


async def test_who_answers_instead_of_whom_is_said(rent: Rent) -> None:
    async with rent(route="managed", limited=(300,)) as two:  # too long to wait for
        await two.answered("hello")
        await two.stage.until(lambda: "answered by fake on lab: rented limited its rate" in two.stage.text)
        await two.stage.until(lambda: "lab · fake · loopback, you vouched" in two.stage.text)
        assert two.stored("select backend, outcome from usage") == [("rented", "error"), ("lab", "ok")]


async def test_what_does_not_fit_leaves_out_the_oldest_turns_that_the_user_saw(rent: Rent) -> None:
    async with rent(route="local") as two:
        for number in (1, 2):
            await two.answered(f"question {number} " + "words " * 2_500)
        await two.stage.until(lambda: "Enter sends to" in two.stage.text)
        await two.stage.send("question 3 " + "words " * 1_000)
        await two.stage.until_top(Picker)
        assert "Leave out the oldest turn and ask fake on lab" in two.stage.text
        assert "Go on in a fork with a summary of 2 turns by fake on rented" in two.stage.text
        await two.stage.press("down", "enter")
        await two.stage.until_top(Confirm)
        assert "1. question 1 words" in two.stage.text
        assert len(two.local.sent("/v1/chat/completions")) == 2
        await two.stage.press("y")
        await two.stage.until(lambda: "without the oldest turn" in two.stage.text)
        await two.stage.until(lambda: two.stage.screen.chat and not two.stage.screen.chat.is_streaming)
        sent = two.local.sent("/v1/chat/completions")[-1].json()["messages"]
        assert [m["content"][:10] for m in sent if m["role"] == "user"] == ["question 2", "question 3"]
        assert two.stored("select left_out_turns from usage") == [(None,), (None,), (1,)]


async def test_both_sides_answer_and_the_panel_counts_both(rent: Rent) -> None:
    async with rent(route="local", size=(200, 60)) as two:
        await two.answered("hello")
        await two.stage.press("alt+e")
        await two.stage.until_top(Confirm)
        assert "Ask fake on rented too?" in two.stage.text
        await two.stage.press("enter")
        await two.stage.until(lambda: "‹2/2› rented · fake" in two.stage.text and "fake on lab:" in two.stage.text)
        await two.stage.until(lambda: two.stage.screen.panel.snapshot.managed.replies == 1)
        assert two.stage.screen.panel.snapshot.local.replies == 1
        await two.stage.until(lambda: "limits of rented" in two.stage.text and "4,999 of 5,000" in two.stage.text)
        await two.stage.press("alt+left")
        await two.stage.until(lambda: "‹1/2› lab · fake" in two.stage.text and "fake on rented:" in two.stage.text)
        await two.answered("and on from here")
        assert two.stored("select count(*) from message where role = 'assistant'") == [(3,)]
        history = two.local.sent("/v1/chat/completions")[-1].json()["messages"]
        assert [message["role"] for message in history] == ["user", "assistant", "user"]


async def test_where_two_windows_went_on_both_ways_are_shown(rent: Rent) -> None:
    async with rent(route="local") as two:
        await two.answered("hello")
        two.goes_on_elsewhere("there")
        await two.answered("and here")
        await two.stage.until(lambda: "‹2/2› you" in two.stage.text and "‹1/2› there, said the user" in two.stage.text)
        await two.stage.press("alt+left")
        await two.stage.until(lambda: "‹1/2› you" in two.stage.text and "‹2/2› and here" in two.stage.text)
        assert "there, said the assistant" in two.stage.text
        await two.answered("further there")
        history = two.local.sent("/v1/chat/completions")[-1].json()["messages"]
        assert history[2]["content"] == "there, said the user"
        assert len(history) == 5


async def test_the_other_answer_is_to_the_question_in_sight(rent: Rent) -> None:
    async with rent(route="local", size=(80, 24)) as two:
        for question in ("first", "second " + "words " * 400):
            await two.answered(question)
            await two.stage.press("alt+e")
            await two.stage.until_top(Confirm)
            assert "for this prompt" in two.stage.text
            await two.stage.press("enter")
            await two.stage.until(lambda: "‹2/2› rented · fake" in two.stage.text)
            await two.stage.until(lambda: two.stage.screen.chat and not two.stage.screen.chat.is_streaming)
        two.stage.screen.transcript.scroll_home(animate=False)
        await two.stage.until(lambda: "▌ first" in two.stage.text and "▌ second" in two.stage.text)
        await two.stage.press("alt+left")
        await two.stage.until(lambda: "‹1/2› lab · fake" in two.stage.text)
        chat = two.stage.screen.chat
        assert chat is not None
        assert [m.attempt.backend for m in chat.messages if m.attempt] == ["lab"], "it goes on from that answer"


BUDGET = "\n[budget]\nmonth = 0.06\nmax_reply_tokens = 20\n"


async def test_a_budget_stops_before_the_wire_and_goes_on_once_it_is_raised(rent: Rent) -> None:
    async with rent(route="rented", more=BUDGET, size=(120, 50)) as two:
        await two.answered("first")
        await two.stage.until(lambda: "$0.021 of $0.06" in two.stage.text)
        await two.stage.until(lambda: "Enter asks where" in two.stage.text)
        await two.stage.send("second")
        picker = await two.stage.until_top(Picker)
        assert "the month budget of $0.060 has $0.039 left" in " ".join(two.stage.text.split())
        raising = next(row for row in picker.all_rows if isinstance(row.key, SetLimit))
        picker.list.set_rows(picker.all_rows, raising.key)
        await two.stage.press("enter")
        await two.stage.until_top(Prompt)
        await two.stage.press("ctrl+u", "1", "enter")
        await two.stage.until(lambda: "Enter sends to rented" in two.stage.text)
        assert two.stage.screen.composer.text == "second"
        assert len(two.managed.sent("/v1/chat/completions")) == 1
        await two.stage.press("enter")
        await two.stage.until(lambda: len(two.managed.sent("/v1/chat/completions")) == 2)
        assert two.managed.sent("/v1/chat/completions")[-1].json()["max_tokens"] == 20
        await two.stage.until(lambda: two.stage.screen.chat and not two.stage.screen.chat.is_streaming)
        await two.stage.until(lambda: "of $1.00" in two.stage.text)
