"""The audit over the real program: the row is in the file before the request arrives; without it nothing is sent."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.completions import FakeCompletions
from tests.fakes.http import Request, Responder
from tests.faults.cli import backend, configure, run, start

MANAGED = 'zone = "managed"'


def rows(home: Path) -> list[dict[str, Any]]:
    """As any other program reads them."""
    with closing(sqlite3.connect(home / "hybridchat.db")) as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute("SELECT * FROM departure ORDER BY id")]


class Watched(FakeCompletions):
    """Looks into the ledger when a chat request arrives, before it answers."""

    def __init__(self, home: Path, **given: Any) -> None:
        super().__init__(**given)
        self.home = home
        self.found: list[dict[str, Any]] = []

    async def _stream(self, request: Request, respond: Responder) -> None:
        self.found = await asyncio.to_thread(rows, self.home)
        await super()._stream(request, respond)


async def test_a_rented_reply_was_written_down_before_it_was_asked_for(home: Path) -> None:
    async with Watched(home) as server:
        configure(home, backend(server.url, id="rented", more=MANAGED))
        assert (await run("ask", "a question")).code == 0
        (chat,) = server.sent("/v1/chat/completions")
    (before,) = server.found
    assert (before["host"], before["port"], before["backend"]) == ("127.0.0.1", server.port, "rented")
    assert (before["purpose"], before["zone"], before["body_bytes"]) == ("ask", "managed", len(chat.body))
    assert (before["conversation_id"], before["message_id"], before["attempt_id"]) == (1, 2, 1)
    assert [row["sent_bytes"] for row in rows(home)] == [len(chat.body)]
    assert b"question" in chat.body
    assert "question" not in str(before)


async def test_a_local_reply_leaves_no_row(home: Path) -> None:
    async with FakeCompletions() as server:
        configure(home, backend(server.url))
        assert (await run("ask", "hello")).code == 0
    assert rows(home) == []


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
async def test_the_row_outlives_a_kill(home: Path) -> None:
    async with Watched(home, tokens=10_000, tokens_per_s=50.0) as server:
        configure(home, backend(server.url, id="rented", more=MANAGED))
        process = await start("ask", "go")
        assert process.stdout
        await asyncio.wait_for(process.stdout.readline(), 20)
        process.send_signal(signal.SIGKILL)
        await process.communicate()
    assert [(row["purpose"], row["host"]) for row in rows(home)] == [("ask", "127.0.0.1")]


async def test_what_cannot_be_written_down_is_not_sent(home: Path) -> None:
    async with FakeCompletions() as server:
        configure(home, backend(server.url, id="rented", more=MANAGED))
        assert (await run("list")).code == 0  # the ledger is made
        with closing(sqlite3.connect(home / "hybridchat.db")) as db:
            db.execute("CREATE TRIGGER full BEFORE INSERT ON departure BEGIN SELECT RAISE(ABORT, 'no room'); END")
        done = await run("ask", "hello")
        looked = await run("models", "list")
        assert server.connections == 0
    assert (done.code, done.out, done.err.count("\n")) == (3, "", 1)
    assert "what leaves this device could not be recorded" in done.err
    assert "nothing was sent" in done.err
    assert "could not be recorded" in looked.err


@pytest.mark.parametrize("command", [("keys", "test"), ("models",), ("backends", "test"), ("ask", "hello")])
async def test_where_no_row_can_be_kept_a_line_says_so(command: tuple[str, ...], home: Path) -> None:
    async with FakeCompletions() as server:
        configure(home, backend(server.url, id="rented", more=MANAGED))
        (home / "run").touch()  # where a folder must be
        done = await run(*command)
    assert done.err.count("nothing of this session is saved") == 1


@pytest.mark.parametrize(("flag", "kept"), [("--mask", "masked"), ("--send-as-is", "overridden")])
async def test_what_was_found_is_kept_as_a_kind_and_a_count(flag: str, kept: str, home: Path) -> None:
    async with FakeCompletions() as server:
        configure(home, backend(server.url, id="rented", more=MANAGED))
        assert (await run("ask", flag, "write to bob@example.com")).code == 0
    (row,) = rows(home)
    assert {name: row[name] for name in ("masked", "overridden") if row[name]} == {kept: '{"email":1}'}
