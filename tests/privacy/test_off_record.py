"""Scenario 25: a conversation off the record is gone with the program, however that ends."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.completions import FakeCompletions, tokens_of
from tests.faults.cli import Done, backend, configure, finish, run, start
from tests.privacy.traces import holds, open_files, traces
from tests.tui.terminal import Terminal

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal and signals")

KEPT = "pangolinkept"
ASKED, WAITING, DRAFT, ANSWER = "axolotlasked", "ocelotwaiting", "narwhaldraft", "quokkaanswer"
SYSTEM = "wombatsystem"
SECRETS = (ASKED, WAITING, DRAFT, ANSWER, SYSTEM)
ALT_N, CTRL_Q = "\x1bn", "\x11"
RENTED = 'zone = "managed"\n[backend.price."fake"]\ninput = 1\noutput = 1\n[budget]\nday = 1.0\n'


@pytest.fixture
def env(home: Path, tmp_path: Path) -> dict[str, str]:
    """Whatever asks for a place of the user's or for a temporary one finds it below `tmp_path`."""
    places = {name: tmp_path / name for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_STATE_HOME")}
    for folder in places.values():
        folder.mkdir()
    return {name: str(folder) for name, folder in places.items()}


def query(home: Path, statement: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(home / "hybridchat.db")) as ledger:
        return ledger.execute(statement).fetchall()


def sitting(server: FakeCompletions, env: dict[str, str], end: str) -> None:
    """A chat on the record, one off it with a running reply, a waiting message and a draft; then the end."""
    with Terminal(["--debug"], env=env) as terminal:
        terminal.wait_for("Enter sends to rented")
        terminal.type(f"{KEPT}\r")
        terminal.wait_for("to first token")
        terminal.type(ALT_N)
        terminal.wait_for("Off the record: this chat is in memory only")
        server.texts, server.tokens, server.tokens_per_s = tokens_of(f"{ANSWER} and so on "), 10_000, 20.0
        for words, shown in ((f"{ASKED}\r", ANSWER), (f"{WAITING}\r", "1 waiting"), (DRAFT, DRAFT)):
            terminal.type(words)
            terminal.wait_for(shown)
            assert "off the record" in terminal.text.split("\n", 1)[0]
        pid = terminal.process.pid
        if sys.platform == "linux":
            assert resource.prlimit(pid, resource.RLIMIT_CORE) == (0, 0)
            assert [path for path in open_files(pid) for word in SECRETS if holds(path, word)] == []
        if end == "quit":
            terminal.type(CTRL_Q)
        else:
            os.kill(pid, getattr(signal, end))
        terminal.wait_for_exit()


@pytest.mark.parametrize("end", ["quit", "SIGKILL", "SIGTERM"])
async def test_privacy_25_off_the_record_is_in_no_file(
    end: str, home: Path, tmp_path: Path, env: dict[str, str]
) -> None:
    async with FakeCompletions(tokens=4) as server:
        configure(home, backend(server.url, id="rented", more=RENTED))
        await asyncio.to_thread(sitting, server, env, end)
        assert [ASKED in str(request.json()) for request in server.sent("/v1/chat/completions")] == [False, True]
    assert (home / "logs" / "debug.log").exists()
    assert traces([tmp_path], KEPT), "what is on the record is found, so this is a way to find things"
    assert traces([tmp_path], *SECRETS) == set()
    listed = await run("list", "--json", **env)
    assert [one["title"] for one in json.loads(listed.out)] == [KEPT]
    assert query(home, "SELECT count(*) FROM usage") == [(1,)]
    assert traces([tmp_path], *SECRETS) == set(), "nor has the next start brought any of it back"
    assert query(home, "SELECT purpose, conversation_id IS NULL FROM departure WHERE purpose = 'chat'") == [
        ("chat", False),
        ("chat", True),
    ]


async def asked_off_record(*flags: str, **env: str) -> Done:
    words = f"{ASKED}\n".encode()
    return await run("--debug", "ask", "--off-record", "--system", SYSTEM, *flags, stdin=words, **env)


@pytest.mark.parametrize("flags", [(), ("--json",)], ids=["text", "json"])
async def test_privacy_25_asking_off_the_record(
    flags: tuple[str, ...], home: Path, tmp_path: Path, env: dict[str, str]
) -> None:
    async with FakeCompletions(text=f"{ANSWER} and so on ") as server:
        configure(home, backend(server.url, id="rented", more=RENTED))
        done = await asked_off_record(*flags, **env)
        assert (done.code, len(server.sent("/v1/chat/completions"))) == (0, 1)
    assert ANSWER in done.out
    assert not flags or json.loads(done.out)["conversation_id"] is None
    assert traces([tmp_path], *SECRETS) == set()
    assert query(home, "SELECT purpose, conversation_id, message_id, attempt_id FROM departure") == [
        ("ask", None, None, None)
    ]
    assert query(home, "SELECT count(*) FROM usage") == [(0,)]
    ((spent,),) = query(home, "SELECT sum(pico_usd) FROM off_record_cost")
    assert spent > 0, "the day's budget knows"
    again = await run("ask", "--continue", "and?", **env)
    assert (again.code, "there is no conversation to go on with" in again.err) == (2, True)


async def test_privacy_25_asking_off_the_record_and_killed(home: Path, tmp_path: Path, env: dict[str, str]) -> None:
    async with FakeCompletions(text=f"{ANSWER} and so on\n", tokens=10_000, tokens_per_s=50.0) as server:
        configure(home, backend(server.url, id="rented", more=RENTED))
        process = await start("ask", "--off-record", "--system", SYSTEM, ASKED, **env)
        assert process.stdout is not None
        assert ANSWER in (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        process.send_signal(signal.SIGKILL)
        await finish(process)
    assert (await run("list", **env)).code == 0, "the next start finds nothing to mend"
    assert traces([tmp_path], *SECRETS) == set()


async def test_off_the_record_is_a_conversation_of_its_own(home: Path) -> None:
    configure(home, backend("http://127.0.0.1:9"))
    for flags in (["--continue"], ["--conversation", "1"]):
        done = await run("ask", "--off-record", *flags, "words")
        assert (done.code, done.err) == (
            2,
            "hybridchat: --off-record is a new conversation — leave out --continue and --conversation\n",
        )
