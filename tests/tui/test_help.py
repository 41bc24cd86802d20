"""The page of help: what can be done where it was asked for, to find and to do."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

from textual.binding import Binding
from textual.dom import DOMNode

from hybridchat.tui.actions import ACTIONS
from hybridchat.tui.screens.chats import ChatList
from hybridchat.tui.screens.dialogs import Confirm
from hybridchat.tui.screens.help import HelpScreen
from hybridchat.tui.screens.picker import Picker
from tests.tui.conftest import Screenplay
from tests.tui.samples import CONVERSATION

ROOT = Path(__file__).parents[2]


def subclasses_of(kind: type) -> Iterator[type]:
    for one in kind.__subclasses__():
        yield one
        yield from subclasses_of(one)


async def test_help_names_every_action(play: Screenplay) -> None:
    async with play(size=(120, 140)) as stage:
        await stage.press("f1")
        await stage.until_top(HelpScreen)
        assert [a.id for a in ACTIONS if a.title not in stage.text] == []
        await stage.press("escape")
        await stage.until(lambda: stage.app.screen is stage.screen)


async def test_help_is_found_by_words_and_said_in_full_on_a_narrow_terminal(play: Screenplay) -> None:
    async with play(size=(80, 24)) as stage:
        await stage.press("f1")
        await stage.until_top(HelpScreen)
        assert "Esc closes" in stage.text
        await stage.type("once other model")
        await stage.until(lambda: "› Ctrl+S" in stage.text)
        assert "Send this message to. Choose another place for this one message" in stage.text
        assert "/send-to" in stage.text
        await stage.press("f1")
        await stage.until(lambda: stage.app.screen is stage.screen)


async def test_what_is_chosen_on_the_page_of_help_is_done(play: Screenplay) -> None:
    async with play(size=(120, 40)) as stage:
        await stage.screen.open_chat(stage.session.add("chat", CONVERSATION))
        await stage.press("f1")
        await stage.until_top(HelpScreen)
        await stage.type("caret")
        await stage.press("enter")
        await stage.until(lambda: stage.app.screen is stage.screen and stage.screen.focused is stage.screen.transcript)
        await stage.press("f1")
        page = await stage.until_top(HelpScreen)
        assert page.all_rows[0].text == "In the transcript"
        await stage.type("ctrl+r")
        await stage.press("enter")
        await stage.until_top(Picker)
        assert "Route of this chat" in stage.text


async def test_a_letter_stands_behind_the_key_that_leads_to_where_it_is_one(play: Screenplay) -> None:
    async with play(size=(120, 40)) as stage:
        await stage.screen.open_chat(stage.session.add("chat", CONVERSATION))
        await stage.press("f1")
        await stage.until_top(HelpScreen)
        await stage.type("find in this chat")
        await stage.until(lambda: "› Ctrl+F, F7 /" in stage.text)
        await stage.press("f1", "f7", "f1")
        await stage.until_top(HelpScreen)
        await stage.type("find in this chat")
        await stage.until(lambda: "› Ctrl+F, / " in stage.text)


async def test_a_dialog_says_its_own_keys(play: Screenplay) -> None:
    async with play(size=(120, 40)) as stage:
        await stage.press("ctrl+o")
        chats = await stage.until_top(ChatList)
        await stage.press("f1")
        await stage.until_top(HelpScreen)
        assert "Here" in stage.text and "Delete this chat" in stage.text and "Go through the rows" in stage.text
        assert "Privacy" not in stage.text
        await stage.type("close")
        await stage.press("enter")
        await stage.until(lambda: chats not in stage.app.screen_stack)


async def test_a_question_mark_helps_in_a_dialog_where_nothing_is_written(play: Screenplay) -> None:
    async with play() as stage:
        stage.app.push_screen(Confirm("Really?", yes="Do it"))
        await stage.until_top(Confirm)
        await stage.press("question_mark")
        await stage.until_top(HelpScreen)
        assert "To the other answer" in stage.text
        await stage.press("f1")
        await stage.until_top(Confirm)


def test_every_key_of_a_dialog_says_what_it_does() -> None:
    """Else the page of help would not name it."""
    for module in (ROOT / "hybridchat" / "tui").rglob("*.py"):
        importlib.import_module(".".join(module.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
    ours = [node for node in subclasses_of(DOMNode) if node.__module__.startswith("hybridchat.")]
    silent = [
        f"{node.__name__}: {binding.key}"
        for node in ours
        for binding in Binding.make_bindings(node.__dict__.get("BINDINGS", ()))
        if not binding.description
    ]
    assert silent == []


async def test_a_question_mark_is_typed_in_the_composer_and_helps_elsewhere(play: Screenplay) -> None:
    async with play() as stage:
        await stage.press("question_mark")
        assert stage.screen.composer.text == "?"
        stage.screen.set_focus(None)
        await stage.press("question_mark")
        await stage.until_top(HelpScreen)
