"""The app around the chat: palette, help, themes, and its end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual import events
from textual.command import CommandPalette
from textual.notifications import SeverityLevel

from hybridchat.config import load_config
from hybridchat.errors import LedgerError
from hybridchat.session.chat import Session
from hybridchat.session.events import Delta
from hybridchat.session.settings import Settings
from hybridchat.session.state import Chat
from hybridchat.tui.app import HybridChatApp
from hybridchat.tui.screens.chats import ChatList
from hybridchat.tui.screens.help import HelpScreen
from hybridchat.tui.screens.picker import Picker
from hybridchat.tui.widgets.hints import Hints
from tests.tui.conftest import Screenplay
from tests.tui.fake_session import FakeSession
from tests.tui.samples import CONVERSATION

SECRET = "a secret prompt"


async def test_the_palette_finds_and_does(play: Screenplay) -> None:
    async with play() as stage:
        await stage.press("ctrl+p")
        await stage.until_top(CommandPalette)
        await stage.type("keyboard shortcuts")
        await stage.until(lambda: "Help  (F1)" in stage.text)
        await stage.press("down", "enter")
        await stage.until_top(HelpScreen)


async def test_a_theme_is_chosen_shown_and_kept(play: Screenplay, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    async with play(settings=Settings(file)) as stage:
        await stage.press("f6")
        await stage.until_top(Picker)
        await stage.type("contrast-light")
        await stage.press("enter")
        await stage.until(lambda: load_config(file)[0].ui.theme == "high-contrast-light")
        assert stage.app.theme == "high-contrast-light"


async def test_an_unknown_theme_is_a_banner_and_the_default(play: Screenplay) -> None:
    async with play(theme="missing") as stage:
        await stage.until(lambda: stage.banners)
        assert stage.banners[0].startswith("There is no theme 'missing' — there are: colour-blind-dark")
        assert stage.app.theme == "hybrid-dark"


async def test_a_session_that_cannot_open_is_said(play: Screenplay) -> None:
    async def fails() -> Session:
        raise LedgerError("hybridchat.db is a symbolic link", "replace it by the file")

    async with play(open_session=fails) as stage:
        await stage.until(lambda: "No chat can be opened: hybridchat.db is a symbolic link" in stage.text)
        await stage.send("words")
        assert stage.screen.composer.text == "words"


async def test_ctrl_c_does_not_quit(play: Screenplay) -> None:
    async with play() as stage:
        await stage.press("ctrl+c")
        await stage.until(lambda: "Ctrl+Q quits" in stage.text)


@pytest.mark.parametrize("size", [(80, 24), (1, 1)])
async def test_a_fault_of_the_screen_ends_in_one_line_without_words(
    size: tuple[int, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = FakeSession()
    app = HybridChatApp(session.opener, crash_log=tmp_path / "crash.log")
    with pytest.raises(RuntimeError):
        async with app.run_test(size=size) as pilot:
            while app.session is None:
                await pilot.pause()

            def broken(event: object) -> None:
                prompt = SECRET
                raise RuntimeError(prompt)

            app.screen.tell = broken  # type: ignore[attr-defined]
            session.emit(Delta(1, 1, SECRET, False))  # the session that tells is not harmed
    assert session.is_closed
    assert app.return_code == 1
    assert app.last_words.startswith("hybridchat stopped by a fault of its own (RuntimeError in test_app.py:")
    printed = capsys.readouterr()
    assert SECRET not in app.last_words + (tmp_path / "crash.log").read_text() + printed.out + printed.err


async def test_a_chat_that_cannot_be_reopened_is_said(play: Screenplay) -> None:
    class Damaged(FakeSession):
        async def open_latest(self) -> Chat | None:
            raise LedgerError("the ledger failed", "run doctor")

    async with play(open_session=Damaged().opener, reopen_latest=True) as stage:
        await stage.until(lambda: "No chat can be opened: the ledger failed — run doctor" in stage.text)


async def test_a_passing_word_covers_nothing_and_goes_with_the_next_key(play: Screenplay) -> None:
    session = FakeSession()
    session.add("chat", CONVERSATION)
    async with play(session, reopen_latest=True) as stage:
        await stage.until(lambda: "write-ahead" in stage.text and "Enter sends to" in stage.text)
        await stage.press("ctrl+y")
        await stage.until(lambda: "The last reply is in the clipboard." in stage.text.splitlines()[-1])
        with_it = stage.text.splitlines()
        await stage.press("left")
        await stage.until(lambda: "^Q quit" in stage.text.splitlines()[-1])
        assert stage.text.splitlines()[:-1] == with_it[:-1]


@pytest.mark.parametrize("severity", ["warning", "error"])
async def test_a_warning_says_what_it_is_until_the_next_key(play: Screenplay, severity: SeverityLevel) -> None:
    async with play() as stage:
        stage.app.notify("[b]never markup[/b]\x1b[2J", severity=severity)
        await stage.until(lambda: f"{severity}: [b]never markup[/b]␛[2J" in stage.text)
        await stage.type("x")
        await stage.until(lambda: f"{severity}: " not in stage.text and "^Q quit" in stage.text)


async def test_news_passes_by_itself(play: Screenplay) -> None:
    async with play() as stage:
        stage.app.notify("gone soon", timeout=0.01)
        assert stage.screen.query_one(Hints).said == ("gone soon", "information")
        await stage.until(lambda: stage.screen.query_one(Hints).said is None)


async def test_quitting_while_the_session_starts_is_no_fault(play: Screenplay) -> None:
    session, is_shown, has_started = FakeSession(), asyncio.Event(), asyncio.Event()

    async def start_until_the_screen_is_gone() -> None:
        await is_shown.wait()
        while stage.screen.route_line.is_attached:  # noqa: ASYNC110 - nothing tells of that moment
            await asyncio.sleep(0)
        has_started.set()

    session.start = start_until_the_screen_is_gone  # type: ignore[method-assign]
    async with play(open_session=session.opener) as stage:
        await stage.until(lambda: "Enter sends to" in stage.text)
        is_shown.set()
    assert has_started.is_set()


async def test_a_key_pressed_while_the_session_still_opens_is_done_then(play: Screenplay) -> None:
    gate, session = asyncio.Event(), FakeSession()
    session.add("an earlier chat", CONVERSATION)

    async def open_late() -> Session:
        await gate.wait()
        return await session.opener()

    async with play(session, open_session=open_late) as stage:
        await stage.until(lambda: stage.app.has_begun)
        stage.app.post_message(events.Key("ctrl+o", None))
        await stage.until(lambda: stage.app.is_behind)
        gate.set()
        await stage.until_top(ChatList)
        await stage.until(lambda: "an earlier chat" in stage.text)
