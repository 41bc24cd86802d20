"""A chat to a file, and conversations from one, by what the palette offers."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from hybridchat import wiring
from hybridchat.session.chat import Session
from hybridchat.session.importing import Importer, Report
from hybridchat.tui.screens.bringing_in import BringIn
from hybridchat.tui.screens.chats import ChatList
from hybridchat.tui.screens.dialogs import Prompt
from hybridchat.tui.screens.picker import Picker
from tests.tui.conftest import Screenplay, Stage
from tests.tui.fake_session import FakeSession
from tests.tui.samples import CONVERSATION
from tests.unit.importing import shapes


async def demo() -> Session:
    return wiring.open_demo_session()


async def bring(stage: Stage, file: Path | str) -> BringIn:
    await stage.until(lambda: stage.screen.session is not None)
    stage.screen.action_import_chats()
    prompt: Prompt = await stage.until_top(Prompt)
    prompt._input.value = str(file)
    await stage.press("enter")
    screen: BringIn = await stage.until_top(BringIn)
    return screen


async def test_a_chat_goes_to_a_file(play: Screenplay) -> None:
    session = FakeSession()
    async with play(session) as stage:
        await stage.screen.open_chat(session.add("a chat", CONVERSATION))
        stage.screen.action_export_chat()
        await stage.until_top(Picker)
        await stage.press("down", "down", "down", "enter")
        prompt: Prompt = await stage.until_top(Prompt)
        assert prompt._input.value.endswith(".markdown")
        await stage.press("enter")
        await stage.until(lambda: session.transfer.exported)
        ((_, form, file, branches),) = session.transfer.exported
        assert (form, file.parent, branches) == ("markdown", Path.home(), True)


async def test_a_file_that_is_there_is_not_written_over(play: Screenplay, tmp_path: Path) -> None:
    async with play(open_session=demo) as stage:
        await stage.until(lambda: "Enter sends to" in stage.text)
        await stage.send("hello")
        await stage.until(lambda: stage.screen.chat and stage.screen.chat.conversation)
        chat, session = stage.screen.chat, stage.screen.session
        assert chat is not None and chat.conversation is not None and session is not None
        await session.transfer.export(chat.conversation, "html", tmp_path / "a.html", branches=False)
        assert "hello" in (tmp_path / "a.html").read_text()
        stage.screen.action_export_chat()
        await stage.until_top(Picker)
        await stage.press("enter")
        prompt: Prompt = await stage.until_top(Prompt)
        prompt._input.value = str(tmp_path / "a.html")
        await stage.press("enter")
        await stage.until(lambda: "already — give another name" in " ".join(stage.text.split()))


async def test_conversations_come_from_a_file(play: Screenplay, tmp_path: Path) -> None:
    file = tmp_path / "conversations.json"
    file.write_bytes(shapes.as_json([shapes.gpt_chat("c1"), shapes.gpt_chat("c2"), None]))
    async with play(open_session=demo, size=(120, 40)) as stage:
        await bring(stage, file)
        await stage.until(lambda: "added 2 new conversations, with 4 messages" in stage.text)
        assert "not read: conversation 3" in stage.text
        await stage.press("escape", "ctrl+o")
        chats: ChatList = await stage.until_top(ChatList)
        await stage.until(lambda: [row.text for row in chats.list.rows] == ["chat c2", "chat c1"])
        await stage.press("enter")
        await stage.until(lambda: "gpt-4o · imported" in stage.text)


@pytest.mark.parametrize("name", ["absent.json", "~nobody-of-that-name/x"])
async def test_a_file_that_is_not_there(name: str, play: Screenplay) -> None:
    async with play(open_session=demo) as stage:
        await bring(stage, name)
        await stage.until(lambda: "cannot read" in stage.text and "Esc closes" in stage.text)
        await stage.press("escape")
        await stage.until(lambda: stage.app.screen is stage.screen)


async def test_esc_stops_an_import(play: Screenplay, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = threading.Event()

    def run(self: Importer, files: list[Path], **_: object) -> Report:
        stopped.wait(30)
        return Report(is_whole=False)

    monkeypatch.setattr(Importer, "run", run)
    monkeypatch.setattr(Importer, "stop", lambda self: stopped.set())
    async with play(open_session=demo) as stage:
        await bring(stage, os.devnull)
        await stage.press("escape")
        await stage.until(lambda: "stopped: another import adds the rest" in stage.text)
        await stage.press("escape")
        await stage.until(lambda: stage.app.screen is stage.screen)
