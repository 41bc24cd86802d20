"""Damage: kept aside, never overwritten, restored from the newest sound backup."""

from __future__ import annotations

import random
import re
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from hybridchat.errors import LedgerError
from hybridchat.ledger import backups
from hybridchat.ledger.connect import connect
from hybridchat.ledger.opening import damage_mark
from hybridchat.ledger.store import Ledger, open_ledger
from tests.unit.ledger.helpers import asked, opened, query, whole_turn


@pytest.fixture
def backed_up(path: Path) -> Path:
    """A ledger whose backup holds "saved" and which itself also holds "since then"."""
    with opened(path) as ledger:
        whole_turn(ledger, "saved")
        backups.backup(path)
        whole_turn(ledger, "since then", "word " * 20_000)
    assert path.stat().st_size > 100_000
    return path


def titles(path: Path) -> list[str]:
    return [title for (title,) in query(path, "SELECT title FROM conversation ORDER BY id")]


def zero_length(path: Path) -> None:
    path.write_bytes(b"")


def broken_header(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[:16] = b"not a database!!"
    path.write_bytes(content)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20_000])


def cut_in_header(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:50])


def a_bit_of_the_header(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[18] ^= 0x40
    path.write_bytes(content)


def broken_schema_page(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[100:4096] = b"\xff" * 3996
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage", [zero_length, broken_header, a_bit_of_the_header, cut_short, cut_in_header, broken_schema_page]
)
def test_damage_is_kept_aside_and_the_backup_restored(backed_up: Path, damage: Callable[[Path], None]) -> None:
    damage(backed_up)
    damaged = backed_up.read_bytes()
    with opened(backed_up) as ledger:
        notice = ledger.status.notice
        assert ledger.status.mode == "normal"
        whole_turn(ledger, "life goes on")
    assert titles(backed_up) == ["saved", "life goes on"]
    (kept,) = backed_up.parent.glob("hybridchat.db.corrupt-*")
    assert kept.read_bytes() == damaged
    assert re.search(r"backup of \d{4}-\d\d-\d\d \d\d:\d\d UTC was restored", notice)
    assert kept.name in notice


def overwrite(content: bytearray, rng: random.Random) -> bytearray:
    start = rng.randrange(len(content))
    length = rng.choice((1, 100, 4096, 20_000))
    match rng.choice(("random", "zeros", "page", "cut")):
        case "random":
            content[start : start + length] = rng.randbytes(length)
        case "zeros":
            content[start : start + length] = bytes(length)
        case "page":
            content[start - start % 4096 : start - start % 4096 + 4096] = rng.randbytes(4096)
        case "cut":
            del content[start:]
    return content


def use_everything(ledger: Ledger) -> int:
    """How many uses failed; every failure must be a readable one."""
    uses = (
        lambda: [ledger.branch(c.id).result() for c in ledger.conversations().result()],
        lambda: whole_turn(ledger, "new words"),
        lambda: ledger.search(asked("word")).result(),
        lambda: ledger.usage_statistics("day").result(),
        lambda: list(ledger.usage_rows()),
        lambda: ledger.snapshot(1, "2026-11-21T12:00:00Z").result(),
    )
    failures = 0
    for use in uses:
        try:
            use()
        except LedgerError:
            failures += 1
    return failures


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_damaged_the_second_start_works(backed_up: Path, seed: int) -> None:
    backed_up.write_bytes(overwrite(bytearray(backed_up.read_bytes()), random.Random(seed)))
    with opened(backed_up) as ledger:
        assert ledger.status.mode == "normal"
        use_everything(ledger)
    with opened(backed_up) as ledger:
        assert ledger.status.mode == "normal"
        assert use_everything(ledger) == 0
        assert ledger.branch(1).result()[0].text == "saved"


def test_a_damaged_character_costs_only_itself(path: Path) -> None:
    with opened(path) as ledger:
        ids = whole_turn(ledger)
    with closing(connect(path)) as connection:
        connection.execute("UPDATE message SET text = CAST(x'41ff42' AS TEXT), state = 'pondering' WHERE role = 'user'")
    with opened(path) as ledger:
        user, reply = ledger.branch(ids.conversation_id).result()
        assert (user.text, str(user.state), reply.text) == ("A\ufffdB", "pondering", "an answer")
        ledger.delete_conversation(ids.conversation_id).result()
        assert ledger.purge_deleted().result() == 1


def test_damage_twice_keeps_both(backed_up: Path) -> None:
    for _ in range(2):
        broken_header(backed_up)
        with opened(backed_up) as ledger:
            assert ledger.status.mode == "normal"
    assert len(list(backed_up.parent.glob("hybridchat.db.corrupt-*"))) == 2


def test_damage_without_a_backup_begins_anew(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"precious, but no ledger")
    with opened(path) as ledger:
        assert "no backup" in ledger.status.notice
        whole_turn(ledger)
    (kept,) = path.parent.glob("hybridchat.db.corrupt-*")
    assert kept.read_bytes() == b"precious, but no ledger"


def damage_message_pages(path: Path) -> None:
    """Every page but those that opening reads: the damage is met while working."""
    root = dict(query(path, "SELECT name, rootpage FROM sqlite_master WHERE rootpage > 0"))["message"]
    (page_bytes,) = query(path, "PRAGMA page_size")[0]
    content = bytearray(path.read_bytes())
    content[(root - 1) * page_bytes : root * page_bytes] = b"\xff" * page_bytes
    path.write_bytes(content)


def test_a_damaged_page_is_met_then_mended_at_the_next_start(backed_up: Path) -> None:
    damage_message_pages(backed_up)
    notices: list[str] = []
    ledger = open_ledger(backed_up, notices.append)
    assert ledger.status.notice == ""
    with pytest.raises(LedgerError, match="damaged"):
        ledger.branch(1).result()
    ledger.close()
    assert [n for n in notices if "damaged" in n] == notices[:1]
    with opened(backed_up) as ledger:
        assert "was restored" in ledger.status.notice
        assert ledger.branch(1).result()[0].text == "saved"
    assert not damage_mark(backed_up).exists()


def test_every_page_is_read_after_a_crash(backed_up: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(sqlite3.connect(backed_up)) as connection, connection:
        connection.execute("INSERT INTO process (token, started_at) VALUES ('killed', '')")
    damage_message_pages(backed_up)
    monkeypatch.setattr("hybridchat.ledger.store.CARE_AFTER_S", 0.0)
    told = threading.Event()
    ledger = open_ledger(backed_up, lambda text: told.set() if "damaged" in text else None)
    assert told.wait(20)
    ledger.close()
    assert damage_mark(backed_up).exists()


def test_a_broken_search_index_is_built_again(backed_up: Path) -> None:
    with closing(sqlite3.connect(backed_up)) as connection, connection:
        connection.execute("DELETE FROM message_fts_data WHERE id > 10")
    with opened(backed_up) as ledger, pytest.raises(LedgerError, match="damaged"):
        ledger.search(asked("saved")).result()
    with opened(backed_up) as ledger:
        assert ledger.status.notice == ""
        assert [hit.snippet for hit in ledger.search(asked("since")).result()] == ["\x02since\x03 then"] * 2


def test_damage_under_another_window_is_left_alone(backed_up: Path) -> None:
    with opened(backed_up) as window:
        window.status.mode  # noqa: B018 - waits until it is open
        damage_mark(backed_up).touch()
        damage_message_pages(backed_up)
        with opened(backed_up) as second:
            assert second.status.mode == "memory"
            assert "open in another window" in second.status.notice
    assert not list(backed_up.parent.glob("*.corrupt-*"))


def test_three_backups_are_kept(path: Path) -> None:
    with opened(path) as ledger:
        for count in range(5):
            whole_turn(ledger, str(count))
            backups.backup(path)
    assert [titles(p)[-1] for p in backups.list_backups(path)] == ["4", "3", "2"]


def test_a_clock_that_ran_ahead_stops_no_backup(path: Path) -> None:
    with opened(path) as ledger:
        whole_turn(ledger, "words")
    (from_now,) = backups.list_backups(path)
    from_the_future = from_now.rename(from_now.with_name("hybridchat-20990101T000000Z.db"))
    assert backups.is_due(path)
    made = [backups.backup(path) for _ in range(backups.KEPT)]
    assert backups.list_backups(path) == made[::-1]
    assert not from_the_future.exists()
    assert not backups.is_due(path)


def test_the_days_backup_is_made_at_the_latest_when_closing(path: Path) -> None:
    for _ in range(2):
        with opened(path) as ledger:
            whole_turn(ledger)
    (backup,) = backups.list_backups(path)
    assert query(backup, "SELECT count(*) FROM conversation") == [(1,)]
    assert not backups.is_due(path)


def test_an_empty_ledger_is_not_backed_up(path: Path) -> None:
    with opened(path) as ledger:
        assert ledger.conversations().result() == []
    assert backups.list_backups(path) == []


def test_backup_and_restore_by_hand(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    with opened(path) as ledger:
        whole_turn(ledger, "before")
        assert backups.backup(path, copy) == copy
        whole_turn(ledger, "after")
        with pytest.raises(LedgerError, match="another window"):
            backups.restore(path, copy)
    with pytest.raises(LedgerError, match="exists"):
        backups.backup(path, copy)
    assert backups.restore(path, copy) == copy
    assert titles(path) == ["before"]
    assert titles(backups.list_backups(path)[0]) == ["before", "after"]
    with opened(path) as ledger:
        assert whole_turn(ledger, "goes on")


def test_half_made_copies_are_removed(path: Path) -> None:
    with opened(path) as ledger:
        whole_turn(ledger)
        half_made = [path.with_name("hybridchat.db.restored.part"), path.parent / "backups" / "hybridchat-x.db.part"]
        for copy in half_made:
            copy.write_bytes(b"half of a conversation")
        with opened(path) as second:
            assert second.status.notice == ""
        assert all(copy.exists() for copy in half_made)  # perhaps the first window is making them
    with opened(path):
        pass
    assert not any(copy.exists() for copy in half_made)


def test_a_backup_that_cannot_be_written_says_so(path: Path, tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="there is no ledger"):
        backups.backup(path)
    with opened(path) as ledger:
        whole_turn(ledger)
    with pytest.raises(LedgerError, match="cannot be written"):
        backups.backup(path, tmp_path / "missing" / "copy.db")
    with pytest.raises(LedgerError, match="no undamaged"):
        backups.restore(path, path.with_name("hybridchat.db-nothing"))


def test_restore_takes_only_sound_ledgers(path: Path, tmp_path: Path) -> None:
    with opened(path) as ledger:
        whole_turn(ledger, "mine")
    other = tmp_path / "other.db"
    query(other, "SELECT 1")
    other.write_bytes(b"SQLite format 3\x00 but no")
    for wrong in (other, tmp_path / "missing.db"):
        with pytest.raises(LedgerError, match="no undamaged ledger"):
            backups.restore(path, wrong)
    assert titles(path) == ["mine"]
