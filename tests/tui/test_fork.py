"""A looser privacy on the screen: by a fork, after a look at every word that would go along."""

from __future__ import annotations

import pytest

from hybridchat.domain.chat import Privacy, Role
from hybridchat.session.forking import past_turns
from hybridchat.tui.screens.fork import ForkReview
from hybridchat.tui.screens.picker import Picker
from hybridchat.tui.widgets.bars import fitting
from tests.tui.conftest import Screenplay, Stage
from tests.tui.fake_session import FakeSession

SECRETS = [
    *((Role.USER, "first secret"), (Role.ASSISTANT, "its answer [/b] [@click=app.quit]x[/]")),
    *((Role.USER, "second secret\n\n" + "many words " * 40), (Role.ASSISTANT, "another answer")),
]


def pinned(session: FakeSession, system: str = "") -> int:
    number = session.add("a client", SECRETS)
    session.kept[number].privacy, session.kept[number].system = Privacy.LOCAL_ONLY, system
    return number


async def ask_for(stage: Stage, level: str) -> ForkReview:
    await choose(stage, level)
    review: ForkReview = await stage.until_top(ForkReview)
    return review


async def choose(stage: Stage, level: str) -> None:
    await stage.press("ctrl+l")
    await stage.until_top(Picker)
    await stage.type(level)
    await stage.press("enter")


async def test_privacy_16_enter_alone_takes_nothing_along(play: Screenplay) -> None:
    session = FakeSession()
    first = pinned(session, "be brief")
    async with play(session, reopen_latest=True) as stage:
        stage.screen.composer.set_draft("a draft, written under the pin")
        await ask_for(stage, "open")
        assert "What goes along: nothing" in stage.text
        await stage.press("enter")
        await stage.until(lambda: stage.screen.chat is not None and stage.screen.chat.id != first)
        fork = stage.screen.chat
        assert fork is not None and fork.conversation is not None
        assert (fork.privacy, fork.messages, fork.system) == (Privacy.OPEN, [], "")
        assert fork.conversation.title == "a client (forked)"
        assert "open: may leave your machines" in stage.text
        assert stage.screen.composer.text == "", "a draft stays where it was written"
        await stage.screen.open_chat(first)
        assert stage.screen.composer.text == "a draft, written under the pin"
        assert stage.screen.chat.privacy is Privacy.LOCAL_ONLY
        assert session.sent == []


async def test_privacy_16_every_word_that_would_go_is_shown(play: Screenplay) -> None:
    session = FakeSession()
    number = pinned(session, "be brief")
    async with play(session, reopen_latest=True) as stage:
        review = await ask_for(stage, "private")
        shown = "".join("".join(row.text.split()) for row in review.review.rows)
        for message in session.kept[number].messages:
            assert "".join(message.text.split()) in shown
        assert "bebrief" in shown
        assert "[/b] [@click=app.quit]x[/]" in stage.text, "text, not markup"


async def test_privacy_16_some_turns_are_chosen_from_any_of_their_lines(play: Screenplay) -> None:
    session = FakeSession()
    number = pinned(session, "be brief")
    last = past_turns(session.kept[number])[1]
    async with play(session, reopen_latest=True) as stage:
        await ask_for(stage, "open")
        await stage.press("end", "space")
        await stage.until(lambda: f"1 turn of 2, {last.text_bytes} bytes" in stage.text)
        await stage.press("a")
        await stage.until(lambda: "2 turns of 2 and the system prompt" in stage.text)
        await stage.press("n")
        await stage.until(lambda: "What goes along: nothing" in stage.text)
        await stage.press("space", "enter")
        await stage.until(lambda: stage.screen.chat is not None and stage.screen.chat.id != number)
        fork = stage.screen.chat
        assert fork is not None
        assert [message.text for message in fork.messages] == [text for _, text in SECRETS[2:]]
        assert fork.system == ""


async def test_a_click_chooses_a_turn_and_makes_no_fork(play: Screenplay) -> None:
    session = FakeSession()
    pinned(session)
    async with play(session, reopen_latest=True) as stage:
        review = await ask_for(stage, "open")
        await stage.pilot.click(review.review, offset=(8, 1))
        await stage.until(lambda: "1 turn of 2" in stage.text)
        assert stage.app.screen is review


async def test_without_a_yes_everything_stays(play: Screenplay) -> None:
    session = FakeSession()
    number = pinned(session)
    async with play(session, reopen_latest=True) as stage:
        await ask_for(stage, "open")
        await stage.press("a", "escape")
        await stage.until(lambda: stage.app.screen is stage.screen)
        assert list(session.kept) == [number]
        assert session.kept[number].privacy is Privacy.LOCAL_ONLY


async def test_tighter_needs_no_fork_and_the_state_is_words(play: Screenplay) -> None:
    session = FakeSession()
    number = session.add("open so far", SECRETS)
    async with play(session, reopen_latest=True) as stage:
        assert "open: may leave your machines" in stage.text
        await choose(stage, "private:")
        await stage.until(lambda: "private: your machines only" in stage.text.splitlines()[0])
        await choose(stage, "local only:")
        await stage.until(lambda: "local only: stays on this device" in stage.text.splitlines()[0])
        assert session.kept[number].privacy is Privacy.LOCAL_ONLY


@pytest.mark.parametrize("level", ["private:", "open:"])
async def test_under_a_floor_the_looser_ones_are_barred_and_say_by_what(play: Screenplay, level: str) -> None:
    async with play(FakeSession(local_only=True)) as stage:
        await stage.press("ctrl+l")
        picker = await stage.until_top(Picker)
        assert "this run is local only" in stage.text
        await stage.type(level)
        await stage.press("enter")
        await stage.until(lambda: "warning: this run is local only" in stage.text)
        assert stage.app.screen is picker


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (120, 40)])
async def test_the_privacy_is_always_there_in_words(play: Screenplay, size: tuple[int, int]) -> None:
    """Beside everything else that the title has to say, and on the narrow one beside the panel."""
    async with play(FakeSession(local_only=True), size=size) as stage:
        await stage.press("alt+n", "ctrl+g")
        chat = stage.screen.chat
        assert chat is not None
        await stage.session.set_workload(chat, "summarization")
        stage.screen._panel_mode = "side"
        await stage.resize(*size)
        stage.screen.plan_now()
        await stage.until(lambda: "local only" in stage.text.splitlines()[0])
        assert "off the record" in stage.text.splitlines()[0]


def test_what_the_title_leaves_out_is_never_the_privacy() -> None:
    marks = (
        ("chat", "$muted"),
        ("high reasoning", "$muted"),
        ("off the record", "bold"),
        ("open: may leave", "$muted"),
    )
    whole = [words for words, _ in marks]
    assert [words for words, _ in fitting(marks, 60)] == whole
    assert [words for words, _ in fitting(marks, 48)] == whole[1:]
    assert [words for words, _ in fitting(marks, 31)] == whole[2:]
    assert [words for words, _ in fitting(marks, 20)] == ["off the record", "open"]
    assert [words for words, _ in fitting(marks[3:], 2)] == ["open"]
    assert fitting((), 10) == []
