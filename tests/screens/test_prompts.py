"""The library of prompts on the screen: listed, previewed, filled in, put into the composer and saved from it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual.widgets import Input, TextArea

from hybridchat.config import PresetConfig
from hybridchat.domain.chat import Privacy
from hybridchat.session.presets import Listed
from hybridchat.session.prompts import Prompts
from hybridchat.tui.screens.dialogs import Confirm, Prompt
from hybridchat.tui.screens.prompts import FillPrompt, PromptList
from tests.tui.conftest import Screenplay, Stage
from tests.tui.fake_session import FakeSession
from tests.tui.samples import CONVERSATION

REVIEW = """+++
title = "Code review"
preset = "Strict"
workload = "code"
[variables.language]
choices = ["Go", "Python"]
[variables.code]
multiline = true
[variables.readers]
default = "everybody"
+++
Review this {{language}} for {{readers}}:
{{code}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "prompts"
    (folder / "code").mkdir(parents=True)
    (folder / "code" / "review.md").write_text(REVIEW)
    (folder / "hello.md").write_text("Hello\x1b]52;c;evil\x07 there\u202e.")
    (folder / "typo.md").write_text("+++\n[variables.a]\n+++\nSay {{b}}")
    return folder


def session_over(folder: Path, **options: str) -> FakeSession:
    session = FakeSession()
    session.keep_prompts(Prompts(folder, lambda file: options.get("why", "")))
    return session


async def opened(stage: Stage) -> PromptList:
    await stage.press("alt+q")
    found = await stage.until_top(PromptList)
    assert isinstance(found, PromptList)
    return found


async def test_one_is_found_filled_in_and_inserted_at_the_cursor(play: Screenplay, folder: Path) -> None:
    session = session_over(folder)
    session.presets.listed = Listed((PresetConfig(name="Strict", system="Be strict."),))
    async with play(session, size=(120, 40)) as stage:
        stage.screen.composer.set_draft("Before: ")
        prompts = await opened(stage)
        assert "typo.md:4: {{b}} is no variable of this prompt" in " ".join(stage.text.split())
        (folder / "rewrite.md").write_text("Rewrite")
        (folder / "review.md").write_text("# Review where it is")
        await stage.press("escape")
        prompts = await opened(stage)
        await stage.type("rewr")
        await stage.until(lambda: "rewr" in prompts.filter.value and prompts.list.current.key.name == "rewrite")
        prompts.filter.value = ""
        await stage.type("cdrev")
        await stage.until(lambda: [row.text for row in prompts.list.rows] == ["code/review  Code review"])
        assert "Review this {{language}} for {{readers}}:" in stage.text, "the preview"
        await stage.press("enter")
        form = await stage.until_top(FillPrompt)
        await stage.press("right", "tab")
        assert isinstance(stage.app.focused, TextArea)
        await stage.type("x = 1")
        await stage.press("enter")
        await stage.type("y = 2")
        await stage.until(lambda: "Review this Python for everybody:" in stage.text)
        await stage.press("tab")
        assert isinstance(form.focused, Input)
        await stage.press("enter")
        await stage.until(lambda: stage.app.screen is stage.screen)
        await stage.until(
            lambda: stage.screen.composer.text == "Before: Review this Python for everybody:\nx = 1\ny = 2"
        )
        assert not session.sent, "nothing is sent by itself"
        chat = stage.screen.chat
        assert chat is not None
        assert (chat.system, chat.workload) == ("Be strict.", "code")
        assert "this chat goes by the preset Strict" in stage.banners


async def test_what_a_file_hides_does_not_reach_the_composer(play: Screenplay, folder: Path) -> None:
    session = session_over(folder, why="pinned by prompts")
    async with play(session, size=(80, 24)) as stage:
        await opened(stage)
        await stage.type("hello")
        await stage.press("enter")
        await stage.until(lambda: stage.screen.composer.text != "")
        assert stage.screen.composer.text == "Hello␛]52;c;evil␇ there\N{REPLACEMENT CHARACTER}."
        chat = stage.screen.chat
        assert chat is not None and chat.privacy is Privacy.LOCAL_ONLY
        assert "this chat stays on this device now: its prompt is pinned by prompts" in stage.banners


async def test_esc_and_a_broken_one_leave_the_draft(play: Screenplay, folder: Path) -> None:
    session = session_over(folder)
    async with play(session, size=(120, 40)) as stage:
        stage.screen.composer.set_draft("mine")
        await opened(stage)
        await stage.type("review")
        await stage.press("enter")
        await stage.until_top(FillPrompt)
        await stage.press("escape")
        await stage.until(lambda: stage.app.screen is stage.screen)
        assert stage.screen.composer.text == "mine"
        stage.screen.composer.set_text("/prompt typo")
        await stage.press("enter")
        await stage.until(lambda: "is no variable of this prompt" in " ".join(stage.text.split()))
        assert stage.screen.composer.text == "/prompt typo"


async def test_a_draft_or_a_message_becomes_a_prompt(play: Screenplay, folder: Path) -> None:
    session = session_over(folder)
    async with play(session, size=(120, 40)) as stage:
        stage.screen.composer.set_draft("Explain {{thing}}.")
        stage.screen.action_save_prompt()
        await stage.until_top(Prompt)
        await stage.type("explain")
        await stage.press("enter")
        await stage.until(lambda: (folder / "explain.md").exists())
        assert stage.screen.composer.text == "Explain {{thing}}.", "the draft stays"
        stage.screen.composer.set_draft("")
        await stage.screen.open_chat(session.add("chat", CONVERSATION))
        stage.screen.action_save_prompt()
        await stage.until_top(Prompt)
        assert "your last message" in stage.text
        await stage.type("explain")
        await stage.press("enter")
        await stage.until_top(Confirm)
        await stage.press("y")
        library = Prompts(folder)
        chat = stage.screen.chat
        assert chat is not None
        asked = [message.text.strip() for message in chat.messages if message.role == "user"][-1]
        await stage.until(lambda: library.read().prompts[1].body == asked)
        assert (await asyncio.to_thread(library.found, "explain")).title == "explain"


async def test_without_any_the_way_to_one_is_said(play: Screenplay, tmp_path: Path) -> None:
    async with play(session_over(tmp_path / "none"), size=(120, 40)) as stage:
        await stage.press("alt+q")
        await stage.until(lambda: "hybridchat prompts init" in stage.text)
