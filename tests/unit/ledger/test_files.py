"""Private files, refused links, homes that cannot be used, newer ledgers."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from hybridchat.errors import LedgerError
from hybridchat.ledger import opening
from hybridchat.ledger.connect import SCHEMA_VERSION, connect
from hybridchat.ledger.store import open_ledger
from tests.unit.ledger.helpers import new_turn, opened, query, whole_turn

posix = pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")


def modes(folder: Path) -> set[tuple[bool, int]]:
    return {(p.is_dir(), p.stat().st_mode & 0o777) for p in [folder, *folder.rglob("*")]}


@posix
def test_everything_is_private_whatever_the_umask(path: Path) -> None:
    before = os.umask(0)
    try:
        with opened(path) as ledger:
            whole_turn(ledger)
            assert modes(path.parent) == {(True, 0o700), (False, 0o600)}
    finally:
        os.umask(before)
    assert modes(path.parent) == {(True, 0o700), (False, 0o600)}


@posix
def test_open_modes_are_repaired(path: Path) -> None:
    with opened(path) as ledger:
        whole_turn(ledger)
    path.chmod(0o644)
    path.parent.chmod(0o755)
    with opened(path) as ledger:
        assert ledger.status.mode == "normal"
    assert modes(path.parent) == {(True, 0o700), (False, 0o600)}


@posix
@pytest.mark.parametrize("suffix", ["", "-wal"])
def test_a_link_is_refused(path: Path, suffix: str) -> None:
    path.parent.mkdir()
    elsewhere = path.parent / "elsewhere"
    path.with_name(path.name + suffix).symlink_to(elsewhere)
    with pytest.raises(LedgerError, match="symbolic link"):
        open_ledger(path)
    assert not elsewhere.exists()


def test_a_home_that_cannot_be_used_gives_memory_mode(home: Path) -> None:
    home.write_text("a file where the folder should be")
    with opened(home / "hybridchat.db") as ledger:
        assert ledger.status.mode == "memory"
        assert "nothing of this session is saved" in ledger.status.notice
        ids = whole_turn(ledger, "still works")
        assert len(ledger.branch(ids.conversation_id).result()) == 2
    assert home.read_text() == "a file where the folder should be"


def test_a_disk_that_is_full_at_the_start_gives_memory_mode(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(path) as ledger:
        whole_turn(ledger, "saved")

    def full(connection: sqlite3.Connection, token: str) -> int:
        connection.execute("PRAGMA max_page_count = 1")
        connection.execute("CREATE TABLE filler (a)")
        return register(connection, token)

    register = opening._register
    monkeypatch.setattr(opening, "_register", lambda db, token: (register if token == "memory" else full)(db, token))
    with opened(path) as ledger:
        assert ledger.status.mode == "memory"
        assert "the disk is full" in ledger.status.notice
        assert [c.title for c in ledger.conversations().result()] == ["saved"]
        assert whole_turn(ledger, "goes on")
    monkeypatch.undo()
    with opened(path) as ledger:
        assert [c.title for c in ledger.conversations().result()] == ["saved"]


@pytest.mark.parametrize("has_log", [False, True])
def test_a_home_that_can_only_be_read_shows_what_it_holds(
    path: Path, monkeypatch: pytest.MonkeyPatch, has_log: bool
) -> None:
    with opened(path) as ledger:
        ids = whole_turn(ledger, "saved before")
    before = path.read_bytes()
    path.with_name("run").rename(path.with_name("was run"))
    path.with_name("run").touch()  # where a folder must be: as unwritable as a read-only home

    def connect_as_if_read_only(path: Path | None, **how: bool) -> sqlite3.Connection:
        if how == {"read_only": True}:
            raise sqlite3.OperationalError("unable to open database file")
        return connect(path, **how)

    monkeypatch.setattr(opening, "connect", connect_as_if_read_only)
    if has_log:  # the newest is in it, and nothing that can be read
        path.with_name(path.name + "-wal").write_bytes(b"a log")
    with opened(path) as ledger:
        assert (ledger.status.mode, ledger.status.is_copy) == ("memory", not has_log)
        assert "nothing of this session is saved" in ledger.status.notice
        assert ("what was saved before can be read" in ledger.status.notice) is not has_log
        assert [c.title for c in ledger.conversations().result()] == ([] if has_log else ["saved before"])
        if not has_log:
            again = ledger.begin_turn(new_turn(conversation_id=ids.conversation_id, parent_id=ids.reply_message_id))
            assert len(ledger.branch(again.result().conversation_id).result()) == 4
    assert path.read_bytes() == before


@pytest.mark.parametrize("is_newer", [False, True])
def test_what_cannot_be_copied_is_left_out(path: Path, monkeypatch: pytest.MonkeyPatch, is_newer: bool) -> None:
    with opened(path) as ledger:
        whole_turn(ledger)
    if is_newer:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    else:
        monkeypatch.setattr(opening, "MOST_COPIED_BYTES", 1000)
    path.with_name("run").rename(path.with_name("was run"))
    path.with_name("run").touch()
    with opened(path) as ledger:
        assert (ledger.status.mode, ledger.status.is_copy) == ("memory", False)
        assert ledger.conversations().result() == []


def test_a_newer_ledger_is_read_only(path: Path) -> None:
    with opened(path) as ledger:
        ids = whole_turn(ledger, "from the future")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    before = query(path, "SELECT * FROM usage")
    with opened(path) as ledger:
        assert ledger.status.mode == "read_only"
        assert "newer hybridchat" in ledger.status.notice
        assert ledger.branch(ids.conversation_id).result()[0].text == "from the future"
        for write in (ledger.begin_turn(new_turn()), ledger.purge_deleted()):
            with pytest.raises(LedgerError, match="read-only"):
                write.result()
    assert query(path, "SELECT * FROM usage") == before
    assert query(path, "PRAGMA user_version") == [(SCHEMA_VERSION + 1,)]


def test_a_name_with_odd_characters(home: Path) -> None:
    path = home / "100% #1? ä" / "hybridchat.db"
    for _ in range(2):
        with opened(path) as ledger:
            whole_turn(ledger)
    assert query(path, "SELECT count(*) FROM message") == [(4,)]
