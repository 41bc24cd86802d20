"""Several hybridchats on one ledger, and what is left when one of them is killed."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from hybridchat.domain.chat import MessageState, Outcome
from hybridchat.ledger.backups import backup
from hybridchat.ledger.store import Ledger
from tests.unit.ledger.helpers import new_turn, opened, query, start_python, whole_turn
from tests.unit.ledger.test_purge import files_with

STREAM = """
import sys
from pathlib import Path
from tests.unit.ledger.helpers import new_turn, open_ledger
ledger = open_ledger(Path(sys.argv[1]))
ids = ledger.begin_turn(new_turn("keep my words")).result()
for length in range(1, 100_000):
    ledger.flush_reply(ids.reply_message_id, "x" * length, "").result()
    print(length, flush=True)
"""

TURNS = """
import sys
from pathlib import Path
from tests.unit.ledger.helpers import opened, whole_turn
name, turns = sys.argv[2], int(sys.argv[3])
with opened(Path(sys.argv[1])) as ledger:
    ledger.status
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(turns):
        whole_turn(ledger, f"{name} {number}", f"answer to {name} {number}")
"""


@pytest.mark.parametrize("flushes", [1, 7, 40])
def test_killed_while_streaming(path: Path, flushes: int) -> None:
    process = start_python(STREAM, path)
    assert process.stdout is not None
    acknowledged = 0
    while acknowledged < flushes:
        acknowledged = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    acknowledged = max([acknowledged, *(int(line) for line in process.stdout.read().split("\n")[:-1])])
    process.wait()
    process.stdout.close()
    if process.stdin is not None:
        process.stdin.close()

    with opened(path) as ledger:
        user, reply = ledger.branch(1).result()
    assert user.text == "keep my words"
    assert len(reply.text) >= acknowledged
    assert reply.state is MessageState.INTERRUPTED
    assert reply.attempt is not None
    assert reply.attempt.outcome is Outcome.INTERRUPTED
    assert query(path, "PRAGMA integrity_check") == [("ok",)]
    assert {p.name for p in (path.parent / "run").iterdir()} == {"opening.lock", "copies.lock"}


def test_a_living_window_is_never_marked(ledger: Ledger, path: Path) -> None:
    mine = ledger.begin_turn(new_turn("still streaming")).result()
    with opened(path) as other:
        theirs = other.begin_turn(new_turn("also streaming")).result()
        with opened(path) as third:
            states = [third.branch(ids.conversation_id).result()[-1].state for ids in (mine, theirs)]
    assert states == [MessageState.STREAMING, MessageState.STREAMING]


def test_closing_marks_what_still_runs(path: Path) -> None:
    with opened(path) as ledger:
        ledger.begin_turn(new_turn()).result()
    assert query(path, "SELECT state FROM message WHERE role = 'assistant'") == [("interrupted",)]
    assert query(path, "SELECT outcome FROM usage") == [("interrupted",)]


def test_two_processes_lose_nothing(path: Path) -> None:
    turns = 60
    processes = [start_python(TURNS, path, name, turns) for name in ("left", "right")]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.communicate("go\n", timeout=50)
    assert [process.returncode for process in processes] == [0, 0]
    texts = {
        text for (text,) in query(path, "SELECT text FROM message WHERE role = 'assistant' AND state = 'complete'")
    }
    assert texts == {f"answer to {name} {number}" for name in ("left", "right") for number in range(turns)}
    assert query(path, "SELECT attempts, replies FROM usage_total") == [(2 * turns, 2 * turns)]


def test_first_start_of_many_at_once(path: Path) -> None:
    processes = [start_python(TURNS, path, name, 1) for name in "abc"]
    for process in processes:
        process.communicate("go\n", timeout=50)
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert query(path, "SELECT count(*) FROM conversation") == [(3,)]


def test_two_windows_see_each_other(ledger: Ledger, path: Path) -> None:
    with opened(path) as other:
        ids = whole_turn(other, "hello from there")
        assert [m.text for m in ledger.branch(ids.conversation_id).result()] == ["hello from there", "an answer"]


LOOK = """
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as ledger:
    print([row[0] for row in ledger.execute("SELECT text FROM message WHERE role = 'user' ORDER BY id")])
ledger.close()
"""


def test_a_backup_while_it_is_open_keeps_the_locks(ledger: Ledger, path: Path) -> None:
    """Closing any other descriptor of the file would drop them: the next reader would take the log away."""
    whole_turn(ledger, "before")
    backup(path)
    for text in ("first after", "second after"):
        assert text not in start_python(LOOK, path).communicate()[0]
        whole_turn(ledger, text)
    seen = start_python(LOOK, path).communicate()[0]
    assert "first after" in seen and "second after" in seen


DELETES = """
import os, sys
from pathlib import Path
from tests.unit.ledger.helpers import open_ledger, whole_turn
ledger = open_ledger(Path(sys.argv[1]))
ids = whole_turn(ledger, "wolverine")
ledger.delete_conversation(ids.conversation_id).result()
os.kill(os.getpid(), 9)
"""


def test_what_a_killed_window_deleted_is_purged_later(path: Path) -> None:
    start_python(DELETES, path).communicate(timeout=30)
    assert "hybridchat.db-wal" in files_with(path.parent, ["wolverine"])
    with opened(path):
        pass  # closing takes care
    assert files_with(path.parent, ["wolverine"]) == set()
    assert query(path, "SELECT count(*) FROM conversation") == [(0,)]
