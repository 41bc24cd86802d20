"""Private files, refused links, homes that cannot be used, newer ledgers."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from hybridchat.errors import LedgerError
from hybridchat.ledger import opening
from hybridchat.ledger.connect import SCHEMA_VERSION
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
        assert whole_turn(ledger, "goes on")
    monkeypatch.undo()
    with opened(path) as ledger:
        assert [c.title for c in ledger.conversations().result()] == ["saved"]


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
