"""Retries, fallbacks, offers after a failure, and several answers to one question."""

from __future__ import annotations

from msgspec.structs import replace

from hybridchat.domain.chat import Message, Privacy, Role
from hybridchat.session.chat import Chat
from hybridchat.session.ways import Way
from hybridchat.tui.screens.dialogs import Confirm
from hybridchat.tui.screens.picker import Picker
from tests.tui.conftest import Screenplay, Stage
from tests.tui.fake_session import CLOUD, LAB, FakeSession
from tests.tui.samples import CONVERSATION

ASK_LAB = Way("ask", LAB, 1)
ASK_CLOUD = Way("ask", CLOUD, 1)
DROP = Way("drop", LAB, 2)
SUMMARIZE = Way("summarize", LAB, 3)
LONG = tuple((role, f"{role} {n}") for n in (1, 2, 3) for role in (Role.USER, Role.ASSISTANT))


async def asked(stage: Stage, text: str = "and now?") -> Chat:
    """A message is out; its reply has no word yet."""
    count = len(stage.session.sent)
    await stage.send(text)
    await stage.until(lambda: len(stage.session.sent) > count)
    chat = stage.screen.chat
    assert chat is not None
    return chat


async def choose(stage: Stage, way: object) -> None:
    picker = await stage.until_top(Picker)
    picker.list.set_rows(picker.all_rows, way)
    await stage.press("enter")


async def test_a_retry_counts_down_under_the_reply_until_it_begins(play: Screenplay) -> None:
    async with play() as stage:
        chat = await asked(stage)
        stage.session.wait_to_retry(chat, 3600.0)
        await stage.until(lambda: "openai was overloaded: trying again in 3600 s (2 of 3) · Esc cancels" in stage.text)
        await stage.until(lambda: "trying again in 3599 s" in stage.text)
        stage.session.fall_back(chat)
        await stage.until(lambda: "trying again" not in stage.text and "fallback: openai was overloaded" in stage.text)
        live = stage.screen.panel.live
        assert live is not None and live.backend == "lab"


async def test_a_wait_goes_on_in_a_chat_that_is_left_and_opened_again(play: Screenplay) -> None:
    async with play() as stage:
        chat = await asked(stage)
        stage.session.wait_to_retry(chat, 3600.0)
        await stage.press("ctrl+n")
        await stage.until(lambda: "trying again" not in stage.text)
        assert chat.id is not None
        await stage.screen.open_chat(chat.id)
        await stage.until(lambda: "trying again in 3" in stage.text)
        await stage.press("escape")
        await stage.until(lambda: not chat.is_streaming and "trying again" not in stage.text)


async def test_after_a_failure_the_ways_on_are_offered_and_nothing_happens_by_itself(play: Screenplay) -> None:
    async with play() as stage:
        chat = await asked(stage)
        stage.session.fail(chat, (ASK_LAB, ASK_CLOUD))
        await stage.until_top(Picker)
        assert "openai is overloaded" in stage.text
        assert "Ask gpt-big on openai; 1 earlier turn goes along" in stage.text
        await stage.type("ask gpt")  # words meant for the composer
        await stage.press("enter")
        await stage.until(lambda: stage.app.screen is stage.screen)
        assert len(stage.session.sent) == 1
        await stage.press("alt+w")
        await choose(stage, ASK_CLOUD)
        await stage.until(lambda: [d.route for d in stage.session.sent] == [None, "openai"])


async def test_an_offer_does_not_come_between_somebody_and_what_they_type(play: Screenplay) -> None:
    async with play() as stage:
        chat = await asked(stage)
        await stage.type("half a thou")
        stage.session.fail(chat, (ASK_LAB,))
        await stage.until(lambda: "Alt+W shows what can be done" in stage.text)
        assert stage.app.screen is stage.screen


async def test_what_would_be_left_out_is_shown_before_it_is(play: Screenplay) -> None:
    session = FakeSession()
    session.add("long", LONG)
    async with play(session, reopen_latest=True) as stage:
        session.ways = (DROP, SUMMARIZE)
        await stage.send("too much")
        await choose(stage, DROP)
        await stage.until_top(Confirm)
        assert "Leave out the 2 oldest turns?" in stage.text
        assert "1. user 1" in stage.text and "2. user 2" in stage.text and "user 3" not in stage.text
        await stage.press("n")
        await stage.until_top(Picker)
        await stage.press("escape")
        await stage.until(lambda: stage.app.screen is stage.screen)
        assert stage.screen.composer.text == "too much"
        assert session.sent == []
        await stage.press("enter")
        await choose(stage, DROP)
        await stage.until_top(Confirm)
        await stage.press("y")
        await stage.until(lambda: [(d.route, d.drop_turns) for d in session.sent] == [("lab", 2)])


async def test_a_fork_with_a_summary_takes_the_draft_along_unsent(play: Screenplay) -> None:
    session = FakeSession()
    session.add("long", LONG)
    async with play(session, reopen_latest=True) as stage:
        session.ways = (SUMMARIZE,)
        old = stage.screen.chat
        await stage.send("too much")
        await choose(stage, SUMMARIZE)
        await stage.until(lambda: stage.screen.chat is not old)
        assert stage.screen.composer.text == "too much"
        assert [d.text for d in session.sent] == ["Summarize our conversation"]


async def two_answers(stage: Stage) -> Message:
    """The last question is asked on the managed side too; that answer."""
    await stage.press("alt+e")
    await stage.until_top(Confirm)
    assert "Ask gpt-big on openai too?" in stage.text
    assert "no earlier turn goes along" in stage.text and "It may cost" in stage.text
    await stage.press("enter")
    await stage.until(lambda: [d.route for d in stage.session.sent] == ["openai"])
    chat = stage.screen.chat
    assert chat is not None
    stage.session.feed(chat, "The rented answer.", ttft_ms=640.0)
    await stage.until(lambda: "The rented answer." in stage.text)
    return stage.session.finish(chat)


async def test_the_other_side_answers_too_and_both_stay(play: Screenplay) -> None:
    session = FakeSession()
    session.add("so far at home", CONVERSATION)
    async with play(session, reopen_latest=True, size=(80, 50)) as stage:
        await two_answers(stage)
        await stage.until(lambda: "‹2/2› openai · gpt-big" in stage.text)
        await stage.until(lambda: "‹1/2› tiny on lab: 84 ms to first token" in stage.text)
        assert "write-ahead log" not in stage.text
        await stage.press("alt+left")
        await stage.until(lambda: "‹1/2› lab · tiny" in stage.text and "write-ahead log" in stage.text)
        assert "‹2/2› gpt-big on openai: 84 ms to first token, 2.9 s in all, $0.0042 priced" in " ".join(
            stage.text.split()
        )
        await stage.press("alt+right")
        await stage.until(lambda: "‹2/2› openai · gpt-big" in stage.text)
        await stage.press("alt+right")  # round to the first
        await stage.until(lambda: "‹1/2› lab · tiny" in stage.text)


async def test_back_home_needs_no_question(play: Screenplay) -> None:
    session = FakeSession()
    session.add("so far at home", CONVERSATION)
    async with play(session, reopen_latest=True) as stage:
        await two_answers(stage)
        await stage.press("alt+e")
        await stage.until(lambda: [d.route for d in session.sent] == ["openai", "lab"])


async def test_a_pinned_chat_never_asks_the_other_side_and_says_why(play: Screenplay) -> None:
    session = FakeSession()
    session.add("secret", CONVERSATION)
    async with play(session, reopen_latest=True) as stage:
        assert stage.screen.chat is not None
        stage.screen.chat.privacy = Privacy.LOCAL_ONLY
        await stage.press("alt+e")
        await stage.until(lambda: stage.banners)
        assert "this conversation is pinned" in stage.banners[0]
        assert session.sent == []


async def test_keys_without_a_meaning_now_say_so(play: Screenplay) -> None:
    async with play() as stage:
        for key, said in (
            ("alt+e", "First ask something"),
            ("alt+left", "No question here has several answers"),
            ("alt+w", "The last question has its answer"),
        ):
            await stage.press(key)
            await stage.until(lambda said=said: said in stage.text)  # type: ignore[misc]
        chat = await asked(stage)
        await stage.press("alt+e")
        await stage.until(lambda: "A reply is running: stop it with Esc" in stage.text)
        assert chat.is_streaming


def test_a_model_that_forwards_is_no_local_row() -> None:
    from hybridchat.tui.screens.ways import way_rows

    forwarded = replace(LAB, remote_host="far.example")
    assert [row.detail for row in way_rows((ASK_LAB, Way("ask", forwarded, 0)))] == ["", "local", "managed"]
