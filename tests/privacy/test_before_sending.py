"""Scenario 20: what happens to a hit on a managed send, through the program itself."""

from __future__ import annotations

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
    assert "--mask" in done.err and "--send-as-is" in done.err
    assert "1 email" in done.err and "1 card" in done.err
    assert EMAIL not in done.err and CARD not in done.err
    assert got(server) == []


async def test_privacy_20_masked_it_leaves_as_placeholders(home: Path, server: FakeCompletions) -> None:
    done = await run("ask", "--mask", WORDS)
    assert (done.code, done.out) == (0, f"Dear {EMAIL}, your {CARD}.\n")
    assert "1 email and 1 card masked" in done.err
    assert got(server) == ["mail <EMAIL_1> about card <CARD_1>"]
    assert stored(home) == [('{"email":1,"card":1}', "masked")]


async def test_privacy_20_on_the_users_word_it_leaves_as_it_is(home: Path, server: FakeCompletions) -> None:
    done = await run("ask", "--send-as-is", WORDS)
    assert done.code == 0
    assert got(server) == [WORDS]
    assert stored(home) == [('{"email":1,"card":1}', "as_is")]
