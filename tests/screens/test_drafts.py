"""Drafts over the real session: on disk while one types, with their chats, and gone when they are messages."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from textual import events

from hybridchat import wiring
from hybridchat.domain.chat import Privacy
from hybridchat.ledger.residue import search
from hybridchat.session.chat import Session
from hybridchat.tui.screens.chats import ChatList
from tests.fakes.completions import FakeCompletions
from tests.fakes.configs import lab, write_config
from tests.tui.conftest import Screenplay, Stage
from tests.unit.ledger.helpers import query


async def open_session() -> Session:
    return wiring.load().open_session()


def kept(home: Path) -> list[str]:
    """None while the ledger is being made."""
    try:
        return [text for (text,) in query(home / "hybridchat.db", "SELECT text FROM draft ORDER BY id")]
    except sqlite3.OperationalError:
        return []


@pytest.fixture(autouse=True)
async def server(home: Path) -> AsyncIterator[FakeCompletions]:
    """Who answers, and the only one in the config."""
    async with FakeCompletions(text="forty-two", tokens=1) as server:
        write_config(home, lab(server.url))
        yield server


async def ready(stage: Stage) -> None:
    await stage.until(lambda: "Enter sends to lab" in stage.text)


async def pin_and_paste(stage: Stage) -> None:
    """The open chat is pinned, and has a long paste in its draft."""
    assert stage.app.session is not None and stage.screen.chat is not None
    await stage.app.session.set_privacy(stage.screen.chat, Privacy.LOCAL_ONLY)
    stage.screen.plan_now()
    await stage.until(lambda: "local only" in stage.text)
    stage.screen.composer.post_message(events.Paste("line\n" * 500))
    await stage.until(lambda: stage.screen.composer.text == "@paste-1.txt ")
    await stage.until(lambda: "Attached  paste-1.txt" in stage.text)


async def test_what_is_typed_is_on_disk_and_comes_back(home: Path, play: Screenplay) -> None:
    async with play(open_session=open_session) as stage:
        await ready(stage)
        await stage.type("half a thought")
        await stage.until(lambda: kept(home) == ["half a thought"])
        await stage.press("enter")
        await stage.until(lambda: "forty-two" in stage.text)
        await stage.until(lambda: kept(home) == [])
        await stage.type("the next one")
        await stage.press("ctrl+n")
        await stage.type("/ren")
        await stage.press("escape", "ctrl+o")
        chats = await stage.until_top(ChatList)
        await stage.until(lambda: [row.detail.split()[0] for row in chats.list.rows] == ["draft"])
        await stage.press("escape")
    assert sorted(kept(home)) == ["/ren", "the next one"]
    async with play(open_session=open_session, reopen_latest=True) as stage:
        await stage.until(lambda: stage.screen.composer.text == "the next one")
        await stage.press("ctrl+n")
        await stage.until(lambda: stage.screen.composer.text == "/ren")


async def test_words_on_their_way_are_the_draft_until_they_are_a_message(
    home: Path, play: Screenplay, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with play(open_session=open_session) as stage:
        await ready(stage)
        assert stage.app.session is not None
        send, is_held = stage.app.session.send, True

        async def held(*arguments: object, **options: object) -> None:
            await stage.until(lambda: not is_held)
            await send(*arguments, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(stage.app.session, "send", held)
        await stage.type("on its way")
        await stage.press("enter")
        await stage.type("typed since")
        await stage.until(lambda: kept(home) == ["on its way\ntyped since"])
        is_held = False
        await stage.until(lambda: "forty-two" in stage.text)
        await stage.until(lambda: kept(home) == ["typed since"])
        assert query(home / "hybridchat.db", "SELECT conversation_id FROM draft") == [(1,)]


async def test_off_the_record_they_are_on_no_disk(home: Path, play: Screenplay) -> None:
    async with play(open_session=open_session) as stage:
        await ready(stage)
        await stage.press("alt+n")
        await stage.type("pomegranate")
        await stage.press("ctrl+n")
        await stage.type("for the record")
        await stage.until(lambda: kept(home) == ["for the record"])
        await stage.press("alt+n")
        assert stage.screen.composer.text == "pomegranate"
    assert search("pomegranate", [home], without=home / "nowhere").found == []


async def test_two_windows_keep_their_own(home: Path, play: Screenplay) -> None:
    async with play(open_session=open_session) as first:
        await ready(first)
        await first.send("a question")
        await first.until(lambda: "forty-two" in first.text)
        await first.type("typed in the first")
        await first.until(lambda: kept(home) == ["typed in the first"])
        async with play(open_session=open_session, reopen_latest=True) as second:
            await second.until(lambda: "Another window has a draft in this chat" in second.text)
            await second.type("typed in the second")
            await second.until(lambda: sorted(kept(home)) == ["typed in the first", "typed in the second"])
        assert first.screen.composer.text == "typed in the first"


async def test_a_long_paste_and_a_pin_come_back_with_it(home: Path, play: Screenplay, server: FakeCompletions) -> None:
    async with play(open_session=open_session) as stage:
        await ready(stage)
        await pin_and_paste(stage)
    async with play(open_session=open_session) as stage:
        await stage.until(lambda: stage.screen.composer.text == "@paste-1.txt ")
        await stage.until(lambda: "paste-1.txt · 2.5 KB" in stage.text)
        await stage.until(lambda: "the draft that came back was" in stage.text and "local only" in stage.text)
        assert stage.screen.chat is not None and stage.screen.chat.privacy is Privacy.LOCAL_ONLY
        stage.screen.composer.post_message(events.Paste("other\n" * 500))
        await stage.until(lambda: stage.screen.composer.text == "@paste-1.txt @paste-2.txt ")
        await stage.press("enter")
        await stage.until(lambda: "forty-two" in stage.text)
    assert b"line\\n" * 500 in server.sent("/v1/chat/completions")[-1].body
    assert query(home / "hybridchat.db", "SELECT * FROM draft_attachment") == []


async def test_a_pinned_draft_makes_the_next_new_chat_as_private(play: Screenplay, server: FakeCompletions) -> None:
    async with play(open_session=open_session) as stage:
        await ready(stage)
        await stage.send("a question")
        await stage.until(lambda: "forty-two" in stage.text)
        first = stage.screen.chat
        await stage.press("ctrl+n")
        assert stage.screen.chat is not None and first is not None
        await pin_and_paste(stage)
        await stage.press("ctrl+n")
        assert stage.screen.chat.privacy is Privacy.LOCAL_ONLY
        stage.screen.show_chat(first)
        assert first.privacy is Privacy.OPEN and stage.screen.composer.text == ""
        await stage.press("ctrl+n")
        assert stage.screen.chat.privacy is Privacy.LOCAL_ONLY
        assert stage.screen.composer.text == "@paste-1.txt "
        await stage.press("enter")
        await stage.until(lambda: len(server.requests) > 1 and not stage.screen.chat.is_streaming)
        await stage.until(lambda: "forty-two" in stage.text)
        await stage.press("ctrl+n")
        assert stage.screen.composer.text == "", "it is sent"
        assert stage.screen.chat.privacy is Privacy.OPEN
