"""Ten thousand conversations, the import killed again and again: nothing twice, nothing half, nobody kept waiting."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from hybridchat.ledger.store import open_ledger
from tests.unit.importing import shapes
from tests.unit.ledger.helpers import ROOT, query, whole_turn

CONVERSATIONS = 10_000
KILLS = 4


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("export") / "conversations.json"
    file.write_bytes(shapes.as_json([shapes.gpt_chat(f"c{number}", 2) for number in range(CONVERSATIONS)]))
    return file


def started(export: Path) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-m", "hybridchat", "import", str(export), "--json"]
    return subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def finished(export: Path) -> dict[str, Any]:
    with started(export) as process:
        output, _ = process.communicate(timeout=50)
    assert process.returncode == 0
    report: dict[str, Any] = json.loads(output)
    return report


def conversations(path: Path) -> int:
    count: int = query(path, "SELECT count(*) FROM conversation WHERE origin IS NOT NULL")[0][0]
    return count


def assert_whole(path: Path) -> None:
    """Whatever is there has all of its messages, once, and its leaf."""
    per_conversation = "SELECT count(*) FROM message WHERE origin IS NOT NULL GROUP BY conversation_id"
    assert set(query(path, per_conversation)) <= {(4,)}
    assert query(path, "SELECT count(*), count(DISTINCT origin) FROM conversation WHERE origin IS NOT NULL")[0] == (
        conversations(path),
        conversations(path),
    )
    assert query(path, "SELECT count(*) FROM conversation WHERE active_leaf_id IS NULL") == [(0,)]
    assert query(path, "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_killed_again_and_again_then_whole(export: Path, home: Path) -> None:
    path = home / "hybridchat.db"
    open_ledger(path).close()
    rng = random.Random(7)
    for kill in range(KILLS):
        with started(export) as process:
            wanted = conversations(path) + rng.randrange(1, CONVERSATIONS // (2 * KILLS))
            deadline = time.monotonic() + 50
            while conversations(path) < wanted and time.monotonic() < deadline:
                time.sleep(0.005)  # the child is to be killed in the middle of its work
            os.kill(process.pid, signal.SIGKILL)
        assert 0 < conversations(path) < CONVERSATIONS, kill
        assert_whole(path)
    before = conversations(path)
    report = finished(export)
    assert (report["new"], report["already_here"]) == (CONVERSATIONS - before, before)
    assert_whole(path)
    assert finished(export)["already_here"] == conversations(path) == CONVERSATIONS


def test_a_chat_in_another_window_goes_on_meanwhile(export: Path, home: Path) -> None:
    path = home / "hybridchat.db"
    ledger = open_ledger(path)
    try:
        turns = 0
        with started(export) as process:
            while process.poll() is None:
                whole_turn(ledger, f"question {turns}")
                turns += 1
            assert process.returncode == 0
    finally:
        ledger.close()
    assert turns > 0
    assert conversations(path) == CONVERSATIONS
    assert len(query(path, "SELECT id FROM conversation WHERE origin IS NULL")) == turns
