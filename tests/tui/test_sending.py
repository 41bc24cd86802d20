"""From the composer to the session: sending, streaming, stopping, what waits, and the questions before it."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace
from textual import events

from hybridchat.domain.chat import HealthState, MessageState
from hybridchat.domain.routing import Candidate, Decision, Outlook
from hybridchat.errors import LedgerError
from hybridchat.session.chat import Session
from hybridchat.session.ways import RouteOpen, Way
from hybridchat.tui import keys_in_order
from hybridchat.tui.screens.picker import Picker
from hybridchat.tui.widgets.composer import LONGEST_WRAPPED
from tests.tui.conftest import Screenplay
from tests.tui.fake_session import CLOUD, LAB, FakeSession
from tests.tui.samples import CONVERSATION


async def test_the_composer_has_the_focus_at_once(play: Screenplay) -> None:
    async with play() as stage:
        await stage.type("hello you")
        assert stage.screen.composer.text == "hello you"


async def test_enter_sends_and_the_reply_streams(play: Screenplay) -> None:
    async with play() as stage:
        await stage.type("hello")
        await stage.press("enter")
        await stage.until(lambda: stage.session.sent)
        assert stage.session.sent[0].text == "hello"
        assert stage.screen.composer.text == ""
        chat = stage.screen.chat
        assert chat is not None
        stage.session.feed(chat, "Hi ", ttft_ms=84.0)
        stage.session.feed(chat, "there.")
        await stage.until(lambda: "Hi there." in stage.text)
        assert stage.screen.panel.live is not None
        assert stage.screen.panel.live.ttft_ms == 84.0
        stage.session.finish(chat)
        await stage.until(lambda: "84 ms to first token" in stage.text)
        assert stage.screen.panel.live is None


async def test_shift_enter_and_ctrl_j_break_the_line(play: Screenplay) -> None:
    async with play() as stage:
        await stage.press("a", "shift+enter", "b", "ctrl+j", "c")
        assert stage.screen.composer.text == "a\nb\nc"
        assert stage.session.sent == []


async def test_typing_is_undone_and_redone(play: Screenplay) -> None:
    async with play() as stage:
        stage.screen.composer.insert("kept ")
        stage.screen.composer.insert("lost")
        await stage.press("alt+z")
        assert stage.screen.composer.text == "kept "
        await stage.press("alt+y")
        assert stage.screen.composer.text == "kept lost"


async def test_the_composer_grows_to_ten_lines(play: Screenplay) -> None:
    async with play(size=(80, 40)) as stage:
        composer = stage.screen.composer
        assert composer.content_size.height == 1
        composer.set_draft("\n".join("12345"))
        await stage.until(lambda: composer.content_size.height == 5)
        composer.set_draft("\n" * 30)
        await stage.until(lambda: composer.content_size.height == 10)


async def test_a_very_long_line_is_scrolled_and_not_wrapped_at_every_key(play: Screenplay) -> None:
    long = "x" * (LONGEST_WRAPPED + 1)
    async with play() as stage:
        stage.screen.composer.most_pasted_characters = 0
        composer = stage.screen.composer
        stage.app.post_message(events.Paste(f"short\n{long}"))
        await stage.until(lambda: composer.text.endswith(long))
        assert not composer.soft_wrap
        await stage.press("backspace")
        await stage.until(lambda: composer.soft_wrap)
        composer.set_draft(f"{long}\nshort")
        await stage.press("up", "down")
        assert composer.cursor_location == (1, len("short"))
        composer.set_draft(long)
        assert not composer.soft_wrap
        await stage.press("enter")
        await stage.until(lambda: stage.session.sent)
        assert stage.session.sent[0].text == long
        await stage.until(lambda: composer.soft_wrap)


async def test_words_that_were_not_sent_return(play: Screenplay) -> None:
    async with play() as stage:
        stage.session.fails_with = LedgerError("the disk is full", "free some space")
        await stage.send("precious words")
        await stage.until(lambda: stage.banners == ["the disk is full — free some space"])
        assert stage.screen.composer.text == "precious words"


async def test_what_turns_out_to_be_open_while_it_is_sent_is_asked(play: Screenplay) -> None:
    async with play() as stage:
        chat = stage.screen.chat
        assert chat is not None
        decision = Decision(outlook=Outlook.ASK, reasons=("the prompt does not fit",), choices=(CLOUD,))
        plan = replace(stage.session.plan(chat, "long"), decision=decision, ways=(Way("ask", CLOUD, 0),))
        stage.session.fails_with = RouteOpen("the prompt does not fit", "--backend openai", plan)
        await stage.send("longer than it seemed")
        await stage.until_top(Picker)
        assert stage.screen.composer.text == "longer than it seemed"
        assert (stage.banners, stage.session.sent) == ([], [])


async def test_enter_twice_sends_once(play: Screenplay) -> None:
    async with play() as stage:
        stage.screen.composer.set_draft("once")
        await stage.press("enter", "enter", "escape", "enter")
        await stage.until(lambda: stage.session.sent)
        assert [draft.text for draft in stage.session.sent] == ["once"]


async def test_words_sent_before_the_session_is_ready_go_when_it_is(
    play: Screenplay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys_in_order, "FOR_WORK_S", 0.05)  # later than that
    session, ready = FakeSession(), asyncio.Event()

    async def slow() -> Session:
        await ready.wait()
        return session.as_session()

    async with play(session, open_session=slow) as stage:
        await stage.type("early")
        await stage.press("enter")
        assert session.sent == []
        assert stage.screen.composer.text == "early"
        ready.set()
        await stage.until(lambda: [draft.text for draft in session.sent] == ["early"])


async def test_esc_stops_and_keeps_what_came(play: Screenplay) -> None:
    async with play() as stage:
        await stage.send("tell me a story")
        await stage.until(lambda: stage.session.sent)
        chat = stage.screen.chat
        assert chat is not None
        stage.session.feed(chat, "Once upon a time")
        await stage.press("escape")
        await stage.until(lambda: not chat.is_streaming)
        assert chat.messages[-1].state is MessageState.STOPPED
        await stage.until(lambda: "Once upon a time" in stage.text and "stopped" in stage.text)


async def test_a_message_sent_while_streaming_waits_visibly_and_can_be_taken_back(play: Screenplay) -> None:
    async with play() as stage:
        await stage.send("first")
        await stage.until(lambda: stage.session.sent)
        await stage.until(lambda: "Enter queues for" in stage.text)
        await stage.send("second")
        await stage.until(lambda: "1 waiting" in stage.text and "1. second" in stage.text)
        await stage.press("alt+up")
        assert stage.screen.composer.text == "second"
        await stage.until(lambda: "1 waiting" not in stage.text)
        await stage.press("enter")
        await stage.until(lambda: "1. second" in stage.text)
        assert stage.screen.chat is not None
        stage.session.finish(stage.screen.chat)
        await stage.until(lambda: [d.text for d in stage.session.sent] == ["first", "second"])


async def test_after_a_stop_what_waits_is_sent_by_an_empty_enter(play: Screenplay) -> None:
    async with play() as stage:
        await stage.send("first")
        await stage.until(lambda: stage.session.sent)
        await stage.send("second")
        await stage.press("escape")
        await stage.until(lambda: "Enter sends what waits to" in stage.text)
        assert [d.text for d in stage.session.sent] == ["first"]
        await stage.press("enter")
        await stage.until(lambda: [d.text for d in stage.session.sent] == ["first", "second"])


async def test_an_empty_enter_sends_nothing(play: Screenplay) -> None:
    async with play() as stage:
        stage.screen.composer.set_draft("  \n ")
        await stage.press("enter")
        assert stage.session.sent == []


async def test_auto_asks_before_it_takes_a_chat_off_the_users_machines(play: Screenplay) -> None:
    session = FakeSession()
    session.add("so far at home", CONVERSATION)
    async with play(session, reopen_latest=True) as stage:
        await stage.press("ctrl+g")  # the table sends high reasoning to the managed side
        await stage.until(lambda: "Enter asks where" in stage.text and "high reasoning" in stage.text)
        await stage.send("a hard one")
        await stage.until_top(Picker)
        assert "so far this conversation stayed on your own" in stage.text
        assert "1 earlier turn goes along" in stage.text
        await stage.press("enter")
        await stage.until(lambda: stage.app.screen is stage.screen)
        assert session.sent == []
        assert stage.screen.composer.text == "a hard one"
        await stage.press("enter")
        await stage.until_top(Picker)
        await stage.press("down", "enter")
        await stage.until(lambda: [d.text for d in session.sent] == ["a hard one"])
        assert stage.screen.chat is not None
        session.finish(stage.screen.chat)
        await stage.send("another")
        await stage.until(lambda: [d.text for d in session.sent] == ["a hard one", "another"])


async def test_words_not_sent_return_to_their_own_chat(play: Screenplay) -> None:
    session = FakeSession()
    first = session.add("first", CONVERSATION)
    async with play(session, reopen_latest=True) as stage:
        session.fails_with = LedgerError("the disk is full", "free some space")
        stage.screen.composer.set_draft("for the first chat")
        stage.screen.submit()
        stage.screen.action_new_chat()
        await stage.until(lambda: stage.banners)
        assert stage.screen.composer.text == ""
        await stage.screen.open_chat(first)
        assert stage.screen.composer.text == "for the first chat"


async def test_a_message_can_go_elsewhere_just_once(play: Screenplay) -> None:
    async with play() as stage:
        stage.screen.composer.set_draft("only this one")
        await stage.press("ctrl+s")
        picker = await stage.until_top(Picker)
        assert "no earlier messages go along" in stage.text
        picker.list.set_rows(picker.all_rows, ("openai", "gpt-big"))
        await stage.press("enter")
        await stage.until(lambda: stage.session.sent)
        assert (stage.session.sent[0].route, stage.session.sent[0].model) == ("openai", "gpt-big")
        assert stage.screen.chat is not None
        assert stage.screen.chat.route == "auto"


async def test_elsewhere_is_asked_for_a_message_that_is_written(play: Screenplay) -> None:
    async with play() as stage:
        await stage.press("ctrl+s")
        await stage.until(lambda: "Write the message first" in stage.text)
        assert stage.app.screen is stage.screen


def unhealthy() -> list[Candidate]:
    return [replace(LAB, health=HealthState.UNHEALTHY, health_detail="connection refused"), CLOUD]


async def test_away_from_local_only_by_a_choice_that_says_what_goes_along(play: Screenplay) -> None:
    session = FakeSession(unhealthy())
    session.add("earlier", CONVERSATION)
    async with play(session, reopen_latest=True) as stage:
        await stage.until(lambda: "Enter asks where to send" in stage.text)
        assert session.keys_wanted == 0
        await stage.send("next")
        await stage.until_top(Picker)
        await stage.until(lambda: session.keys_wanted == 1)
        assert "1 earlier turn goes along" in stage.text
        await stage.press("enter")  # the first place keeps it here
        await stage.until(lambda: stage.app.screen is stage.screen)
        assert session.sent == []
        assert stage.screen.composer.text == "next"
        await stage.press("enter")
        await stage.until_top(Picker)
        await stage.press("down", "enter")
        await stage.until(lambda: [d.route for d in session.sent] == ["openai"])


async def test_a_pinned_chat_without_a_local_backend_is_refused_and_says_why(play: Screenplay) -> None:
    session = FakeSession([CLOUD], local_only=True)
    async with play(session) as stage:
        await stage.until(lambda: "Enter cannot send" in stage.text)
        assert "local only: stays on this device" in stage.text
        await stage.send("secret")
        await stage.until(lambda: stage.banners)
        assert session.sent == []
        assert stage.screen.composer.text == "secret"


async def test_the_route_line_follows_the_typing(play: Screenplay) -> None:
    async with play(FakeSession([CLOUD])) as stage:
        await stage.until(lambda: "with a reply as usual" in stage.text)
        before = stage.text
        stage.screen.composer.set_draft("long words " * 500)
        await stage.until(lambda: "$0.003" in stage.text)
        assert "$0.003" not in before


async def test_pastes_are_cleaned(play: Screenplay) -> None:
    async with play() as stage:
        stage.screen.composer.post_message(events.Paste("a\x1b[31mb\r\nc\x9b"))
        await stage.until(lambda: stage.screen.composer.text)
        assert stage.screen.composer.text == "a␛[31mb\nc\N{REPLACEMENT CHARACTER}"
