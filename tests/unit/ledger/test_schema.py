"""Migrations from every older schema, and the public view."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import pytest

from hybridchat.domain.chat import Attempt
from hybridchat.ledger import backups
from hybridchat.ledger.connect import SCHEMA_VERSION, connect
from hybridchat.ledger.departures import DEPARTURE_COLUMNS
from hybridchat.ledger.reads import USAGE_COLUMNS
from hybridchat.ledger.schema import migrate, migrations
from hybridchat.ledger.writes import insert
from tests.unit.ledger.helpers import ROOT, asked, new_turn, opened, query, start_python

NAMES = [migration.name for migration in migrations._migrations]


def test_the_version_counts_the_migrations() -> None:
    assert len(NAMES) == SCHEMA_VERSION
    assert [int(name[1:4]) for name in NAMES] == sorted({int(name[1:4]) for name in NAMES})


def make_old(path: Path, version: int) -> None:
    """A ledger as it was at that version, with a conversation in it."""
    path.parent.mkdir()
    path.touch()
    with closing(connect(path)) as connection:
        migrate(connection, stop_before=NAMES[version] if version < len(NAMES) else None)
        for table, row in OLD_ROWS.items():
            insert(connection, table, **row)


LONG_AGO = "2026-01-01T00:00:00.000Z"
OLD_ROWS: dict[str, dict[str, object]] = {
    "conversation": {
        "title": "an old chat",
        "created_at": LONG_AGO,
        "updated_at": LONG_AGO,
        "privacy": "open",
        "route": "auto",
        "reasoning": "normal",
        "active_leaf_id": 1,
    },
    "message": {"conversation_id": 1, "role": "user", "text": "old words", "state": "complete", "created_at": LONG_AGO},
    "attempt": {
        "conversation_id": 1,
        "started_at": LONG_AGO,
        "purpose": "chat",
        "backend": "a",
        "kind": "vllm",
        "model": "m",
        "zone": "device",
        "privacy": "open",
        "route_reason": "",
        "attempt_no": 1,
        "outcome": "ok",
        "cost_usd": "0.5",
    },
}


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION + 1))
def test_every_older_ledger_is_brought_up_to_date(path: Path, version: int) -> None:
    make_old(path, version)
    with opened(path) as ledger:
        assert ledger.branch(1).result()[0].text == "old words"
        assert {hit.snippet for hit in ledger.search(asked("old")).result()} == {
            "an \x02old\x03 chat",
            "\x02old\x03 words",
        }
        assert [row.cost.usd for row in ledger.usage_statistics("backend").result()] == [0.5]
        ledger.begin_turn(new_turn(conversation_id=1, parent_id=1)).result()
    assert query(path, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
    assert query(path, "PRAGMA integrity_check") == [("ok",)]


def test_a_backup_is_made_before_a_migration(path: Path) -> None:
    make_old(path, 1)
    with opened(path) as ledger:
        assert ledger.status.notice == ""
        (backup,) = backups.list_backups(path)
        assert query(backup, "PRAGMA user_version") == [(1,)]


def test_damage_that_the_backup_before_a_migration_meets(path: Path) -> None:
    make_old(path, 1)
    backups.backup(path)
    root = dict(query(path, "SELECT name, rootpage FROM sqlite_master WHERE rootpage > 0"))["message"]
    content = bytearray(path.read_bytes())
    content[(root - 1) * 4096 : root * 4096] = b"\xff" * 4096
    path.write_bytes(content)
    with opened(path) as ledger:
        assert "was restored" in ledger.status.notice
        assert ledger.branch(1).result()[0].text == "old words"
    assert query(path, "PRAGMA user_version") == [(SCHEMA_VERSION,)]


def test_opening_what_is_up_to_date_needs_no_sqlite_utils(path: Path) -> None:
    code = """
import sys
from pathlib import Path
from tests.unit.ledger.helpers import opened, whole_turn
with opened(Path(sys.argv[1])) as ledger:
    whole_turn(ledger)
print("sqlite_utils" in sys.modules)
"""
    outputs = [start_python(code, path).communicate(timeout=30)[0] for _ in range(2)]
    assert outputs == ["True\n", "False\n"]


def test_the_view_has_the_columns_of_an_attempt(path: Path) -> None:
    with opened(path) as ledger:
        ledger.status.mode  # noqa: B018 - waits until it is open
    columns = tuple(row[1] for row in query(path, "PRAGMA table_info(usage)"))
    assert columns == USAGE_COLUMNS == Attempt.__struct_fields__


def test_the_page_describes_every_column_and_table(path: Path) -> None:
    page = (ROOT / "docs" / "ledger.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    with opened(path) as ledger:
        ledger.status.mode  # noqa: B018 - waits until it is open
    views = [name for view in ("comparisons", "votes") for _, name, *_ in query(path, f"PRAGMA table_info({view})")]
    columns = [*USAGE_COLUMNS, *DEPARTURE_COLUMNS, *views]
    tables = [name for (name,) in query(path, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    own = [name for name in tables if not re.match(r"sqlite_|.*_fts_", name)]
    assert documented == [*columns, *sorted(own, key=documented[len(columns) :].index)]
