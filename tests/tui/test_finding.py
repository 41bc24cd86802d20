"""Finding: in the open chat, and in everything; and what marks a chat so that it is found."""

from __future__ import annotations

import pytest
from textual import events

from hybridchat import wiring
from hybridchat.backends import simulated
from hybridchat.domain.chat import Role
from hybridchat.errors import LedgerError
from hybridchat.session.chat import Session
from hybridchat.tui.screens.chats import ChatList
from hybridchat.tui.screens.dialogs import Prompt
from hybridchat.tui.screens.search import Search
from hybridchat.tui.widgets.find_bar import FindBar
from tests.tui.conftest import Screenplay, Stage
from tests.tui.fake_session import FakeSession
from tests.tui.samples import CONVERSATION, TITLES


def long_chat(session: FakeSession, title: str, needles: int = 3) -> int:
    """A hundred replies; `needles` of them say the needle, twice."""
    step = 100 // needles
    words = [f"**Need**le {n} and nééDLE\n\nafter" if n % step == step // 2 else f"hay {n}" for n in range(100)]
    return session.add(title, [(Role.ASSISTANT, text) for text in words])


def count(stage: Stage) -> str:
    line = next((line for line in stage.text.splitlines() if line.startswith("  Find ")), "")
    return line.split("  ")[-1].strip()


def found_here(stage: Stage) -> list[str]:
    """What is marked as the current hit on the screen."""
    return marked(stage, "found-here")


def marked(stage: Stage, name: str) -> list[str]:
    rows = stage.screen.transcript._rows
    cells = [("".join(text for text, _ in row.runs), mark) for row in rows for mark in row.marks]
    return [text[left:right] for text, (left, right, style) in cells if style == name]


# --- in the open chat


async def test_find_marks_counts_and_goes_round(play: Screenplay) -> None:
    session = FakeSession()
    long_chat(session, "hay")
    async with play(session, reopen_latest=True) as stage:
        await stage.until(lambda: "hay 99" in stage.text)
        await stage.press("ctrl+f")
        await stage.type("needle")
        await stage.until(lambda: count(stage) == "1 of 6")  # from the end on, round to the first
        assert found_here(stage) == ["Needle"]
        assert marked(stage, "found") == ["nééDLE"]
        await stage.press("enter")
        await stage.until(lambda: count(stage) == "2 of 6")
        assert found_here(stage) == ["nééDLE"]
        await stage.press("down")
        await stage.until(lambda: count(stage) == "3 of 6")
        assert "Needle 49" in stage.text
        await stage.press("up", "up", "up")
        await stage.until(lambda: count(stage) == "6 of 6")
        assert "Needle 82" in stage.text
        await stage.type("x")
        await stage.until(lambda: count(stage) == "not found")
        assert "Needle 82" in stage.text  # nothing moved
        await stage.press("escape")
        await stage.until(lambda: not stage.screen.query(FindBar))
        assert stage.screen.focused is stage.screen.composer
        assert marked(stage, "found") == marked(stage, "found-here") == []


async def test_in_the_transcript_letters_are_keys(play: Screenplay) -> None:
    session = FakeSession()
    long_chat(session, "hay")
    async with play(session, reopen_latest=True) as stage:
        await stage.until(lambda: "hay 99" in stage.text)
        await stage.press("f7", "slash")
        await stage.type("Hay 7")
        await stage.until(lambda: count(stage) == "1 of 11")
        stage.screen.transcript.focus()
        await stage.press("n", "n", "N")
        await stage.until(lambda: count(stage) == "2 of 11")
        await stage.press("ctrl+f")
        assert isinstance(stage.screen.focused, type(stage.screen.query_one(FindBar).input))
        await stage.press("escape")
        await stage.until(lambda: not stage.screen.query(FindBar))
        await stage.type("/find-next")
        await stage.press("enter")
        await stage.until(lambda: "Nothing is looked for here: Ctrl+F does." in stage.text)


async def test_a_reply_that_streams_is_looked_through_when_it_ends(play: Screenplay) -> None:
    async with play() as stage:
        await stage.press("ctrl+f")
        assert not stage.screen.query(FindBar)  # nothing is there yet
        await stage.send("a question")
        await stage.until(lambda: stage.session.sent)
        chat = stage.screen.chat
        assert chat is not None
        await stage.press("ctrl+f")
        await stage.type("needle")
        await stage.until(lambda: count(stage) == "not found")
        stage.session.feed(chat, "a needle")
        await stage.until(lambda: marked(stage, "found") == ["needle"])
        stage.session.feed(chat, " and a needle")
        stage.session.finish(chat)
        await stage.until(lambda: count(stage) == "2")
        await stage.press("enter")
        await stage.until(lambda: count(stage) == "1 of 2")


async def test_another_chat_is_looked_through_without_leaving_its_end(
    play: Screenplay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hybridchat.tui.transcript.finding.SLICE_S", 0.0002)  # a few messages at once
    session = FakeSession()
    other = long_chat(session, "more", needles=5)
    long_chat(session, "hay")
    async with play(session, reopen_latest=True) as stage:
        await stage.press("ctrl+f")
        await stage.type("needle")
        await stage.until(lambda: count(stage) == "1 of 6")
        await stage.screen.open_chat(other)
        await stage.until(lambda: count(stage) == "10")
        assert "hay 99" in stage.text
        await stage.resize(100, 30)
        await stage.until(lambda: count(stage) == "10")


# --- in everything


async def searched(stage: Stage, text: str) -> Search:
    await stage.press("alt+o")
    screen: Search = await stage.until_top(Search)
    await stage.type(text)
    await stage.until(lambda: screen._shown_for == text)
    return screen


async def test_search_jumps_to_the_message_in_its_place(play: Screenplay) -> None:
    session = FakeSession()
    long_chat(session, "a haystack", needles=1)
    session.add("SQLite", CONVERSATION)
    async with play(session, reopen_latest=True) as stage:
        screen = await searched(stage, "after")
        assert [row.text for row in screen.list.rows][:1] == ["a haystack"]
        assert "reply" in stage.text
        await stage.press("enter")
        await stage.until(lambda: stage.text.startswith("  a haystack"))
        await stage.until(lambda: found_here(stage) == ["after"])
        assert "Needle 50" in stage.text
        await stage.until(lambda: count(stage) == "1 of 1")
        assert stage.screen.focused is stage.screen.composer
        await stage.press("alt+o")
        again = await stage.until_top(Search)
        assert again.filter.value == "after"  # where one was


async def test_hits_are_marked_and_titles_are_no_markup(play: Screenplay) -> None:
    session = FakeSession()
    for title in TITLES:
        session.add(title, CONVERSATION)
    async with play(session) as stage:
        screen = await searched(stage, "log")
        (text,) = {row.text for row in screen.list.rows if row.hits}
        assert text.startswith("reply  Yes. A **write-ahead log** keeps readers")
        assert {row.text[a:b] for row in screen.list.rows for a, b in row.hits} == {"log"}
        assert "[bold]not markup[/bold]" in [row.text for row in screen.list.rows]
        lines = stage.app.screen._compositor.render_strips()
        styled = {segment.text for strip in lines for segment in strip if segment.style and segment.style.underline}
        assert "log" in styled


async def test_one_line_says_what_was_not_understood(play: Screenplay) -> None:
    session = FakeSession()
    session.add("SQLite", CONVERSATION)
    async with play(session) as stage:
        await searched(stage, "SQLite zone:moon")
        assert "zone: is one of device, private, managed, local" in stage.text
        assert "SQLite" in stage.text
        await stage.press("escape")
        await searched(stage, "zzz")
        await stage.until(lambda: "Nothing found." in stage.text)


async def test_enter_waits_for_what_was_typed_last(play: Screenplay) -> None:
    session = FakeSession()
    first = session.add("apple pie", [(Role.USER, "apple")])
    session.add("pear tart", [(Role.USER, "pear")])
    async with play(session) as stage:
        screen = await searched(stage, "apple")
        session.finding.may_answer.clear()
        await stage.press("ctrl+u")
        await stage.until(lambda: session.finding.asked[-1] == "")
        await stage.type("pear")
        stage.app.post_message(events.Key("enter", "\r"))
        await stage.until(lambda: screen.filter.value == "pear")
        assert stage.app.screen is screen
        session.finding.may_answer.set()
        await stage.until(lambda: stage.text.startswith("  pear tart"))
        assert stage.screen.chat is not session.kept[first]


async def test_the_first_letter_is_searched_at_once_and_what_follows_one_at_a_time(play: Screenplay) -> None:
    async with play() as stage:
        screen = await searched(stage, "")
        session = stage.session
        session.finding.asked.clear()
        session.finding.may_answer.clear()
        await stage.press("p")
        await stage.until(lambda: session.finding.asked == ["p"])
        await stage.press("e", "a", "r")
        assert screen.filter.value == "pear" and session.finding.asked == ["p"]
        session.finding.may_answer.set()
        await stage.until(lambda: session.finding.asked == ["p", "pear"])


async def test_a_filter_is_completed(play: Screenplay) -> None:
    async with play() as stage:
        screen = await searched(stage, "backend:op")
        await stage.until(lambda: screen.filter._suggestion == "backend:openai")
        await stage.press("right")
        assert screen.filter.value == "backend:openai"


async def demo() -> Session:
    return wiring.open_demo_session()


async def test_a_hit_on_another_branch_brings_that_branch(play: Screenplay, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = simulated.Pace(delay_s=0.0, tokens_per_s=1e6)
    monkeypatch.setattr(simulated, "Pace", lambda **_: at_once)
    async with play(open_session=demo) as stage:
        await stage.until(lambda: "Enter sends to" in stage.text)
        session = stage.app.session
        assert session is not None
        chat = stage.screen.chat
        assert chat is not None
        await session.send(chat, "about xylophones")
        first = await session.wait(chat)
        await session.escalate(chat)
        await session.wait(chat)
        assert chat.id is not None and chat.leaf_id != first.id
        stage.screen.action_new_chat()
        screen = await searched(stage, f"backend:{first.attempt.backend if first.attempt else ''} reply")
        index = next(i for i, row in enumerate(screen.list.rows) if row.key and row.key.message_id == first.id)
        screen.list.cursor = index
        await stage.press("enter")
        await stage.until(lambda: stage.screen.chat and stage.screen.chat.leaf_id == first.id)
        await stage.until(lambda: found_here(stage) == ["reply"])


# --- marks


async def test_star_tags_and_archive_of_the_open_chat(play: Screenplay) -> None:
    session = FakeSession()
    number = session.add("SQLite", CONVERSATION)
    async with play(session, reopen_latest=True, size=(120, 40)) as stage:
        await stage.press("alt+x")
        await stage.until(lambda: "★" in stage.text.splitlines()[0])
        await stage.press("alt+t")
        await stage.until_top(Prompt)
        await stage.type("Work, to read")
        await stage.press("enter")
        await stage.until(lambda: "★ #to read #work" in stage.text.splitlines()[0])
        await stage.press("alt+t")
        await stage.until_top(Prompt)
        await stage.press("ctrl+u")
        await stage.type("a" * 50)
        await stage.press("enter")
        await stage.until(lambda: any("is no tag" in banner for banner in stage.banners))
        await stage.press("alt+h")
        await stage.until(lambda: "archived" in stage.text.splitlines()[0])
        await stage.press("alt+h", "alt+x")
        conversation = session.kept[number].conversation
        assert conversation is not None
        await stage.until(lambda: stage.text.splitlines()[0].count("★") == 0)
        assert "#work" in stage.text.splitlines()[0]


async def test_a_new_chat_cannot_be_marked_yet(play: Screenplay) -> None:
    async with play() as stage:
        for key in ("alt+x", "alt+h", "alt+t"):
            await stage.press(key)
            await stage.until(lambda: "Send the first message" in stage.text)


async def test_a_failure_to_mark_is_told(play: Screenplay) -> None:
    session = FakeSession()
    session.add("SQLite", CONVERSATION)
    session.fails_with = LedgerError("the disk is full", "make room")
    async with play(session, reopen_latest=True) as stage:
        await stage.press("alt+x")
        await stage.until(lambda: stage.banners == ["the disk is full — make room"])


@pytest.mark.parametrize("filtered", [False, True])
async def test_the_archive_is_the_lists_last_line(play: Screenplay, filtered: bool) -> None:
    session = FakeSession()
    for title in TITLES:
        session.add(title, CONVERSATION)
    async with play(session) as stage:
        await stage.press("ctrl+o")
        chats: ChatList = await stage.until_top(ChatList)
        await stage.until(lambda: chats.all_rows)
        newest = TITLES[-1]
        await stage.press("alt+h")
        await stage.until(lambda: newest not in [row.text for row in chats.list.rows])
        assert chats.list.rows[-1].text == "1 archived chat…"
        await stage.press("f2")  # a chat has a title; this line is none
        await stage.until_top(Prompt)
        await stage.press("escape")
        await stage.until_top(ChatList)
        if filtered:
            await stage.type("archived")
        else:
            chats.list.action_edge(-1)
        await stage.press("f8", "alt+x", "enter")
        await stage.until(lambda: newest in [row.text for row in chats.all_rows])
        assert session.deleted == []
        await stage.until(lambda: any("archived" in row.detail for row in chats.all_rows))


async def test_tags_and_stars_in_the_list_narrow_it(play: Screenplay) -> None:
    session = FakeSession()
    for title in TITLES:
        session.add(title, CONVERSATION)
    async with play(session) as stage:
        await stage.press("ctrl+o")
        chats: ChatList = await stage.until_top(ChatList)
        await stage.until(lambda: chats.all_rows)
        await stage.press("alt+x", "alt+t")
        await stage.until_top(Prompt)
        await stage.type("zebra")
        await stage.press("enter")
        await stage.until_top(ChatList)
        await stage.until(lambda: "★ #zebra" in chats.list.rows[0].detail)
        await stage.type("#zeb")
        await stage.until(lambda: [row.text for row in chats.list.rows] == [TITLES[-1]])
