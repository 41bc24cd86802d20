"""A disk that is full for a while: what comes is kept, told once, written when there is room."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from hybridchat.errors import LedgerError
from hybridchat.ledger import writer, writes
from hybridchat.ledger.store import Ledger, NewTurn, TurnIds, open_ledger
from tests.unit.ledger.helpers import end_of, new_turn, opened, query, start_python, whole_turn


class Notices(list[str]):
    """What the ledger told, with a way to wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self._came = threading.Condition()

    def __call__(self, text: str) -> None:
        with self._came:
            self.append(text)
            self._came.notify_all()

    def wait_for(self, part: str) -> None:
        with self._came:
            assert self._came.wait_for(lambda: any(part in text for text in self), timeout=20), (
                f"{part!r} not in {self}"
            )


FULL_DISK = """
import resource, sys, threading
from pathlib import Path
from hybridchat.ledger import writer
from tests.unit.ledger.helpers import end_of, new_turn, open_ledger
writer.RETRY_S = 0.02
told = threading.Event()
ledger = open_ledger(Path(sys.argv[1]), lambda text: (print(text, flush=True), told.set()))
ids = ledger.begin_turn(new_turn("before the disk was full")).result()
unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (1024, unlimited[1]))
ledger.flush_reply(ids.reply_message_id, "half", "")
end = ledger.end_attempt(end_of(ids, "the whole reply"))
assert told.wait(20)
try:
    ledger.begin_turn(new_turn("must not wait")).result(timeout=20)
except Exception as error:
    print("refused:", error, flush=True)
assert not end.done()
resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
end.result(timeout=20)
ledger.close()
"""


def test_the_users_words_are_synced_to_the_disk_before_they_are_sent(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    synchronous = []
    begin_turn = writes.begin_turn

    def spied(db: sqlite3.Connection, process_id: int, turn: NewTurn) -> TurnIds:
        synchronous.extend(db.execute("PRAGMA synchronous").fetchone())
        return begin_turn(db, process_id, turn)

    monkeypatch.setattr(writes, "begin_turn", spied)
    whole_turn(ledger, "words")
    whole_turn(ledger, "words")
    assert synchronous == [2, 2]  # FULL; a process that is killed cannot show the difference, a power cut would


def test_a_reply_outlives_a_full_disk(path: Path) -> None:
    pytest.importorskip("resource")
    process = start_python(FULL_DISK, path)
    output, _ = process.communicate(timeout=50)
    assert process.returncode == 0
    waiting, refused, over = output.splitlines()
    assert "what comes is kept and tried again" in waiting
    assert refused.startswith("refused: the ledger cannot be written")
    assert over == "the ledger is written again, with all that was kept"
    assert query(path, "SELECT text, state FROM message WHERE role = 'assistant'") == [("the whole reply", "complete")]


NO_ROOM_FOR_A_TURN = """
import resource, sys
from pathlib import Path
from tests.unit.ledger.helpers import opened, query, whole_turn
with opened(Path(sys.argv[1])) as ledger:
    whole_turn(ledger, "first")
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, unlimited[1]))
    for _ in range(2):
        try:
            whole_turn(ledger, "no room")
        except Exception as error:
            print(error, flush=True)
    resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    whole_turn(ledger, "room again")
"""


def test_a_turn_without_room_fails_at_once_and_works_later(path: Path) -> None:
    pytest.importorskip("resource")
    process = start_python(NO_ROOM_FOR_A_TURN, path)
    output, _ = process.communicate(timeout=50)
    assert process.returncode == 0
    assert [line.partition(":")[0] for line in output.splitlines()] == ["the ledger could not be written"] * 2
    assert [title for (title,) in query(path, "SELECT title FROM conversation")] == ["first", "room again"]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "RETRY_S", 0.01)
    monkeypatch.setattr("hybridchat.ledger.connect.BUSY_TIMEOUT_S", 0.05)


@pytest.mark.usefixtures("impatient")
def test_another_programs_lock_is_waited_out(path: Path) -> None:
    notices = Notices()
    ledger = open_ledger(path, notices)
    ids = ledger.begin_turn(new_turn()).result()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        end = ledger.end_attempt(end_of(ids, "patience"))
        notices.wait_for("another window is writing")
        assert not end.done()
        other.execute("ROLLBACK")
    end.result(timeout=20)
    notices.wait_for("written again")
    ledger.close()
    assert len(notices) == 2


@pytest.mark.usefixtures("impatient")
def test_closing_does_not_wait_for_ever(path: Path) -> None:
    notices = Notices()
    ledger = open_ledger(path, notices)
    ids = ledger.begin_turn(new_turn()).result()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        end = ledger.end_attempt(end_of(ids))
        notices.wait_for("another window is writing")
        ledger.close()
    with pytest.raises(LedgerError, match="another window is writing"):
        end.result(timeout=20)
    with opened(path) as ledger:
        assert ledger.branch(ids.conversation_id).result()[-1].state == "interrupted"


@pytest.mark.usefixtures("impatient")
def test_a_turn_that_cannot_be_written_is_not_begun_late(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybridchat.ledger.store.BUSY_S", 0.2)
    with opened(path) as ledger:
        whole_turn(ledger, "there")
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(LedgerError, match="another window is writing"):
                ledger.begin_turn(new_turn("never begun")).result(timeout=20)
    assert query(path, "SELECT count(*) FROM conversation") == [(1,)]


def test_a_cancelled_wait_loses_no_write(ledger: Ledger) -> None:
    ids = ledger.begin_turn(new_turn()).result()
    assert not ledger.end_attempt(end_of(ids, "kept")).cancel()
    assert ledger.branch(ids.conversation_id).result() is not None
    ledger.flush_reply(ids.reply_message_id, "", "").result()  # the writes before it are done
    assert ledger.branch(ids.conversation_id).result()[-1].text == "kept"


def test_a_failed_write_leaves_no_half(ledger: Ledger, path: Path) -> None:
    with pytest.raises(LedgerError, match="no conversation 77"):
        ledger.begin_turn(new_turn(conversation_id=77)).result()
    assert query(path, "SELECT count(*) FROM message") == [(0,)]
    assert whole_turn(ledger).user_message_id == 1
