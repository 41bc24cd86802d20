"""Scenarios 23, 24, 26 and 27: what is on the disk, who may read it, and what is not there any more."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.completions import TEXT, FakeCompletions
from tests.faults.cli import ROOT, TIMEOUT_S, backend, configure, run
from tests.privacy.namespaces import has_namespaces
from tests.privacy.traces import traces
from tests.tui.terminal import HYBRIDCHAT, Terminal

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal, signals and file modes")

CTRL_Q, F8, F9 = "\x11", "\x1b[19~", "\x1b[20~"
OPEN_TO_ALL = ("sh", "-c", 'umask 000 && exec "$@"', "sh")
IN_A_MOUNT = ("unshare", "--map-root-user", "--mount", "--")


def query(home: Path, statement: str, *values: object) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(home / "hybridchat.db")) as ledger:
        return ledger.execute(statement, values).fetchall()


@pytest.fixture
async def server(home: Path) -> AsyncIterator[FakeCompletions]:
    async with FakeCompletions(tokens=12) as fake:
        configure(home, backend(fake.url))
        yield fake


# --- 23: private files


def modes(folder: Path) -> dict[str, int]:
    """Of what others may do anything with."""
    everything = [folder, *folder.rglob("*")]
    return {str(path): path.stat().st_mode & 0o777 for path in everything if path.stat().st_mode & 0o077}


def open_all(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


async def shell(*command: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdin=asyncio.subprocess.DEVNULL, stdout=-1, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await asyncio.wait_for(process.communicate(), TIMEOUT_S)
    assert process.returncode is not None
    return process.returncode, out.decode()


async def test_privacy_23_a_first_run_is_private_whatever_the_umask(home: Path) -> None:
    def sit() -> None:
        with Terminal(["--debug"], env={}, command=(*OPEN_TO_ALL, *HYBRIDCHAT)) as terminal:
            terminal.wait_for("Enter sends to lab")
            terminal.type("a question\r")
            terminal.wait_for("to first token")
            assert modes(home) == {}
            terminal.type(CTRL_Q)
            terminal.wait_for_exit()

    async with FakeCompletions(tokens=5) as fake:
        adding = ("backends", "add", "lab", "--url", fake.url, "--kind", "openai-compatible", "--model", "fake")
        code, said = await shell(*OPEN_TO_ALL, *HYBRIDCHAT, *adding)
        assert code == 0, said
        await asyncio.to_thread(sit)
    assert (await shell(*OPEN_TO_ALL, *HYBRIDCHAT, "backup"))[0] == 0
    assert modes(home) == {}
    assert all((home / name).exists() for name in ("config.toml", "hybridchat.db", "logs/debug.log", "run", "backups"))


async def test_privacy_23_what_others_could_read_is_repaired(home: Path, server: FakeCompletions) -> None:
    assert (await run("ask", "a question")).code == 0
    (home / "hybridchat.db.corrupt-20260101T000000Z").write_text("damaged")
    open_all(home)
    assert (await run("list")).code == 0
    assert not {path for path in modes(home) if Path(path).name not in ("config.toml", "logs")}


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
async def test_privacy_23_a_ledger_that_is_no_file_is_refused(
    kind: str, home: Path, server: FakeCompletions, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    match kind:
        case "link":
            (home / "hybridchat.db").symlink_to(elsewhere)
        case "pipe":
            os.mkfifo(home / "hybridchat.db", 0o666)
        case _:
            (home / "hybridchat.db").mkdir()
    done = await run("ask", "a question")
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    assert ("is a symbolic link" if kind == "link" else "is no file") in done.err
    assert server.sent("/v1/chat/completions") == []
    assert not elsewhere.exists()

    def look() -> None:
        with Terminal(env={}) as terminal:
            terminal.wait_for("No chat can be opened")
            terminal.type(CTRL_Q)
            terminal.wait_for_exit()

    await asyncio.to_thread(look)


@pytest.mark.skipif(not has_namespaces(), reason="this system refuses namespaces")
async def test_privacy_23_on_a_full_disk_it_says_that_nothing_is_saved(home: Path, server: FakeCompletions) -> None:
    """A disk of two megabytes, with a ledger on it and then no room."""
    script = """
set -e
mount -t tmpfs -o size=2m tmpfs "$1"
printf '%s' "$2" > "$1/config.toml"
shift 2
"$@" ask "a first question"
cat /dev/zero > "$HYBRIDCHAT_HOME/filler" 2> /dev/null || true
"$@" ask "a second question"
rm "$HYBRIDCHAT_HOME/filler"
"$@" ask "a third question"
"$@" list
"""
    config = (home / "config.toml").read_text()
    code, said = await shell(*IN_A_MOUNT, "sh", "-c", script, "sh", str(home), config, *HYBRIDCHAT)
    assert code == 0, said
    first, second = said.split("until then nothing is saved; what was saved before can be read\n")
    assert "the ledger could not be written: the disk" in first
    titles = re.findall(r"open +(.*)\n", second)
    assert titles == ["a third question", "a first question"], said


# --- 24: deleted is gone


DOOMED, KEPT = "axolotldoomed", "pangolinkept"


async def two_conversations(home: Path) -> None:
    """With copies of the ledger of both kinds, which hold the words of both."""
    for words in (KEPT, DOOMED):
        assert (await run("ask", words)).code == 0
    assert (await run("backup")).code == 0
    later = datetime.now(UTC) + timedelta(seconds=2)
    shutil.copy(home / "hybridchat.db", home / f"hybridchat.db.corrupt-{later:%Y%m%dT%H%M%SZ}")


async def is_nowhere(home: Path) -> bool:
    """As we say, and as the bytes do."""
    code = (await run("audit", "--residue", "-", stdin=DOOMED.encode())).code
    assert (code == 0) == (traces([home], DOOMED) == set())
    return code == 0


@pytest.mark.parametrize("end", ["quit", "kill"])
async def test_privacy_24_what_was_deleted_is_in_no_file_once_the_app_is_closed(
    end: str, home: Path, server: FakeCompletions
) -> None:
    def sit() -> None:
        with Terminal(["-c"], env={}) as terminal:
            terminal.wait_for(lambda text: DOOMED in text and "Enter sends to lab" in text)
            for key, is_there in ((F8, False), (F9, True), (F8, False)):
                terminal.type(key)
                terminal.wait_for(lambda text, wanted=is_there: (DOOMED in text) is wanted)
            if end == "kill":
                terminal.process.send_signal(signal.SIGKILL)
            else:
                terminal.type(CTRL_Q)
            terminal.wait_for_exit()

    await two_conversations(home)
    assert not await is_nowhere(home)
    await asyncio.to_thread(sit)
    if end == "kill":
        assert not await is_nowhere(home), "the undo was still possible: the next start does it"
        assert (await run("list")).code == 0
    assert await is_nowhere(home)
    assert traces([home], KEPT)
    assert query(home, "SELECT count(*) FROM usage") == [(2,)]
    assert query(home, "SELECT count(*) FROM conversation") == [(1,)]


async def test_privacy_24_with_a_second_reader_it_is_pending(home: Path, server: FakeCompletions) -> None:
    await two_conversations(home)
    with closing(sqlite3.connect(home / "hybridchat.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM message").fetchone()
        done = await run("delete", "2", "--yes")
        assert (done.code, "deleted text leaves our files at a later start" in done.err) == (0, True)
        assert query(home, "SELECT value FROM meta WHERE key = 'purge_pending'") == [("yes",)]
        assert traces([home], DOOMED)
    assert (await run("list")).code == 0
    assert await is_nowhere(home)
    assert query(home, "SELECT value FROM meta WHERE key = 'purge_pending'") == []


async def test_privacy_24_closing_says_what_is_pending(home: Path, server: FakeCompletions) -> None:
    def sit() -> str:
        with Terminal(["-c"], env={}) as terminal:
            terminal.wait_for(lambda text: DOOMED in text and "Enter sends to lab" in text)
            terminal.type(F8)
            terminal.wait_for("Chat deleted")
            terminal.type(CTRL_Q)
            assert terminal.wait_for_exit() == 0
            return terminal.text

    await two_conversations(home)
    with closing(sqlite3.connect(home / "hybridchat.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM message").fetchone()
        said = await asyncio.to_thread(sit)
    assert "deleted text leaves our files at a later start" in " ".join(said.split())


# --- 26: killed at any moment


WORKERS, ROUNDS = 4, 25


@pytest.mark.timeout(180)
async def test_privacy_26_killed_at_a_hundred_random_moments_nothing_is_lost(home: Path, tmp_path: Path) -> None:
    async with FakeCompletions(tokens=1_000_000, tokens_per_s=300.0) as server:

        async def work(number: int) -> tuple[Path, list[int]]:
            place = tmp_path / f"home{number}"
            configure(place, backend(server.url))
            command = (sys.executable, "-m", "tests.privacy.killed", str(ROUNDS), str(number))
            env = {**os.environ, "HYBRIDCHAT_HOME": str(place)}
            process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=env, stdout=-1)
            out, _ = await process.communicate()
            assert process.returncode == 0
            return place, [int(line) for line in out.split()]

        done = await asyncio.gather(*(work(number) for number in range(WORKERS)))
        asked = len(server.sent("/v1/chat/completions"))
    assert len([1 for _, told in done for _ in told]) == WORKERS * ROUNDS
    stored = 0
    for place, acknowledged in done:
        assert (await run("list", HYBRIDCHAT_HOME=str(place))).code == 0
        assert query(place, "PRAGMA integrity_check") == [("ok",)]
        found = query(
            place,
            "SELECT q.text, a.text, a.state, t.outcome FROM message q JOIN message a ON a.parent_id = q.id "
            "JOIN attempt t ON t.message_id = a.id",
        )
        replies = {question: (text, state, outcome) for question, text, state, outcome in found}
        stored += len(replies)
        for number, least in enumerate(acknowledged):
            text, state, outcome = replies.get(f"question {number}", ("", "interrupted", "interrupted"))
            assert len(text) >= least
            assert (TEXT * (len(text) // len(TEXT) + 1)).startswith(text)
            assert (state, outcome) == ("interrupted", "interrupted")
    assert stored >= asked, "what was asked was on the disk before"
    assert any(least for _, told in done for least in told), "some died in the middle of a reply"


# --- 27: two at once


TURNS = 500


@pytest.mark.timeout(180)
async def test_privacy_27_two_instances_with_500_turns_each_lose_nothing(home: Path, server: FakeCompletions) -> None:
    async def instance(name: str) -> asyncio.subprocess.Process:
        command = (sys.executable, "-m", "tests.privacy.many_turns", name, str(TURNS))
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=-1, stdout=-1, stderr=-1)
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        return process

    both = [await instance(name) for name in ("left", "right")]
    said = await asyncio.gather(*(process.communicate(b"go\n") for process in both))
    assert said == [(b"[]\n", b"")] * 2, "nothing was told, and nothing is locked"
    questions = {text for (text,) in query(home, "SELECT text FROM message WHERE role = 'user'")}
    assert questions == {f"{name} {number}" for name in ("left", "right") for number in range(TURNS)}
    answer = "".join(server.texts[: server.tokens])
    answered = query(home, "SELECT count(*) FROM message WHERE state = 'complete' AND text = ?", answer)
    assert answered == [(2 * TURNS,)]
    assert query(home, "SELECT attempts, replies FROM usage_total") == [(2 * TURNS, 2 * TURNS)]
    assert query(home, "PRAGMA integrity_check") == [("ok",)]
