"""A key that was refused is asked for; how much the models may think is the conversation's."""

from __future__ import annotations

import pytest
from textual import events

from hybridchat.domain.chat import Effort, Health, HealthState, MessageState, Outcome
from hybridchat.domain.routing import Candidate
from hybridchat.errors import ErrorKind
from hybridchat.session.events import HealthChanged, Offered, TurnEnded
from hybridchat.session.key_hosts import KeyHost, KeyHosts, KeyMoved
from hybridchat.session.ways import Way
from hybridchat.tui.screens.ask_key import AskKey
from hybridchat.tui.screens.chat import ChatScreen
from hybridchat.tui.screens.dialogs import Confirm
from hybridchat.tui.screens.picker import Picker
from tests.tui.conftest import Screenplay, Stage
from tests.tui.fake_backends import KEY
from tests.tui.fake_session import CLOUD, LAB, FakeSession


@pytest.fixture(autouse=True)
def keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybridchat.session.keeping.keyring_status", lambda: (True, "Secret Service"))


def moved(key_hosts: KeyHosts | None = None) -> KeyMoved:
    before, now = (KeyHost("env:KEY", f"https://{place}.example") for place in ("east", "west"))
    return KeyMoved("openai", before, now, key_hosts or KeyHosts())


async def refused(stage: Stage, draft: str = "", **why: object) -> None:
    """A reply of the managed backend ends without a word: its key was refused. Something else could answer."""
    from msgspec.structs import replace

    await stage.send("a question")
    await stage.until(lambda: stage.session.sent)
    chat = stage.screen.chat
    assert chat is not None and chat.id is not None
    stage.screen.composer.set_draft(draft)
    reply = chat.messages[-1]
    assert reply.attempt is not None
    attempt = replace(reply.attempt, **{"error_kind": ErrorKind.AUTH, **why})
    reply = replace(reply, state=MessageState.FAILED, note="openai refused the key: 401 — try another", attempt=attempt)
    chat.turn = None
    chat.replace(reply)
    stage.session.emit(TurnEnded(chat.id, reply))
    stage.session.emit(Offered(chat.id, reply.id, (Way("ask", LAB, 0),)))


async def paste(stage: Stage, text: str) -> None:
    stage.app.post_message(events.Paste(text))
    await stage.settle()


async def test_it_is_asked_for_kept_and_the_question_sent_again_after_a_yes(play: Screenplay) -> None:
    session = FakeSession([CLOUD])
    async with play(session, size=(120, 40)) as stage:
        await refused(stage)
        await stage.until_top(AskKey)
        await stage.until(lambda: "kept in the system's keyring (Secret Service)" in stage.text)
        assert "openai refused the key: 401" in stage.text
        assert "bound to https://openai.example" in stage.text
        await paste(stage, KEY)
        assert KEY not in stage.text and "•••" in stage.text
        await stage.press("enter")
        await stage.until_top(Confirm)
        assert session.keys == [("openai", KEY)]
        assert "The key of openai is kept in the keyring, for" in stage.text
        chat = stage.screen.chat
        assert chat is not None and not chat.is_streaming, "nothing is sent by itself"
        await stage.press("y")
        await stage.until(lambda: chat.is_streaming)
        assert len(chat.messages) == 2


@pytest.mark.parametrize("at", ["the key", "the question"])
async def test_esc_leaves_everything_as_it_is(play: Screenplay, at: str) -> None:
    session = FakeSession([CLOUD])
    async with play(session) as stage:
        await refused(stage)
        await stage.until_top(AskKey)
        if at == "the question":
            await paste(stage, KEY)
            await stage.press("enter")
            await stage.until_top(Confirm)
        await stage.press("escape")
        await stage.until_top(ChatScreen)
        assert session.keys == ([("openai", KEY)] if at == "the question" else [])
        assert stage.screen.chat is not None and not stage.screen.chat.is_streaming


async def test_what_cannot_be_a_key_stays_in_the_field(play: Screenplay) -> None:
    async with play(FakeSession([CLOUD])) as stage:
        await refused(stage)
        screen = await stage.until_top(AskKey)
        await paste(stage, "two words")
        await stage.press("enter")
        await stage.until(lambda: "that is no key" in stage.text)
        assert screen.key.value == "two words"


async def test_who_is_typing_is_not_interrupted(play: Screenplay) -> None:
    session = FakeSession([CLOUD])
    async with play(session) as stage:
        await refused(stage, draft="and")
        await stage.until(lambda: stage.banners == ["openai refused the key: Alt+K gives it another one"])
        await stage.type(" more")
        assert stage.screen.composer.text == "and more"
        await stage.press("alt+k")
        await stage.until_top(AskKey)
        await paste(stage, KEY)
        await stage.press("enter")
        await stage.until(lambda: "The key of openai is kept in the keyring" in stage.text)
        assert session.keys == [("openai", KEY)]


async def test_a_server_of_ones_own_that_wants_a_key_says_so(play: Screenplay) -> None:
    async with play(FakeSession([LAB])) as stage:
        stage.session.emit(HealthChanged("lab", Health(HealthState.UNHEALTHY, "401", error_kind=ErrorKind.AUTH)))
        await stage.until(lambda: stage.banners == ["lab wants a key: Alt+K gives it one"])


@pytest.mark.parametrize("goes", [True, False])
async def test_a_key_for_another_host_goes_there_after_a_yes(play: Screenplay, goes: bool) -> None:
    session, key_hosts = FakeSession([CLOUD]), KeyHosts()
    session.moved["openai"] = moved(key_hosts)
    async with play(session, size=(120, 40)) as stage:
        await refused(stage, error_kind=ErrorKind.REFUSED, outcome=Outcome.REFUSED)
        await stage.until_top(Confirm)
        assert "May the key of openai go to https://west.example?" in stage.text
        assert "was for https://east.example" in stage.text
        assert key_hosts.by_id == {}
        await stage.press("y" if goes else "enter")  # what harms nobody has the focus
        if goes:
            await stage.until(lambda: "Send your question again?" in stage.text)
            assert "The key of openai is for https://west.example from now on." in stage.text
            await stage.press("y")
            await stage.until(lambda: stage.screen.chat is not None and stage.screen.chat.is_streaming)
        else:
            await stage.until_top(ChatScreen)
        assert [host.origin for host in key_hosts.by_id.values()] == (["https://west.example"] if goes else [])
        assert bool(session.moved) is not goes


async def test_who_is_typing_is_told_of_the_key_for_another_host(play: Screenplay) -> None:
    session = FakeSession([CLOUD])
    session.moved["openai"] = moved()
    async with play(session, size=(120, 40)) as stage:
        await refused(stage, draft="and", error_kind=ErrorKind.REFUSED, outcome=Outcome.REFUSED)
        await stage.until(lambda: stage.banners)
        assert stage.banners[0].endswith("Alt+K lets openai have its key")
        await stage.press("alt+k")
        await stage.until_top(Confirm)


async def test_one_of_several_backends_is_chosen(play: Screenplay) -> None:
    session = FakeSession([LAB, CLOUD])
    async with play(session) as stage:
        await stage.press("alt+k")
        await stage.until_top(Picker)
        await stage.press("down", "enter")
        await stage.until_top(AskKey)
        assert "A key for openai" in stage.text


async def test_where_no_backend_takes_one_that_is_said(play: Screenplay) -> None:
    nobody: list[Candidate] = []
    async with play(FakeSession(nobody)) as stage:
        await stage.press("alt+k")
        await stage.until(lambda: "No backend here takes a key" in stage.text)


async def test_how_much_a_model_may_think_is_chosen_and_shown(play: Screenplay) -> None:
    async with play(size=(120, 40)) as stage:
        chat = stage.screen.chat
        assert chat is not None
        for effort, words in ((Effort.OFF, "no thinking"), (Effort.HIGH, "high effort")):
            await stage.press("alt+g")
            await stage.until_top(Picker)
            await stage.type(words)
            await stage.press("enter")
            await stage.until(lambda words=words: f" · {words}" in stage.text)  # type: ignore[misc]
            assert chat.effort is effort
        await stage.press("alt+g")
        await stage.until_top(Picker)
        await stage.press("escape")
        await stage.until_top(ChatScreen)
        assert chat.effort is Effort.HIGH
        await stage.press("alt+g")
        await stage.until_top(Picker)
        await stage.type("default")
        await stage.press("enter")
        await stage.until(lambda: "high effort" not in stage.text)
        assert chat.effort is None
