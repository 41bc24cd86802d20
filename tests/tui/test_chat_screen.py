"""The chat on the screen: drafts, banners, choices, copying, the comparison, and any size."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from textual.widgets import TextArea

from hybridchat.domain.chat import Kind, Privacy, Role
from hybridchat.session.events import EngineLoading, Notice
from hybridchat.tui.screens.picker import Picker
from tests.tui.conftest import Screenplay
from tests.tui.fake_session import CLOUD, LAB, FakeSession
from tests.tui.samples import CONVERSATION


async def test_new_chats_of_a_local_only_run_are_local_only(play: Screenplay) -> None:
    async with play(FakeSession(local_only=True)) as stage:
        await stage.press("ctrl+n")
        assert stage.screen.chat is not None
        assert stage.screen.chat.privacy is Privacy.LOCAL_ONLY


async def test_drafts_stay_with_their_chats(play: Screenplay) -> None:
    session = FakeSession()
    first = session.add("first chat", CONVERSATION)
    async with play(session, reopen_latest=True) as stage:
        stage.screen.composer.set_draft("draft of the first")
        await stage.press("ctrl+n")
        assert stage.screen.composer.text == ""
        stage.screen.composer.set_draft("draft of the new one")
        await stage.screen.open_chat(first)
        assert stage.screen.composer.text == "draft of the first"
        await stage.press("ctrl+n")
        assert stage.screen.composer.text == "draft of the new one"


async def test_a_draft_that_a_new_chat_has_sent_is_not_in_the_next_one(play: Screenplay) -> None:
    session = FakeSession()
    first = session.add("first chat", CONVERSATION)
    async with play(session) as stage:
        stage.screen.composer.set_draft("a draft")
        await stage.screen.open_chat(first)
        await stage.press("ctrl+n")
        assert stage.screen.composer.text == "a draft"
        await stage.press("enter")
        await stage.until(lambda: stage.session.sent)
        await stage.press("ctrl+n")
        assert stage.screen.composer.text == ""


async def test_a_running_reply_is_there_when_its_chat_returns(play: Screenplay) -> None:
    async with play() as stage:
        await stage.send("long question")
        await stage.until(lambda: stage.session.sent)
        chat = stage.screen.chat
        assert chat is not None and chat.id is not None
        stage.session.feed(chat, "The first half")
        await stage.press("ctrl+n")
        stage.session.feed(chat, " and the second")
        assert "second" not in stage.text
        await stage.screen.open_chat(chat.id)
        await stage.until(lambda: "The first half and the second" in stage.text)
        stage.session.feed(chat, " and more")
        await stage.until(lambda: "and the second and more" in stage.text)


async def test_a_plan_that_comes_after_the_end_is_no_fault(play: Screenplay) -> None:
    async with play() as stage:
        screen = stage.screen
        await screen.route_line.remove()
        screen.plan_now()


async def test_notices_stay_until_they_are_dismissed(play: Screenplay) -> None:
    async with play(notices=[Notice("config.toml:3: unknown key", "error")]) as stage:
        stage.session.emit(Notice("[@click=app.quit]never markup[/]\x1b[2J"))
        stage.session.emit(Notice("[@click=app.quit]never markup[/]\x1b[2J"))
        await stage.until(lambda: "warning: [@click=app.quit]never markup[/]␛[2J" in stage.text)
        assert len(stage.banners) == 2
        await stage.press("escape")
        await stage.until(lambda: stage.banners == ["config.toml:3: unknown key"])
        await stage.press("escape")
        await stage.until(lambda: stage.banners == [])


async def test_the_engines_loading_is_shown(play: Screenplay) -> None:
    async with play() as stage:
        await stage.send("hello")
        await stage.until(lambda: stage.session.sent)
        chat = stage.screen.chat
        assert chat is not None and chat.id is not None
        stage.session.emit(EngineLoading(chat.id, chat.messages[-1].id, "loading weights", 0.4))
        await stage.until(lambda: "loading weights 40%" in stage.text)


async def test_reasoning_workload_and_privacy_are_set_and_shown(play: Screenplay) -> None:
    async with play() as stage:
        await stage.press("ctrl+g")
        await stage.until(lambda: "high reasoning" in stage.text.splitlines()[0])
        await stage.press("f3")
        await stage.until_top(Picker)
        await stage.type("summ")
        await stage.press("enter")
        await stage.until(lambda: "summarization" in stage.text.splitlines()[0])
        await stage.press("ctrl+l")
        picker = await stage.until_top(Picker)
        picker.list.set_rows(picker.all_rows, Privacy.LOCAL_ONLY)
        await stage.press("enter")
        await stage.until(lambda: "local only: stays on this device" in stage.text)


async def test_the_route_of_a_chat_is_chosen(play: Screenplay) -> None:
    async with play() as stage:
        await stage.press("ctrl+r")
        await stage.until_top(Picker)
        await stage.type("gpt-big-2")
        await stage.press("enter")
        await stage.until(lambda: "Enter sends to openai" in stage.text)
        assert stage.screen.chat is not None
        assert (stage.screen.chat.route, stage.screen.chat.model) == ("openai", "gpt-big-2")


async def test_copying(play: Screenplay) -> None:
    session = FakeSession()
    session.add("chat", CONVERSATION)
    async with play(session, reopen_latest=True) as stage:
        await stage.press("ctrl+y")
        assert stage.app.clipboard.startswith("Yes. A **write-ahead log**")
        await stage.press("f5")
        await stage.until(lambda: stage.app.clipboard.startswith("connection.execute"))


async def test_one_of_several_code_blocks_is_chosen(play: Screenplay) -> None:
    session = FakeSession()
    session.add("chat", [(Role.ASSISTANT, "```sh\nls\n```\n\nand\n\n```py\nprint(1)\n```\n")])
    async with play(session, reopen_latest=True) as stage:
        await stage.until(lambda: "print(1)" in stage.text)
        await stage.press("f5", "enter")  # the numbers on the screen first, then the list
        await stage.until_top(Picker)
        await stage.press("up", "enter")
        await stage.until(lambda: stage.app.clipboard.strip() == "ls")


async def test_the_panel_follows_the_width_and_its_key(play: Screenplay) -> None:
    async with play(size=(120, 40)) as stage:
        panel = stage.screen.panel
        await stage.until(lambda: panel.has_class("-side") and "n/a (n=23)" in stage.text)
        await stage.resize(80, 24)
        await stage.until(lambda: not panel.has_class("-side"))
        await stage.until(lambda: "83% local" in stage.text or "managed 23" in stage.text)
        await stage.press("f4")
        await stage.until(lambda: not panel.display)
        await stage.press("f4")
        await stage.until(lambda: panel.display)


async def test_any_size_is_survived_while_streaming(play: Screenplay) -> None:
    async with play() as stage:
        stage.screen.composer.set_draft("draft")
        await stage.press("enter")
        await stage.until(lambda: stage.session.sent)
        chat = stage.screen.chat
        assert chat is not None
        stage.screen.composer.set_draft("kept")
        for width, height in ((1, 1), (300, 100), (0, 0), (2, 5), (80, 24)):
            await stage.resize(width, height)
            stage.session.feed(chat, f"at {width}×{height}, wide 漢字 and ```code\n")
            await stage.settle()
        assert stage.screen.composer.text == "kept"
        await stage.until(lambda: "kept" in stage.text)


@pytest.mark.parametrize("behind", ["", "ctrl+o", "ctrl+p"])
async def test_an_empty_composer_survives_a_terminal_that_leaves_it_no_width(behind: str, play: Screenplay) -> None:
    async with play() as stage:
        await stage.press(*filter(None, [behind]))
        await stage.until(lambda: bool(behind) == (stage.app.screen is not stage.screen))
        for width in range(1, 9):
            await stage.pilot.resize_terminal(width, 8)
            stage.screen._compositor.render_strips()
        await stage.resize(80, 24)
        assert "Write a message" in stage.text or behind


async def test_the_simulated_side_is_called_simulated(play: Screenplay) -> None:
    async with play(FakeSession([replace(LAB, kind=Kind.SIMULATED)])) as stage:
        await stage.until(lambda: "SIMULATED" in stage.text.splitlines()[0])
        assert "simulated local" in stage.text


async def test_the_session_is_closed_at_the_end(play: Screenplay) -> None:
    async with play() as stage:
        await stage.press("ctrl+q")
    assert stage.session.is_closed


async def test_end_in_the_composer_returns_to_the_newest_line(play: Screenplay) -> None:
    session = FakeSession()
    session.add("chat", [(Role.ASSISTANT, "\n\n".join(f"line {n}" for n in range(100)))])
    async with play(session, reopen_latest=True) as stage:
        await stage.until(lambda: "line 99" in stage.text)
        await stage.press("pageup", "pageup")
        await stage.until(lambda: "line 99" not in stage.text)
        await stage.press("end")
        await stage.until(lambda: "line 99" in stage.text)
        assert isinstance(stage.app.focused, TextArea)


async def test_a_managed_backend_lists_its_models_only_when_asked(play: Screenplay) -> None:
    session = FakeSession([LAB, replace(CLOUD, model="")])
    async with play(session) as stage:
        await stage.press("ctrl+r")
        await stage.until_top(Picker)
        assert session.checked == []
        await stage.type("list its models")
        await stage.press("enter")
        await stage.until(lambda: session.checked == ["openai"])
        picker = await stage.until_top(Picker)
        assert picker.list.current.key == ("openai", "offered")
        await stage.press("enter")
        await stage.until(lambda: "Enter sends to openai · offered" in stage.text)


async def test_the_transcript_is_read_with_the_keys(play: Screenplay) -> None:
    session = FakeSession()
    session.add("chat", CONVERSATION)
    async with play(session, reopen_latest=True) as stage:
        await stage.until(lambda: "write-ahead" in stage.text)
        await stage.press("f7")
        assert stage.app.focused is stage.screen.transcript
        await stage.press("ctrl+a", "y")
        await stage.until(lambda: "write-ahead log" in stage.app.clipboard)
        await stage.press("tab")
        assert stage.app.focused is stage.screen.composer


async def test_up_in_an_empty_composer_brings_the_last_message_back(play: Screenplay) -> None:
    session = FakeSession()
    session.add(
        "chat", [(Role.USER, "first"), (Role.ASSISTANT, "a"), (Role.USER, "second\nline"), (Role.ASSISTANT, "b")]
    )
    async with play(session, reopen_latest=True) as stage:
        await stage.press("up")
        assert stage.screen.composer.text == "second\nline"
        await stage.press("up")
        assert stage.screen.composer.text == "second\nline"
        assert stage.screen.composer.cursor_location[0] == 0


async def test_the_route_line_takes_the_room_that_its_words_need(play: Screenplay) -> None:
    async with play(
        FakeSession([replace(LAB, model="publisher/a-rather-long-name-of-a-model-with-quantization")])
    ) as stage:
        await stage.until(lambda: "Enter sends to" in stage.text and "table local-first" in stage.text)
        assert stage.screen.route_line.size.height > 2


@pytest.mark.parametrize("key", ["ctrl+r", "ctrl+s"])
async def test_a_place_that_privacy_bars_is_marked_and_says_why_not(play: Screenplay, key: str) -> None:
    why = "managed, and this conversation is local only"
    async with play(FakeSession(local_only=True)) as stage:
        stage.screen.composer.set_draft("stays here")
        await stage.press(key)
        picker = await stage.until_top(Picker)
        barred = {row.key for row in picker.all_rows if row.barred}
        words = {("managed", None)} if key == "ctrl+r" else set()
        assert barred == {("openai", "gpt-big"), ("openai", "gpt-big-2")} | words
        assert f"barred: {why}"[:30] in stage.text
        await stage.type("gpt-big-2")
        await stage.press("enter")
        await stage.until(lambda: f"warning: this chat cannot go there: {why}" in " ".join(stage.text.split()))
        assert stage.app.screen is picker
        await stage.press("escape")
        await stage.until(lambda: stage.app.screen is stage.screen)
        assert stage.screen.chat is not None and stage.screen.chat.route == "auto"
        assert stage.session.sent == []


async def test_nothing_is_barred_in_an_open_chat(play: Screenplay) -> None:
    async with play() as stage:
        await stage.press("ctrl+r")
        picker = await stage.until_top(Picker)
        assert not any(row.barred for row in picker.all_rows)
