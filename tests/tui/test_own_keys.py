"""Keys of one's own do what they say, and whatever names a key names the one that works."""

from __future__ import annotations

from pathlib import Path

import pytest

from hybridchat.config import UiConfig
from hybridchat.tui.screens.chats import ChatList
from hybridchat.tui.screens.help import HelpScreen
from hybridchat.tui.screens.picker import Picker
from tests.tui.conftest import Screenplay
from tests.tui.samples import CONVERSATION

OWN = 'chats = "f11"\nroute = "shift+f5"\nundo_delete = ["f13"]\nsend = "ctrl+s"\nsend_to = []\nrecall = "ctrl+b"\n'
VIM = UiConfig(keymap="vim")


@pytest.fixture
def keymap_file(tmp_path: Path) -> Path:
    file = tmp_path / "keymap.toml"
    file.write_text(OWN)
    return file


async def test_they_work_and_the_old_ones_do_not(play: Screenplay, keymap_file: Path) -> None:
    async with play(keymap_file=keymap_file, size=(120, 40)) as stage:
        assert stage.banners == []
        await stage.press("ctrl+o", "ctrl+r")
        assert stage.app.screen is stage.screen
        await stage.press("shift+f5")
        await stage.until_top(Picker)
        await stage.press("escape", "f11")
        await stage.until_top(ChatList)
        assert "F13 undoes" in stage.text
        await stage.press("escape")
        stage.screen.composer.set_draft("words")
        await stage.press("enter")
        assert stage.screen.composer.text == "words\n", "the key is the text field's again"
        await stage.press("up", "up")
        await stage.type("more ")
        assert stage.screen.composer.text == "more words\n"
        await stage.press("ctrl+s")
        await stage.until(lambda: stage.session.sent)


async def test_what_names_a_key_names_the_one_that_works(play: Screenplay, keymap_file: Path) -> None:
    async with play(keymap_file=keymap_file, size=(120, 100)) as stage:
        await stage.until(lambda: "Ctrl+S sends to lab" in stage.text)
        assert "F11 chats" in stage.text and "Shift+F5 route" in stage.text
        assert "F11  earlier chats" in stage.text
        assert "Ctrl+S sends, Shift+Enter or Ctrl+J breaks the line" in stage.text
        await stage.press("f1")
        await stage.until_top(HelpScreen)
        assert "F11                  Open a chat" in stage.text
        assert "Ctrl+O" not in stage.text


async def test_mistakes_are_told_when_the_chat_opens_and_on_the_page_of_keys(
    play: Screenplay, keymap_file: Path
) -> None:
    keymap_file.write_text("".join(f'foo{number} = "f11"\n' for number in range(5)))  # noqa: ASYNC240
    async with play(keymap_file=keymap_file, size=(120, 100)) as stage:
        await stage.until(lambda: len(stage.banners) == 3)
        assert "keymap.toml:1: foo0: there is no such action" in stage.banners[0]
        assert stage.banners[2] == "3 more mistakes in keys: F1 lists them"
        await stage.press("f1")
        await stage.until_top(HelpScreen)
        assert all(f"foo{number}:" in stage.text for number in range(5))


async def test_like_vim(play: Screenplay) -> None:
    async with play(ui=VIM, size=(80, 24)) as stage:
        await stage.screen.open_chat(stage.session.add("chat", CONVERSATION * 3))
        transcript = stage.screen.transcript
        await stage.type("jk")
        assert stage.screen.composer.text == "jk"
        await stage.press("escape")
        assert stage.screen.focused is transcript
        await stage.press("g")
        assert transcript.scroll_y == 0
        await stage.press("j", "j", "k")
        assert transcript.scroll_y == 1
        await stage.press("G")
        assert transcript.is_following
        await stage.press("v")
        before = transcript._caret
        await stage.press("k")
        assert transcript._caret is not None and transcript._caret != before
        await stage.press("escape", "escape")
        assert transcript._caret is None and stage.screen.focused is transcript
        await stage.press("i")
        assert stage.screen.focused is stage.screen.composer


async def test_in_vims_way_ctrl_c_copies_what_is_selected_and_else_stops(play: Screenplay) -> None:
    async with play(ui=VIM) as stage:
        await stage.screen.open_chat(stage.session.add("chat", CONVERSATION))
        await stage.send("a question")
        chat = stage.screen.chat
        assert chat is not None
        await stage.until(lambda: chat.is_streaming)
        stage.screen.transcript.action_select_all()
        await stage.press("ctrl+c")
        assert "Does SQLite" in stage.app.clipboard
        assert chat.is_streaming
        stage.screen.transcript.hide_caret()
        await stage.press("ctrl+c")
        await stage.until(lambda: not chat.is_streaming)
