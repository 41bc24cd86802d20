"""Slash commands in the composer: completed as one types, done by Enter, and never sent as words."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from hybridchat.config import UiConfig
from hybridchat.domain.chat import Effort, Privacy
from hybridchat.tui.actions import ACTIONS
from hybridchat.tui.screens.calling import matching
from hybridchat.tui.screens.chat import ChatScreen
from hybridchat.tui.screens.picker import Picker
from hybridchat.tui.screens.search import Search
from tests.tui.conftest import Screenplay, Stage
from tests.tui.fake_session import FakeSession
from tests.tui.samples import CONVERSATION


def test_what_takes_an_argument_has_a_method_for_it() -> None:
    takers = {f"call_{action.id}" for action in ACTIONS if action.argument}
    calls = {name for name in dir(ChatScreen) if name.startswith("call_") and name not in CALLS_OF_TEXTUAL}
    assert calls == takers
    assert [name for name in calls if not inspect.iscoroutinefunction(getattr(ChatScreen, name))] == []


CALLS_OF_TEXTUAL = {"call_after_refresh", "call_later", "call_next"}


@pytest.mark.parametrize(
    ("typed", "first"),
    [("", "send_to"), ("new", "new_chat"), ("rou", "route"), ("stats", "toggle_panel"), ("rnm", "rename_chat")],
)
def test_what_may_be_meant(typed: str, first: str) -> None:
    assert matching(typed)[0][0].id == first


def test_a_title_is_something_to_go_by() -> None:
    assert [action.id for action, *_ in matching("thinking")][:1] == ["toggle_thinking"]
    assert "toggle_panel" in [action.id for action, *_ in matching("comparison")]
    assert matching("zzzz") == []


def offered(stage: Stage) -> list[str]:
    completions = stage.screen.composer.completions
    return [row.text.split()[0] for row in completions.rows] if completions.display else []


async def test_a_slash_offers_and_esc_closes(play: Screenplay) -> None:
    async with play() as stage:
        await stage.type("/re")
        assert offered(stage)[:3] == ["/recall", "/rename", "/reasoning"]
        await stage.until(lambda: "Enter: Your last message again" in stage.text)
        await stage.press("down")
        await stage.until(lambda: "Enter: Rename this chat" in stage.text)
        await stage.press("escape")
        assert offered(stage) == []
        await stage.until(lambda: "Enter does nothing: there is no command /re — did you mean" in stage.text)
        await stage.type("n")
        assert offered(stage)[0] == "/rename"
        await stage.press("backspace", "backspace", "backspace", "backspace")
        assert offered(stage) == [] and stage.screen.composer.text == ""


async def test_tab_completes_and_enter_does(play: Screenplay) -> None:
    session = FakeSession()
    session.add("chat", CONVERSATION)
    async with play(session, reopen_latest=True) as stage:
        await stage.type("/ren")
        await stage.press("tab")
        assert stage.screen.composer.text == "/rename "
        await stage.type("A new title")
        await stage.press("enter")
        await stage.until(lambda: "A new title" in stage.text.splitlines()[0])
        assert (stage.screen.composer.text, session.sent) == ("", [])


async def test_a_guess_is_completed_before_it_is_done(play: Screenplay) -> None:
    async with play() as stage:
        await stage.type("/prvcy")
        await stage.until(lambda: "Enter completes: Privacy of this chat" in stage.text)
        await stage.press("enter")
        assert (stage.screen.composer.text, stage.app.screen) == ("/privacy ", stage.screen)
        await stage.press("ctrl+u")
        await stage.type("/prvcy")
        await stage.press("down", "up", "enter")
        await stage.until_top(Picker)


async def test_arrows_choose_and_enter_runs_what_is_chosen(play: Screenplay) -> None:
    async with play() as stage:
        await stage.type("/pri")
        await stage.press("enter")
        picker = await stage.until_top(Picker)
        assert "Privacy of this chat" in stage.text
        await stage.press("escape")
        await stage.until_top(ChatScreen)
        await stage.type("/privacy ")
        assert offered(stage) == ["local-only", "private", "open"]
        await stage.press("down", "down", "up", "up", "down", "enter")
        chat = stage.screen.chat
        await stage.until(lambda: chat is not None and chat.privacy is Privacy.PRIVATE)
        assert picker is not stage.app.screen and stage.session.sent == []


async def test_arguments_mean_what_the_dialogs_mean(play: Screenplay) -> None:
    session = FakeSession()
    number = session.add("the first", CONVERSATION)
    async with play(session) as stage:
        for command in ("/route openai gpt-big-2", "/effort low", "/workload code", "/theme paper"):
            await stage.type(command)
            await stage.press("enter")
        chat = stage.screen.chat
        assert chat is not None
        await stage.until(lambda: stage.app.theme == "paper")
        assert (chat.route, chat.model, chat.effort, chat.workload) == ("openai", "gpt-big-2", Effort.LOW, "code")
        await stage.type(f"/open {number}")
        await stage.press("enter")
        await stage.until(lambda: stage.screen.chat is not None and stage.screen.chat.id == number)
        await stage.type("/tags work, db")
        await stage.press("enter")
        await stage.until(lambda: "#work" in stage.text.splitlines()[0])
        await stage.type("/find write-ahead")
        await stage.press("enter")
        await stage.until(lambda: "1 of" in stage.text)
        await stage.press("escape")
        await stage.type("/search log")
        await stage.press("enter")
        search = await stage.until_top(Search)
        assert search.filter.value == "log"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("/nope", "there is no command /nope"),
        ("/renmae x", "did you mean /rename"),
        ("/open x", "'x' is no number of a conversation"),
        ("/open 99", "no conversation 99"),
        ("/privacy none", "local_only, private, open"),
        ("/rename x", "this chat is empty"),
        ("/export a.md", "this chat is empty"),
        ("/new idea", "/new takes nothing after it"),
        ("/theme zzz", "'zzz' is none of these"),
    ],
)
async def test_a_mistake_is_one_line_and_the_draft_stays(typed: str, said: str, play: Screenplay) -> None:
    async with play(size=(160, 24), ui=UiConfig(panel="off")) as stage:
        await stage.type(typed)
        await stage.press("enter")
        await stage.until(lambda: said in stage.text.rpartition("error:")[2])
        assert (stage.screen.composer.text, stage.session.sent) == (typed, [])


@pytest.mark.parametrize(
    ("typed", "sent"),
    [("/usr/bin is what?", "/usr/bin is what?"), ("//new words", "/new words"), ("// a comment", "/ a comment")],
)
async def test_words_are_sent(typed: str, sent: str, play: Screenplay) -> None:
    async with play() as stage:
        await stage.type(typed)
        await stage.press("enter")
        await stage.until(lambda: [draft.text for draft in stage.session.sent] == [sent])
        await stage.press("ctrl+n")


async def test_several_lines_are_words(play: Screenplay) -> None:
    async with play() as stage:
        await stage.type("/new")
        await stage.press("ctrl+j")
        await stage.type("and more")
        assert offered(stage) == []
        await stage.press("enter")
        await stage.until(lambda: [draft.text for draft in stage.session.sent] == ["/new\nand more"])


async def test_words_that_look_like_a_command_come_back_as_words(play: Screenplay) -> None:
    async with play() as stage:
        await stage.type("//new")
        await stage.press("enter")
        await stage.until(lambda: stage.session.sent)
        await stage.press("up")
        assert stage.screen.composer.text == "//new"


async def test_a_command_typed_while_it_starts_is_done(play: Screenplay, tmp_path: Path) -> None:
    async with play() as stage:
        for key in "/off-record":
            stage.app.post_message(_key(key))
        stage.app.post_message(_key("\r"))
        await stage.until(lambda: stage.screen.chat is not None and stage.screen.chat.is_off_record)
        assert stage.session.sent == []


def _key(character: str) -> object:
    from textual import events
    from textual.keys import _character_to_key

    return events.Key("enter", "\r") if character == "\r" else events.Key(_character_to_key(character), character)
