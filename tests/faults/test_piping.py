"""A command that gets a block of code: whatever it does, it ends, and the chat goes on."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from hybridchat.errors import UsageError
from hybridchat.session.piping import MOST_BYTES, Pipe
from tests.unit.session.conftest import until

pytestmark = pytest.mark.skipif(os.name != "posix", reason="commands for a POSIX shell")


@pytest.fixture(autouse=True)
def sh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/bin/sh")


def pipe(command: str, text: str = "b\na\n", limit_s: float = 30.0) -> Pipe:
    return Pipe(command, text, lambda: {"A_KEY"}, limit_s=limit_s)


async def test_what_it_writes_and_how_it_ends_is_told() -> None:
    done = await pipe("sort; echo oh no >&2; exit 3").run()
    assert (done.output, done.errors, done.exit_code, done.ended_by) == ("a\nb\n", "oh no\n", 3, "")


async def test_it_finds_no_key_in_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "secret-of-mine")
    monkeypatch.setenv("HARMLESS", "seen")
    done = await pipe("env").run()
    assert "secret-of-mine" not in done.output
    assert "HARMLESS=seen" in done.output


async def test_one_that_reads_nothing_and_one_that_writes_without_end() -> None:
    assert (await pipe("true", "x" * 1_000_000).run()).exit_code == 0
    done = await pipe("yes | head -c 3000000").run()
    assert (len(done.output), done.is_cut) == (MOST_BYTES, True)


async def test_its_time_is_limited_and_its_children_go_with_it(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    command = f"trap '' TERM; sh -c 'trap \"\" TERM; echo $$ > {pid}; while :; do sleep 1; done' & wait"
    done = await pipe(command, limit_s=1.0).run()
    assert (done.exit_code, done.ended_by) == (None, "it ran longer than 1 s")
    await gone(int(pid.read_text()))


async def test_it_can_be_stopped(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    running = pipe(f"echo so far; touch {begun}; sleep 600")
    task = asyncio.create_task(running.run())
    await until(begun.exists)
    running.stop()
    done = await task
    assert (done.ended_by, done.output) == ("stopped", "so far\n")


async def test_what_it_leaves_running_does_not_hold_it(tmp_path: Path) -> None:
    done = await pipe("sleep 5 & echo done").run()
    assert (done.output, done.exit_code) == ("done\n", 0)


async def test_without_a_shell_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/no/such/shell")
    with pytest.raises(UsageError, match="/no/such/shell cannot run this"):
        await pipe("true").run()


async def gone(pid: int) -> None:
    await until(lambda: not runs(pid))


def runs(pid: int) -> bool:
    """A dead one may have to wait until whoever became its parent looks."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
