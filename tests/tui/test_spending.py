"""Budgets on the screen: at the stop nothing is sent, and what can be done is offered."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from hybridchat.domain.budget import Limit, Scope, Stand, Standing, Verdict
from hybridchat.domain.events import Limits
from hybridchat.errors import UsageError
from hybridchat.session.events import LimitsChanged, SnapshotChanged
from hybridchat.session.ways import Way
from hybridchat.tui.screens.dialogs import Prompt
from hybridchat.tui.screens.picker import Picker
from hybridchat.tui.stops import AskUnpriced, SetLimit, read_usd
from tests.tui.conftest import Screenplay, Stage
from tests.tui.fake_session import CLOUD, LAB, FakeSession

MONTH = Limit(Scope.MONTH, Decimal(10))
DAY = Limit(Scope.DAY, Decimal(1), "openai")
FULL = Standing(MONTH, Decimal("9.98"), Decimal("0.01"))
OVER = Verdict(Stand.OVER, (FULL, Standing(DAY)), None, Decimal("0.05"))
UNPRICED = Verdict(Stand.UNPRICED, (Standing(MONTH),))


def over_budget(verdict: Verdict = OVER) -> FakeSession:
    session = FakeSession()
    session.ways = (Way("ask", LAB, 0),)
    session.verdict = verdict
    return session


async def choose(stage: Stage, key: object) -> None:
    picker = await stage.until_top(Picker)
    assert key in [row.key for row in picker.all_rows]
    picker.list.set_rows(picker.all_rows, key)
    await stage.press("enter")


async def test_at_the_stop_the_limit_is_raised_by_a_typed_amount_and_nothing_is_sent(play: Screenplay) -> None:
    session = over_budget()
    async with play(session) as stage:
        await stage.send("dear words")
        picker = await stage.until_top(Picker)
        assert [row.text for row in picker.all_rows] == [
            "Keep it here; send nothing",
            "Ask tiny on lab; no earlier turns go along",
            "Raise the month budget of $10.00…",
        ]
        await choose(stage, SetLimit(Scope.MONTH, Decimal(10)))
        await stage.until_top(Prompt)
        await stage.press("ctrl+u", "2", "0", "enter")
        await stage.until(lambda: session.budgets.set == [Limit(Scope.MONTH, Decimal(20))])
        assert stage.screen.composer.text == "dear words"
        assert session.sent == []


async def test_at_the_stop_the_local_side_can_answer(play: Screenplay) -> None:
    session = over_budget()
    async with play(session) as stage:
        await stage.send("dear words")
        await choose(stage, Way("ask", LAB, 0))
        await stage.until(lambda: [d.route for d in session.sent] == ["lab"])


async def test_a_model_without_a_price_is_asked_only_after_consent(play: Screenplay) -> None:
    session = over_budget(UNPRICED)
    async with play(session) as stage:
        await stage.send("who knows")
        await stage.until_top(Picker)
        assert "Allow gpt-big on openai, whatever it costs" in stage.text
        await choose(stage, AskUnpriced(CLOUD))
        await stage.until(lambda: session.budgets.unpriced == [("openai", "gpt-big")])
        assert session.sent == []
        assert stage.screen.composer.text == "who knows"


async def test_the_warning_level_and_a_shorter_reply_stand_over_the_composer(play: Screenplay) -> None:
    session = FakeSession([CLOUD])
    session.verdict = Verdict(Stand.WARNING, (Standing(MONTH, Decimal("8.50")),), 4096)
    async with play(session) as stage:
        await stage.until(lambda: "85% of the month budget of $10.00 is used" in " ".join(stage.text.split()))
        session.verdict = replace(OVER, stand=Stand.LOWERED, max_tokens=320)
        await stage.type("a")
        lowered = "reply of at most 320 tokens: the month budget of $10.00 has $0.0100 left"
        await stage.until(lambda: lowered in " ".join(stage.text.split()))


async def test_the_panel_says_what_of_each_limit_is_used_and_reserved(play: Screenplay) -> None:
    session = FakeSession()
    session.budgets.told = (FULL, Standing(DAY, Decimal("0.25")))
    async with play(session, size=(120, 50)) as stage:
        session.emit(SnapshotChanged(session.snapshot))
        await stage.until(lambda: "$9.99 of $10.00 · 99%" in stage.text)
        assert "of it reserved" in stage.text
        assert "openai day" in stage.text and "$0.25 of $1.00 · 25%" in stage.text


async def test_budgets_are_set_and_taken_away_by_a_key(play: Screenplay) -> None:
    session = FakeSession()
    session.budgets.told = (FULL,)
    async with play(session) as stage:
        session.emit(LimitsChanged("openai", Limits(3, 60, 600.0)))
        await stage.until(lambda: "openai: 3 requests left" in stage.text)
        await stage.press("alt+m")
        await stage.until_top(Picker)
        assert "openai: 3 of 60 requests left, full again at" in stage.text
        assert "month budget of $10.00" in stage.text and "$9.99 used" in stage.text
        await choose(stage, SetLimit(Scope.DAY))
        await stage.until_top(Prompt)
        await stage.type("2.50")
        await stage.press("enter")
        await stage.until(lambda: session.budgets.set == [Limit(Scope.DAY, Decimal("2.50"))])
        await stage.press("alt+m")
        await choose(stage, SetLimit(Scope.MONTH, Decimal(10)))
        await stage.until_top(Prompt)
        await stage.press("ctrl+u", *"none", "enter")
        await stage.until(lambda: session.budgets.set[-1] is Scope.MONTH)
        await stage.press("alt+m")
        await choose(stage, SetLimit(Scope.DAY))
        await stage.until_top(Prompt)
        await stage.type("much")
        await stage.press("enter")
        await stage.until(lambda: any("'much' is no amount" in banner for banner in stage.banners))


@pytest.mark.parametrize(("typed", "usd"), [("None ", None), (" $ 12.50 ", Decimal("12.50")), ("0", Decimal(0))])
def test_amounts_as_people_type_them(typed: str, usd: Decimal | None) -> None:
    assert read_usd(typed) == usd


@pytest.mark.parametrize("typed", ["ten", "", " ", "1,5"])
def test_what_is_no_amount_changes_nothing(typed: str) -> None:
    with pytest.raises(UsageError, match="is no amount"):
        read_usd(typed)
