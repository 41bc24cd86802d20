"""Deleted text is in no file of ours; the numbers stay."""

from __future__ import annotations

import random
import sqlite3
import string
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hybridchat.errors import LedgerError
from hybridchat.ledger import backups, purge
from hybridchat.ledger.store import Ledger, NewWaiting, open_ledger
from hybridchat.ledger.times import utc_text
from tests.unit.ledger.helpers import asked, end_of, new_turn, opened, query, whole_turn


def files_with(folder: Path, words: list[str]) -> set[str]:
    """Names of the files that hold any of the words, in any case."""
    found = set()
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes().lower()
            found |= {path.name for word in words if word.encode() in content}
    return found


def made_up_words(rng: random.Random, count: int) -> list[str]:
    return ["".join(rng.choices(string.ascii_lowercase, k=12)) for _ in range(count)]


def write_conversation(ledger: Ledger, words: list[str], turns: int = 4) -> int:
    """Words in the title, the question, thinking, the flushed parts and the answer."""
    text = " ".join(words)
    conversation_id, parent = None, None
    for _ in range(turns):
        turn = new_turn(text, conversation_id=conversation_id, parent_id=parent, title=words[0])
        ids = ledger.begin_turn(turn).result()
        for cut in range(0, len(text), max(1, len(text) // 5)):
            ledger.flush_reply(ids.reply_message_id, text[:cut], text[:cut]).result()
        ledger.end_attempt(end_of(ids, text, thinking=text, note=words[-1])).result()
        conversation_id, parent = ids.conversation_id, ids.reply_message_id
    assert conversation_id is not None
    return conversation_id


@pytest.mark.parametrize("seed", range(4))
def test_deleted_text_is_in_no_file(path: Path, seed: int) -> None:
    rng = random.Random(seed)
    secrets, kept = made_up_words(rng, 60), made_up_words(rng, 60)
    with opened(path) as ledger:
        doomed = []
        for _ in range(6):  # mixed, so that they share pages
            write_conversation(ledger, rng.sample(kept, rng.randrange(2, 60)))
            doomed.append(write_conversation(ledger, rng.sample(secrets, rng.randrange(2, 60))))
        backups.backup(path)
        assert files_with(path.parent, secrets) >= {"hybridchat.db", backups.list_backups(path)[0].name}
        for conversation_id in doomed:
            ledger.delete_conversation(conversation_id).result()
        assert ledger.purge_deleted().result() == 6
        assert len(ledger.conversations().result()) == 6
    assert files_with(path.parent, secrets) == set()
    assert files_with(path.parent, kept) == {"hybridchat.db", *(copy.name for copy in backups.list_backups(path))}
    assert query(path, "SELECT count(*) FROM usage") == [(48,)]
    assert query(path, "SELECT sum(attempts) FROM usage_total") == [(48,)]
    for copy in (path, *backups.list_backups(path)):
        assert query(copy, "PRAGMA integrity_check") == [("ok",)]


def test_undo_until_it_is_purged(ledger: Ledger) -> None:
    ids = whole_turn(ledger, "come back")
    ledger.delete_conversation(ids.conversation_id).result()
    ledger.restore_conversation(ids.conversation_id).result()
    assert ledger.purge_deleted().result() == 0
    assert [m.text for m in ledger.branch(ids.conversation_id).result()] == ["come back", "an answer"]


def test_care_leaves_what_can_be_undone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybridchat.ledger.store.CARE_AFTER_S", 0.0)
    monkeypatch.setattr("hybridchat.ledger.store.CARE_EVERY_S", 0.001)
    looked, enough = [], threading.Event()

    def look_after(*_: object, **__: object) -> None:
        looked.append(1)
        if len(looked) >= deleted_at + 3:
            enough.set()

    deleted_at = 1_000_000
    monkeypatch.setattr("hybridchat.ledger.store.look_after", look_after)
    with opened(path) as ledger:
        ids = whole_turn(ledger)
        ledger.delete_conversation(ids.conversation_id).result()
        deleted_at = len(looked)
        assert enough.wait(20)
        ledger.restore_conversation(ids.conversation_id).result()
        assert ledger.conversation(ids.conversation_id).result() is not None
        ledger.delete_conversation(ids.conversation_id).result()
    assert query(path, "SELECT count(*) FROM conversation") == [(0,)]  # undo ended there


def test_another_windows_deletion_can_still_be_undone_there(ledger: Ledger, path: Path) -> None:
    ids = whole_turn(ledger)
    ledger.delete_conversation(ids.conversation_id).result()
    with opened(path) as other:
        assert other.purge_deleted().result() == 0
    ledger.restore_conversation(ids.conversation_id).result()
    assert ledger.conversation(ids.conversation_id).result() is not None


def test_a_second_reader_makes_it_pending_until_a_later_start(path: Path) -> None:
    notices: list[str] = []
    ledger = open_ledger(path, notices.append)
    ids = whole_turn(ledger, "platypus")
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM message").fetchone()
        ledger.delete_conversation(ids.conversation_id).result()
        assert ledger.purge_deleted().result() == 1
        assert any("at a later start" in notice for notice in notices)
        ledger.close()
        assert files_with(path.parent, ["platypus"])
    with opened(path):
        pass
    assert files_with(path.parent, ["platypus"]) == set()


def test_kept_damaged_copies_go_only_if_they_may_hold_it(path: Path) -> None:
    with opened(path) as ledger:
        whole_turn(ledger, "older")
    old_copy = path.with_name("hybridchat.db.corrupt-20200101T000000Z")
    new_copy = path.with_name("hybridchat.db.corrupt-20990101T000000Z")
    for copy in (old_copy, new_copy):
        copy.write_bytes(b"ocelot")
    with opened(path) as ledger:
        ids = whole_turn(ledger, "ocelot")
        ledger.delete_conversation(ids.conversation_id).result()
        ledger.purge_deleted().result()
    assert old_copy.exists()
    assert not new_copy.exists()


def test_while_a_backup_is_made_nothing_is_purged_but_later(path: Path) -> None:
    """It would have the words that leave all others."""
    notices: list[str] = []
    ledger = open_ledger(path, notices.append)
    ids = whole_turn(ledger, "wombat")
    ledger.delete_conversation(ids.conversation_id).result()
    making = backups.copies_lock(path)
    assert making.acquire(wait=False)
    assert ledger.purge_deleted().result() == 0
    assert notices == ["a backup is being made: deleted text leaves our files at a later start"]
    ledger.close()
    making.release()
    assert files_with(path.parent, ["wombat"])
    with opened(path):
        pass
    assert files_with(path.parent, ["wombat"]) == set()


def test_a_half_made_backup_of_a_killed_window_goes_too(path: Path) -> None:
    with opened(path) as ledger:
        ids = whole_turn(ledger, "wombat")
        (path.parent / "backups" / "hybridchat-20260101T000000Z.db.part").write_text("wombat")
        ledger.delete_conversation(ids.conversation_id).result()
        ledger.purge_deleted().result()
        assert files_with(path.parent, ["wombat"]) == set()


def test_a_copy_that_cannot_be_removed_keeps_it_for_later(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(path) as ledger:
        ids = whole_turn(ledger, "wombat")
        monkeypatch.setattr(purge, "_purge_copies", _refuse)
        ledger.delete_conversation(ids.conversation_id).result()
        with pytest.raises(LedgerError, match="still in our files"):
            ledger.purge_deleted().result()
        monkeypatch.undo()
        assert ledger.purge_deleted().result() == 1


def _refuse(*_: object) -> None:
    raise PermissionError(13, "Permission denied")


# --- by age


def aged(path: Path, conversation_id: int, days: int) -> None:
    then = utc_text(datetime.now(UTC) - timedelta(days=days))
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE conversation SET updated_at = ? WHERE id = ?", (then, conversation_id))
        db.commit()


def test_what_rested_for_long_enough_is_gone_and_told_once(path: Path) -> None:
    with opened(path) as ledger:
        old, young = (whole_turn(ledger, words).conversation_id for words in ("aardvark", "wombat"))
    aged(path, old, 31)
    aged(path, young, 29)
    notices: list[str] = []
    for _ in range(2):
        open_ledger(path, notices.append, keep_days=30).close()
    assert notices == ["1 conversation that had rested for 30 days deleted, as keep_days says; their numbers stay"]
    assert files_with(path.parent, ["aardvark"]) == set()
    assert query(path, "SELECT id FROM conversation") == [(young,)]
    assert query(path, "SELECT count(*) FROM usage") == [(2,)]


def test_what_is_too_old_is_not_even_opened(path: Path) -> None:
    """Its words go a moment later, off everybody's path."""
    with opened(path) as ledger:
        old = whole_turn(ledger, "aardvark").conversation_id
    aged(path, old, 31)
    ledger = open_ledger(path, keep_days=30)
    assert ledger.latest_conversation().result() is None
    assert ledger.search(asked("aardvark")).result() == []
    assert query(path, "SELECT count(*) FROM message") == [(2,)]
    ledger.close()
    assert query(path, "SELECT count(*) FROM message") == [(0,)]


def test_without_keep_days_nothing_is_old(path: Path) -> None:
    with opened(path) as ledger:
        aged(path, whole_turn(ledger).conversation_id, 3650)
    with opened(path) as ledger:
        assert len(ledger.conversations().result()) == 1


def test_any_number_of_days_is_one(path: Path) -> None:
    with opened(path) as ledger:
        aged(path, whole_turn(ledger).conversation_id, 3650)
    ledger = open_ledger(path, keep_days=99_999_999)
    assert len(ledger.conversations().result()) == 1
    ledger.close()


def test_what_runs_or_waits_is_not_old(path: Path) -> None:
    ledger = open_ledger(path, keep_days=1)
    running = ledger.begin_turn(new_turn("still streaming")).result().conversation_id
    waiting = whole_turn(ledger).conversation_id
    ledger.change_waiting(waiting, [], [NewWaiting("and then?")]).result()
    for conversation_id in (running, waiting):
        aged(path, conversation_id, 9)
    assert ledger.purge_deleted().result() == 0
    ledger.close()


def test_an_id_is_never_given_again(path: Path) -> None:
    with opened(path) as ledger:
        first = whole_turn(ledger)
        ledger.delete_conversation(first.conversation_id).result()
        ledger.purge_deleted().result()
        second = whole_turn(ledger)
    assert second.conversation_id > first.conversation_id
    assert second.user_message_id > first.reply_message_id
