"""Reading with the keys: the pointer, code by its number, to a file and through a command, quotes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hybridchat.domain.chat import Privacy, Role
from hybridchat.tui.screens.dialogs import Confirm, Prompt
from hybridchat.tui.screens.picker import Picker
from hybridchat.tui.screens.pipe import PipeScreen
from hybridchat.tui.widgets.code_bar import CodeBar
from tests.tui.conftest import Screenplay, Stage
from tests.tui.fake_session import FakeSession

TWO_BLOCKS = "```sh\nls\n```\n\nand\n\n```py\nprint(1)\n```\n\n[docs](https://a.example/docs)"
SAID = [(Role.USER, "show me\ntwo"), (Role.ASSISTANT, TWO_BLOCKS), (Role.USER, "thanks"), (Role.ASSISTANT, "Any time.")]


def session_of(*said: tuple[Role, str]) -> FakeSession:
    session = FakeSession()
    session.add("chat", said or SAID)
    return session


async def shown(stage: Stage, words: str = "Any time.") -> None:
    await stage.until(lambda: words in stage.text)
    await stage.settle()


async def read(stage: Stage) -> None:
    stage.screen.transcript.focus()
    await stage.settle()


async def test_the_pointer_by_keys_from_the_composer_and_from_the_transcript(play: Screenplay) -> None:
    async with play(session_of(), size=(100, 40), reopen_latest=True) as stage:
        await shown(stage)
        transcript = stage.screen.transcript
        await stage.press("ctrl+up", "ctrl+up")
        assert transcript.pointed and transcript.pointed.text == "thanks"
        assert stage.screen.focused is stage.screen.composer
        assert "█ " in stage.text
        await read(stage)
        await stage.type("[")
        assert transcript.pointed.text == TWO_BLOCKS
        await stage.press("y")
        await stage.until(lambda: stage.app.clipboard == TWO_BLOCKS)
        await stage.type("]]")
        assert transcript.pointed.text == "Any time."
        await stage.press("escape")
        assert transcript.pointed is None
        assert stage.screen.focused is transcript
        await stage.press("escape")
        assert stage.screen.focused is stage.screen.composer


async def test_code_is_copied_by_its_number(play: Screenplay) -> None:
    async with play(session_of(), size=(100, 40), reopen_latest=True) as stage:
        await shown(stage)
        await stage.press("f5")
        assert "Copy which code block? 1–2" in stage.text
        await stage.type("2")
        await stage.until(lambda: stage.app.clipboard == "print(1)")
        assert stage.screen.focused is stage.screen.composer
        assert not stage.screen.query(CodeBar)
        await stage.press("f5", "enter")
        await stage.until_top(Picker)
        await stage.press("up", "enter")
        await stage.until(lambda: stage.app.clipboard == "ls")
        await stage.press("f5", "escape")
        assert not stage.screen.query(CodeBar)
        assert stage.screen.composer.text == ""


async def test_the_block_that_is_pointed_at_needs_no_number(play: Screenplay) -> None:
    async with play(session_of(), size=(100, 40), reopen_latest=True) as stage:
        await shown(stage)
        await read(stage)
        stage.screen.transcript.scroll_home()
        await stage.type("}}c")
        await stage.until(lambda: stage.app.clipboard == "print(1)")
        await stage.type("{c")
        await stage.until(lambda: stage.app.clipboard == "ls")


async def test_a_block_goes_to_a_file(play: Screenplay, tmp_path: Path) -> None:
    (tmp_path / "old.py").write_text("old")
    async with play(session_of(), size=(100, 40), reopen_latest=True) as stage:
        await shown(stage)
        await read(stage)
        await stage.type("c")
        await stage.type("s2")
        prompt: Prompt = await stage.until_top(Prompt)
        assert prompt._input.value == "~/code.py"
        prompt._input.value = str(tmp_path / "old.py")
        await stage.press("enter")
        await stage.until_top(Confirm)
        await stage.press("escape")
        await stage.until(lambda: stage.app.screen is stage.screen)
        assert (tmp_path / "old.py").read_text() == "old"
        await read(stage)
        await stage.type("s2")
        prompt = await stage.until_top(Prompt)
        prompt._input.value = str(tmp_path / "old.py")
        await stage.press("enter")
        await stage.until_top(Confirm)
        await stage.press("y")
        await stage.until(lambda: (tmp_path / "old.py").read_text() == "print(1)\n")
        await stage.until(lambda: stage.app.screen is stage.screen)
        await read(stage)
        await stage.type("s1")
        prompt = await stage.until_top(Prompt)
        assert prompt._input.value == "~/code.sh"
        prompt._input.value = str(tmp_path / "no" / "folder")
        await stage.press("enter")
        await stage.until(lambda: any("cannot write" in banner for banner in stage.banners))


@pytest.mark.skipif(os.name != "posix", reason="a POSIX shell")
async def test_a_block_goes_through_a_command(play: Screenplay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/bin/sh")
    session = session_of()
    async with play(session, size=(100, 40), reopen_latest=True) as stage:
        await shown(stage)
        chat = stage.screen.chat
        assert chat is not None
        chat.privacy = Privacy.LOCAL_ONLY
        await read(stage)
        await stage.type("|")
        await stage.type("2")
        screen: PipeScreen = await stage.until_top(PipeScreen)
        assert "print(1)" in stage.text
        assert "/bin/sh -c" in stage.text
        assert "This chat stays on your machines" in stage.text
        await stage.type("cat; printf 'red \\033[31m' >&2; exit 7")
        await stage.press("enter")
        await stage.until(lambda: "Exit code 7" in stage.text)
        await stage.until(lambda: "red ␛[31m" in stage.text)
        await stage.press("c")
        await stage.until(lambda: stage.app.clipboard == "print(1)\n")
        await stage.press("tab")
        assert screen.focused is screen._input
        screen._input.value = "sleep 600"
        await stage.press("enter")
        await stage.until(lambda: "Running" in stage.text)
        await stage.press("escape")
        await stage.until(lambda: "Stopped" in stage.text)
        await stage.press("escape")
        await stage.until(lambda: stage.app.screen is stage.screen)
        await read(stage)
        await stage.type("|1")
        screen = await stage.until_top(PipeScreen)
        assert screen._input.value == "sleep 600", "the last command, to be changed"


async def test_quotes_go_into_the_draft(play: Screenplay) -> None:
    async with play(session_of(), size=(100, 40), reopen_latest=True) as stage:
        await shown(stage)
        stage.screen.composer.set_draft("I wonder:")
        await read(stage)
        await stage.type("q")
        assert stage.screen.composer.text == "I wonder:\n\n> Any time.\n\n"
        assert stage.screen.focused is stage.screen.composer
        stage.screen.composer.set_draft("")
        await read(stage)
        stage.screen.transcript.point_at(stage.screen.transcript.document.views[0].message.id)
        await stage.type("q")
        assert stage.screen.composer.text == "> show me\n> two\n\n"


async def test_raw_and_the_links_of_the_message_that_is_pointed_at(play: Screenplay) -> None:
    async with play(session_of(), size=(100, 40), reopen_latest=True) as stage:
        await shown(stage)
        await read(stage)
        await stage.type("r")
        assert "[docs](https://a.example/docs)" in stage.text
        await stage.type("r")
        assert "[docs](https://a.example/docs)" not in stage.text
        await stage.type("[")
        await stage.press("alt+l")
        await stage.until(lambda: "There is no link in these replies." in stage.text)


async def test_the_foot_names_the_letters_while_reading_and_a_dialog_leads_back_there(play: Screenplay) -> None:
    async with play(session_of(), size=(100, 40), reopen_latest=True) as stage:
        await shown(stage)
        assert "^R route" in stage.text
        await read(stage)
        await stage.until(lambda: "[ ] message" in stage.text and "^R route" not in stage.text)
        for key in ("alt+l", "f6", "ctrl+r"):
            await stage.press(key)
            await stage.until(lambda: stage.app.screen is not stage.screen)
            await stage.press("escape")
            await stage.until(lambda: stage.app.screen is stage.screen)
            assert stage.screen.focused is stage.screen.transcript
        await stage.type("i")
        await stage.until(lambda: "[ ] message" not in stage.text and "^R route" in stage.text)


async def test_what_is_said_after_the_slash_stands_in_the_line_that_asks(play: Screenplay, tmp_path: Path) -> None:
    async with play(session_of((Role.USER, "one"), (Role.ASSISTANT, "```sh\nls\n```")), reopen_latest=True) as stage:
        await shown(stage, "ls")
        await stage.type(f"/save-code {tmp_path / 'a.sh'}")
        await stage.press("enter")
        prompt: Prompt = await stage.until_top(Prompt)
        assert prompt._input.value == str(tmp_path / "a.sh")
        await stage.press("enter")
        await stage.until((tmp_path / "a.sh").exists)
        await stage.until(lambda: stage.screen.is_current)
        await stage.type(f"/pipe-code touch {tmp_path / 'ran'}")
        await stage.press("enter")
        screen: PipeScreen = await stage.until_top(PipeScreen)
        assert screen._input.value == f"touch {tmp_path / 'ran'}" and not (tmp_path / "ran").exists()
        await stage.press("escape")
        await stage.until(lambda: stage.screen.is_current)
        first = stage.screen.chat.messages[0] if stage.screen.chat else None
        assert first is not None
        await stage.type(f"/quote {first.id}")
        await stage.press("enter")
        await stage.until(lambda: stage.screen.composer.text == "> one\n\n")
