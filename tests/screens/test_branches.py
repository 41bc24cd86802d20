"""The tree on the screen, over the real session and a ledger: edited, answered again, forked, deleted, jumped in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from hybridchat.session.chat import Session
from hybridchat.session.state import Chat
from hybridchat.tui.screens.chats import ChatList
from hybridchat.tui.screens.help import entries_for
from hybridchat.tui.screens.picker import Picker
from hybridchat.tui.screens.rewording import RewordingBar
from hybridchat.tui.screens.tree import Tree
from tests.fakes.scripted import Echoes
from tests.tui.conftest import Screenplay, Stage


class Screened:
    """The screen, and who answers behind it."""

    def __init__(self, stage: Stage, echoes: Echoes) -> None:
        self.stage, self.echoes = stage, echoes

    @property
    def chat(self) -> Chat:
        chat = self.stage.screen.chat
        assert chat is not None
        return chat

    @property
    def session(self) -> Session:
        assert self.stage.screen.session is not None
        return self.stage.screen.session

    @property
    def texts(self) -> list[str]:
        return [message.text for message in self.chat.messages]

    async def said(self, *texts: str) -> None:
        """The branch that is shown, once nothing runs."""
        await self.stage.until(lambda: not self.chat.is_streaming and self.texts == list(texts))
        await self.stage.until(lambda: self.stage.screen.transcript.shows(self.chat.messages))

    async def ask(self, text: str) -> None:
        before = self.echoes.said
        await self.stage.send(text)
        await self.stage.until(lambda: self.echoes.said > before and not self.chat.is_streaming)


Screening = Callable[..., AbstractAsyncContextManager[Screened]]


@pytest.fixture
def screening(play: Screenplay, home: Path) -> Screening:
    @asynccontextmanager
    async def start(size: tuple[int, int] = (100, 30)) -> AsyncIterator[Screened]:
        echoes = Echoes()

        async def open_session() -> Session:
            return echoes.session(home / "hybridchat.db")

        async with play(open_session=open_session, size=size) as stage:
            await stage.until(lambda: "Enter sends to" in stage.text)
            yield Screened(stage, echoes)

    return start


# --- in other words


async def test_the_last_message_is_edited_and_the_draft_waits_meanwhile(screening: Screening) -> None:
    async with screening() as on:
        await on.ask("one")
        await on.ask("two")
        on.stage.screen.composer.set_draft("a draft")
        await on.stage.press("alt+u")
        assert on.stage.screen.composer.text == "two"
        await on.stage.until(lambda: "Other words for your message 2 of 2 · Esc leaves it: “two”" in on.stage.text)
        await on.stage.until(lambda: on.stage.text.count("you · what you write below goes in its place") == 1)
        on.stage.screen.composer.set_draft("two, better")
        await on.stage.press("enter")
        await on.said("one", "re: one (1)", "two, better", "re: two, better (3)")
        assert on.stage.screen.composer.text == "a draft"
        assert not on.stage.screen.query(RewordingBar)
        await on.stage.until(lambda: "‹2/2› you" in on.stage.text and "also asked: ‹1/2› two" in on.stage.text)
        assert "goes in its place" not in on.stage.text
        await on.stage.press("alt+left")
        await on.said("one", "re: one (1)", "two", "re: two (2)")


@pytest.mark.parametrize("lines", [4, 5])
async def test_what_is_edited_stays_in_sight_on_a_small_screen(lines: int, screening: Screening) -> None:
    async with screening(size=(80, 24)) as on:
        await on.ask("\n".join(["one", *("more" for _ in range(lines))]))
        await on.stage.press("alt+u")
        await on.stage.until(lambda: bool(on.stage.screen.query(RewordingBar)))
        await on.stage.settle()
        assert "you · what you write below goes in its place" in on.stage.text


async def test_esc_leaves_it_and_the_draft_is_back(screening: Screening) -> None:
    async with screening() as on:
        await on.ask("one")
        on.stage.screen.composer.set_draft("a draft")
        await on.stage.press("alt+u")
        await on.stage.type(" and")
        await on.stage.press("escape")
        await on.stage.until(lambda: on.stage.screen.composer.text == "a draft")
        assert not on.stage.screen.query(RewordingBar)
        await on.stage.until(lambda: "goes in its place" not in on.stage.text)
        await on.said("one", "re: one (1)")


async def test_any_message_that_is_pointed_at_is_edited(screening: Screening) -> None:
    async with screening() as on:
        for text in ("one", "two", "three"):
            await on.ask(text)
        await on.stage.press("f7")
        on.stage.screen.transcript.point_at(on.chat.messages[1].id)  # the answer to the first
        await on.stage.press("e")
        await on.stage.until(lambda: "your message 1 of 3 · Esc leaves it: “one”" in on.stage.text)
        await on.stage.type(" again")
        await on.stage.press("enter")
        await on.said("one again", "re: one again (4)")
        assert [m.text for m in on.echoes.backends["lab"].requests[-1].messages] == ["one again"]


async def test_who_leaves_the_chat_finds_the_edit_again(screening: Screening) -> None:
    async with screening() as on:
        await on.ask("one")
        number = on.chat.id
        on.stage.screen.composer.set_draft("a draft")
        await on.stage.press("alt+u")
        await on.stage.type(" more")
        await on.stage.press("ctrl+n")
        assert on.stage.screen.composer.text == "" and not on.stage.screen.query(RewordingBar)
        assert number is not None
        await on.stage.screen.open_chat(number)
        assert on.stage.screen.composer.text == "one more"
        assert on.stage.screen.query(RewordingBar)
        await on.stage.press("escape")
        await on.stage.until(lambda: on.stage.screen.composer.text == "a draft")


async def test_other_words_that_cannot_be_sent_stay_as_they_were(screening: Screening) -> None:
    async with screening() as on:
        await on.ask("one")
        on.stage.screen.composer.set_draft("a draft")
        await on.stage.press("alt+u")
        await on.stage.type(" more")
        on.chat.route = "gone"
        await on.stage.press("enter")
        await on.stage.until(lambda: on.stage.banners or isinstance(on.stage.app.screen, Picker))
        if isinstance(on.stage.app.screen, Picker):
            await on.stage.press("escape")
        await on.stage.until(lambda: on.stage.screen.composer.text == "one more")
        assert on.stage.screen.rewords == on.chat.messages[0].id
        await on.said("one", "re: one (1)")


async def test_nothing_to_edit_is_said(screening: Screening) -> None:
    async with screening() as on:
        await on.stage.press("alt+u")
        await on.stage.until(lambda: "You have written nothing here yet" in on.stage.text)
        assert on.stage.screen.rewords is None


# --- answered again


async def test_an_answer_is_given_again_and_by_another_model(screening: Screening) -> None:
    async with screening() as on:
        await on.ask("one")
        await on.ask("two")
        await on.stage.press("alt+r")
        picker = await on.stage.until_top(Picker)
        assert "by the route of this chat" in picker.all_rows[0].text
        await on.stage.press("enter")
        await on.said("one", "re: one (1)", "two", "re: two (3)")
        await on.stage.until(lambda: "‹2/2› lab" in on.stage.text)
        on.stage.screen.transcript.point_at(on.chat.messages[1].id)
        await on.stage.press("alt+r")
        picker = await on.stage.until_top(Picker)
        row = next(row for row in picker.all_rows if row.key == ("cloud", "small"))
        assert row.detail == "no earlier messages go along"
        picker.list.set_rows(picker.all_rows, row.key)
        await on.stage.press("enter")
        await on.said("one", "re: one (4)")
        assert [m.attempt.backend for m in on.chat.messages if m.attempt] == ["cloud"]
        await on.stage.until(lambda: "‹2/2› cloud" in on.stage.text)
        await on.stage.press("alt+left")
        await on.said("one", "re: one (1)", "two", "re: two (3)")


# --- forks, deletion, the tree


async def test_a_fork_begins_at_the_message_that_is_pointed_at(screening: Screening) -> None:
    async with screening() as on:
        for text in ("one", "two"):
            await on.ask(text)
        before = on.chat
        await on.stage.press("f7")
        on.stage.screen.transcript.point_at(before.messages[1].id)
        await on.stage.press("b")
        await on.stage.until(lambda: on.chat is not before)
        await on.said("one", "re: one (1)")
        await on.stage.until(lambda: "one (forked)" in on.stage.text)
        await on.stage.until(lambda: "· forked" in on.stage.text)
        assert "imported" not in on.stage.text
        await on.ask("on")
        assert len(on.chat.messages) == 4 and len(before.messages) == 4


async def test_a_branch_is_deleted_and_comes_back_in_its_place(screening: Screening) -> None:
    async with screening() as on:
        for text in ("one", "two"):
            await on.ask(text)
        await on.stage.press("f7")
        on.stage.screen.transcript.point_at(on.chat.messages[2].id)
        await on.stage.press("x")
        await on.said("one", "re: one (1)")
        await on.stage.until(lambda: "2 messages deleted. F9 brings them back" in on.stage.text)
        await on.stage.press("f9")
        await on.said("one", "re: one (1)", "two", "re: two (2)")
        on.stage.screen.transcript.point_at(on.chat.messages[0].id)
        on.stage.screen.transcript.focus()
        await on.stage.press("x")
        await on.stage.until(lambda: on.chat.id is None)
        await on.stage.press("f9")
        await on.said("one", "re: one (1)", "two", "re: two (2)")


async def test_the_tree_is_drawn_and_jumped_in(screening: Screening) -> None:
    async with screening() as on:
        for text in ("one", "two"):
            await on.ask(text)
        first, last = on.chat.messages[0].id, on.chat.messages[-1].id
        await on.stage.press("alt+u")
        on.stage.screen.composer.set_draft("two, better")
        await on.stage.press("enter")
        await on.said("one", "re: one (1)", "two, better", "re: two, better (3)")
        await on.stage.press("alt+v")
        tree = await on.stage.until_top(Tree)
        await on.stage.until(lambda: len(tree.all_rows) == 6)
        await on.stage.until(lambda: "6 messages, 2 branches" in on.stage.text)
        assert "├─○ you   ‹1/2› two" in on.stage.text
        assert "│ ○ reply re: two (2)" in on.stage.text
        assert "● you   ‹2/2› two, better" in on.stage.text
        tree.list.set_rows(tree.all_rows, last)
        await on.stage.press("enter")
        await on.said("one", "re: one (1)", "two", "re: two (2)")
        assert on.stage.screen.transcript.pointed is not None
        assert on.stage.screen.transcript.pointed.id == last
        assert on.stage.screen.focused is on.stage.screen.transcript
        await on.stage.press("alt+v")
        tree = await on.stage.until_top(Tree)
        await on.stage.until(lambda: tree.list.current is not None and tree.list.current.key == last)
        tree.list.set_rows(tree.all_rows, first)
        await on.stage.press("alt+u")
        await on.stage.until(lambda: on.stage.screen.composer.text == "one")


async def test_in_the_tree_a_branch_is_deleted_and_comes_back(screening: Screening) -> None:
    async with screening() as on:
        for text in ("one", "two"):
            await on.ask(text)
        await on.stage.press("alt+v")
        tree = await on.stage.until_top(Tree)
        await on.stage.until(lambda: len(tree.all_rows) == 4)
        here = {entry.action.title: entry.keys for entry in entries_for(tree, on.stage.app.keymap)["Here"]}
        assert (here["Delete from here"], here["Edit your message"]) == ("F8", "Alt+U"), "E is typed into the filter"
        tree.list.set_rows(tree.all_rows, on.chat.messages[2].id)
        await on.stage.press("f8")
        await on.stage.until(lambda: len(tree.all_rows) == 2)
        await on.stage.until(lambda: "2 messages deleted. F9 brings them back" in on.stage.text)
        await on.stage.press("f9")
        await on.stage.until(lambda: len(tree.all_rows) == 4)
        await on.stage.type("two")
        await on.stage.until(lambda: len(tree.list.rows) == 2)
        await on.stage.press("escape")
        await on.said("one", "re: one (1)", "two", "re: two (2)")
        await on.stage.press("alt+v")
        tree = await on.stage.until_top(Tree)
        await on.stage.until(lambda: len(tree.all_rows) == 4)
        tree.list.set_rows(tree.all_rows, on.chat.messages[0].id)
        await on.stage.press("f8")
        await on.stage.until(lambda: on.stage.app.screen is on.stage.screen and on.chat.id is None)


# --- elsewhere


async def test_a_reply_that_ends_elsewhere_is_told_and_kept_as_new(screening: Screening) -> None:
    import asyncio

    gate = asyncio.Event()
    async with screening() as on:
        on.echoes.backends["lab"].gate = gate
        await on.stage.send("slow")
        await on.stage.until(lambda: on.chat.id is not None and on.chat.is_streaming)
        slow = on.chat
        await on.stage.press("ctrl+n", "ctrl+o")
        chats = await on.stage.until_top(ChatList)
        await on.stage.until(lambda: "running" in on.stage.text)
        gate.set()
        await on.stage.until(lambda: "1 new reply" in on.stage.text)
        assert isinstance(chats, ChatList)
        await on.stage.press("escape")
        await on.stage.until(lambda: "1 new reply elsewhere" in on.stage.text)
        assert (await on.session.unread.look()).unread == {slow.id: 1}
    async with screening() as on:  # also at the next start
        await on.stage.press("ctrl+o")
        await on.stage.until(lambda: "1 new reply" in on.stage.text)
        await on.stage.press("enter")
        await on.said("slow", "re: slow (1)")
        assert (await on.session.unread.look()).unread == {}
