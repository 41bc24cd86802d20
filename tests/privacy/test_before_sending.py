"""Scenario 20: what happens to a hit on a managed send, through the program itself."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.fakes.completions import FakeCompletions
from tests.faults.cli import backend, configure, run

CARD, EMAIL = "4111 1111 1111 1111", "jane@corp.com"
WORDS = f"mail {EMAIL} about card {CARD}"


@pytest.fixture
async def server(home: Path) -> AsyncIterator[FakeCompletions]:
    """Rented, as far as the config says; it answers with placeholders, cut in the middle of one."""
    async with FakeCompletions() as fake:
        fake.texts = ["Dear <EMA", "IL_1>, your <CAR", "D_1>", "."]
        fake.tokens = len(fake.texts)
        configure(home, backend(fake.url, id="rented", more='zone = "managed"'))
        yield fake


def got(server: FakeCompletions) -> list[str]:
    return [request.json()["messages"][-1]["content"] for request in server.sent("/v1/chat/completions")]


def stored(home: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(home / "hybridchat.db")) as database:
        return list(database.execute("SELECT found, disclosure FROM usage ORDER BY attempt_id"))


async def test_privacy_20_nothing_is_sent_without_a_choice(home: Path, server: FakeCompletions) -> None:
    done = await run("ask", WORDS)
    assert (done.code, done.out, done.err.count("\n")) == (3, "", 1)
    assert "--mask" in done.err and "--send-as-is" in done.err and "names and addresses cannot be found" in done.err
    assert "1 email" in done.err and "1 card" in done.err
    assert EMAIL not in done.err and CARD not in done.err
    assert got(server) == []


async def test_privacy_20_masked_it_leaves_as_placeholders(home: Path, server: FakeCompletions) -> None:
    done = await run("ask", "--mask", WORDS)
    assert (done.code, done.out) == (0, f"Dear {EMAIL}, your {CARD}.\n")
    assert "1 email and 1 card masked" in done.err
    assert got(server) == ["mail <EMAIL_1> about card <CARD_1>"]
    assert stored(home) == [('{"email":1,"card":1}', "masked")]


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX's")
async def test_privacy_20_in_a_terminal_enter_never_sends(home: Path, server: FakeCompletions) -> None:
    """Ten times Enter, on a draft that a managed backend would get; then the choice, and the reply has it put back."""
    await asyncio.to_thread(choose_to_mask, home, server)
    assert got(server) == ["mail <EMAIL_1> about card <CARD_1>"]


def choose_to_mask(home: Path, server: FakeCompletions) -> None:
    from tests.tui.terminal import Terminal

    with Terminal(env={"HYBRIDCHAT_HOME": str(home)}) as terminal:
        terminal.wait_for("Write a message")
        terminal.type(WORDS)
        for _ in range(10):
            terminal.wait_for(lambda text: "This would leave" not in text and WORDS in text)
            terminal.type("\r")
            terminal.wait_for("This would leave")
            terminal.type("\r")
        terminal.wait_for(lambda text: "This would leave" not in text and WORDS in text)
        assert got(server) == []
        terminal.type("\r")
        terminal.wait_for("This would leave")
        terminal.type("\x1b[B")
        terminal.wait_for("› Mask 1 email and 1 card")
        terminal.type("\r")
        terminal.wait_for(f"Dear {EMAIL}, your {CARD}.")
        terminal.type("\x11")
        terminal.wait_for_exit()


async def test_privacy_20_on_the_users_word_it_leaves_as_it_is(home: Path, server: FakeCompletions) -> None:
    done = await run("ask", "--send-as-is", WORDS)
    assert done.code == 0
    assert got(server) == [WORDS]
    assert stored(home) == [('{"email":1,"card":1}', "as_is")]


async def test_privacy_20_files_are_looked_through_as_well(home: Path, server: FakeCompletions, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text(f"hello\n{EMAIL}\n")
    done = await run("ask", "sum this up", "--file", str(tmp_path / "notes.txt"))
    assert (done.code, got(server)) == (3, [])
    assert "1 email" in done.err
    done = await run("ask", "sum this up", "--mask", "--file", str(tmp_path / "notes.txt"))
    went = str(got(server)[0])
    assert (done.code, EMAIL in went, "<EMAIL_1>" in went) == (0, False, True)
    assert "1 email in notes.txt" in (await run("ask", "sum this up", "--file", str(tmp_path / "notes.txt"))).err


async def test_privacy_20_patterns_of_ones_own_are_looked_for(home: Path, server: FakeCompletions) -> None:
    pattern = '[privacy.patterns]\n"project" = "Project [A-Z][a-z]+"\n'
    configure(home, pattern + backend(server.url, id="rented", more='zone = "managed"'))
    assert "1 project in this message" in (await run("ask", "when does Project Heron begin?")).err
    await run("ask", "--mask", "when does Project Heron begin?")
    assert got(server) == ["when does <PROJECT_1> begin?"]


async def test_privacy_20_another_program_finds_out_again_what_was_masked(home: Path, server: FakeCompletions) -> None:
    """What a placeholder stands for is written nowhere; each program derives it from the conversation."""
    await run("ask", "--mask", WORDS)
    done = await run("ask", "--continue", "and then?")
    assert (done.code, done.out) == (0, f"Dear {EMAIL}, your {CARD}.\n"), "without another question"
    earlier, reply, newest = (
        message["content"] for message in server.sent("/v1/chat/completions")[-1].json()["messages"]
    )
    assert (earlier, newest) == ("mail <EMAIL_1> about card <CARD_1>", "and then?")
    assert reply == "Dear <EMAIL_1>, your <CARD_1>."
    kept = kept_values(home)
    assert any(EMAIL in value for value in kept), "the words themselves are the conversation"
    assert any("<EMAIL_1>" in value for value in kept), "what was sent is kept as it was sent"
    assert [value for value in kept if "<EMAIL_1>" in value and EMAIL in value] == []
    assert beside_the_ledger_with(home, b"<EMAIL_1>") == []


def beside_the_ledger_with(home: Path, text: bytes) -> list[Path]:
    others = [file for file in home.rglob("*") if file.is_file() and ".db" not in file.name]
    return [file for file in others if text in file.read_bytes()]


def kept_values(home: Path) -> list[str]:
    """Every value of every table of the ledger."""
    with closing(sqlite3.connect(home / "hybridchat.db")) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        plain = [name for name in tables if "_fts" not in name]
        return [str(value) for name in plain for row in db.execute(f"SELECT * FROM [{name}]") for value in row]
