"""All conversations: found, opened, renamed, deleted, brought back — also among ten thousand."""

from __future__ import annotations

import pytest

from hybridchat.domain.chat import Role
from hybridchat.tui.screens.chats import ChatList
from hybridchat.tui.screens.dialogs import Prompt
from tests.tui.conftest import Screenplay, Stage
from tests.tui.fake_session import FakeSession
from tests.tui.samples import CONVERSATION, TITLES


def full() -> FakeSession:
    session = FakeSession()
    for title in TITLES:
        session.add(title, CONVERSATION)
    return session


async def opened(stage: Stage) -> ChatList:
    await stage.press("ctrl+o")
    screen: ChatList = await stage.until_top(ChatList)
    await stage.until(lambda: screen.all_rows)
    return screen


async def test_newest_first_and_titles_are_no_markup(play: Screenplay) -> None:
    async with play(full()) as stage:
        chats = await opened(stage)
        assert [row.text for row in chats.list.rows] == list(reversed(TITLES))
        assert "[bold]not markup[/bold]" in stage.text


async def test_typing_filters_and_enter_opens(play: Screenplay) -> None:
    async with play(full()) as stage:
        chats = await opened(stage)
        await stage.type("step git")
        await stage.until(lambda: [row.text for row in chats.list.rows] == ["git bisect, step by step"])
        await stage.press("enter")
        await stage.until(lambda: stage.app.screen is stage.screen)
        await stage.until(lambda: stage.text.startswith("  git bisect, step by step"))
        assert "write-ahead log" in stage.text


async def test_nothing_matches_nothing_happens(play: Screenplay) -> None:
    async with play(full()) as stage:
        chats = await opened(stage)
        await stage.type("zzz")
        await stage.until(lambda: "Nothing matches." in stage.text)
        assert len(chats.list.rows) == 1
        await stage.press("enter", "down", "pagedown", "f2", "f8")
        assert stage.app.screen is chats
        assert stage.session.deleted == []


async def test_it_fits_a_terminal_that_has_become_smaller(play: Screenplay) -> None:
    session = FakeSession()
    for number in range(60):
        session.add(f"chat {number}", CONVERSATION)
    async with play(session, size=(100, 50)) as stage:
        await opened(stage)
        await stage.until(lambda: "Esc closes" in stage.text)
        await stage.resize(100, 20)
        await stage.until(lambda: "Esc closes" in stage.text)


async def test_rename(play: Screenplay) -> None:
    async with play(full()) as stage:
        await opened(stage)
        await stage.press("f2")
        await stage.until_top(Prompt)
        await stage.press("ctrl+u", "n", "e", "w", "enter")
        chats = await stage.until_top(ChatList)
        await stage.until(lambda: chats.list.rows[0].text == "new")


async def test_delete_and_undo(play: Screenplay) -> None:
    async with play(full()) as stage:
        chats = await opened(stage)
        await stage.press("down", "f8")
        await stage.until(lambda: "git bisect, step by step" not in [row.text for row in chats.list.rows])
        await stage.press("f9")
        await stage.until(lambda: "git bisect, step by step" in [row.text for row in chats.list.rows])
        await stage.press("escape")
        await stage.until(lambda: stage.app.screen is stage.screen)


async def test_the_open_chat_deleted_in_the_list_leaves_the_screen(play: Screenplay) -> None:
    async with play(full(), reopen_latest=True) as stage:
        assert stage.screen.chat is not None
        number = stage.screen.chat.id
        await opened(stage)
        await stage.press("f8", "escape")
        await stage.until(lambda: stage.screen.chat and stage.screen.chat.id is None)
        assert stage.session.deleted == [number]


async def test_deleting_the_open_chat_and_bringing_it_back(play: Screenplay) -> None:
    async with play(full(), reopen_latest=True) as stage:
        await stage.press("f8")
        await stage.until(lambda: stage.text.startswith("  New chat"))
        await stage.press("f9")
        await stage.until(lambda: stage.text.startswith(f"  {TITLES[-1]}"))


async def test_renaming_the_open_chat(play: Screenplay) -> None:
    async with play(full(), reopen_latest=True) as stage:
        await stage.press("f2")
        await stage.until_top(Prompt)
        await stage.press("ctrl+u", "x", "y", "enter")
        await stage.until(lambda: stage.text.startswith("  xy"))


@pytest.mark.parametrize("keys", [("f2",), ("ctrl+o", "f2")])
async def test_a_rename_moves_nothing(play: Screenplay, keys: tuple[str, ...]) -> None:
    session = FakeSession()
    session.add("chat", [(Role.ASSISTANT, "\n\n".join(f"line {n}" for n in range(100)))])
    async with play(session, reopen_latest=True) as stage:
        await stage.until(lambda: "line 99" in stage.text)
        await stage.type("a draft")
        await stage.press("left", "left", "pageup", "pageup")
        await stage.until(lambda: "line 99" not in stage.text)
        before = stage.text.splitlines()
        for key in keys:
            await stage.press(key)
            await stage.until_top(Prompt if key == "f2" else ChatList)
        await stage.press("ctrl+u", "x", "y", "enter")
        await stage.until(lambda: [c.conversation.title for c in session.kept.values()] == ["xy"])
        if len(keys) > 1:
            await stage.until_top(ChatList)
            await stage.press("escape")
        await stage.until(lambda: stage.text.startswith("  xy"))
        assert stage.text.splitlines()[1:] == before[1:]
        assert stage.screen.composer.cursor_location == (0, len("a dra"))


async def test_ten_thousand_chats(play: Screenplay) -> None:
    session = FakeSession()
    for number in range(10_000):
        session.add(f"chat number {number}")
    async with play(session) as stage:
        chats = await opened(stage)
        await stage.until(lambda: len(chats.list.rows) == 10_000)
        assert "chat number 9999" in stage.text
        await stage.press("pagedown", "pagedown", "pageup", "down", "up")
        chats.list.action_edge(-1)
        await stage.until(lambda: "chat number 0 " in stage.text)
        await stage.type("777")
        await stage.until(lambda: {row.text for row in chats.list.rows} >= {"chat number 777", "chat number 7770"})
        assert all("777" in row.text for row in chats.list.rows)
