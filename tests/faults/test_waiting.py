"""Messages that wait, in two windows of one conversation: each is sent once, also when one of them is killed."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from hybridchat.ledger.records import NewWaiting
from tests.unit.ledger.helpers import opened, query, start_python, whole_turn

WAITING = [f"waiting {number}" for number in range(20)]

WINDOW = """
import sys
from pathlib import Path
from hybridchat.ledger.waiting import Taken
from tests.unit.ledger.helpers import end_of, new_turn, opened
path, conversation, leaf, texts = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
with opened(path) as ledger:
    ledger.status
    print("ready", flush=True)
    sys.stdin.readline()
    for text in texts:
        turn = new_turn(text, conversation_id=conversation, parent_id=leaf, waited=text)
        try:
            ids = ledger.begin_turn(turn).result()
        except Taken:
            print("taken", flush=True)
        else:
            print("sent", flush=True)
            ledger.end_attempt(end_of(ids)).result()
"""


@pytest.fixture
def conversation(path: Path) -> tuple[int, int]:
    """Its id and its leaf; messages wait in it."""
    with opened(path) as ledger:
        ids = whole_turn(ledger)
        ledger.change_waiting(ids.conversation_id, [], [NewWaiting(text) for text in WAITING]).result()
    return ids.conversation_id, ids.reply_message_id


@pytest.fixture
def windows(path: Path, conversation: tuple[int, int]) -> Iterator[list[subprocess.Popen[str]]]:
    """Two processes that know of the same waiting messages, about to send them all."""
    with ExitStack() as stack:
        started = [start_python(WINDOW, path, *map(str, conversation), *WAITING) for _ in range(2)]
        for window in started:
            stack.enter_context(window)  # closes its pipes
            stack.callback(window.kill)
            assert window.stdout is not None and window.stdout.readline() == "ready\n"
        yield started


def begin(window: subprocess.Popen[str]) -> None:
    assert window.stdin is not None
    window.stdin.write("\n")
    window.stdin.flush()


def sent(path: Path) -> Counter[str]:
    return Counter(text for (text,) in query(path, "SELECT text FROM message WHERE text LIKE 'waiting %'"))


def test_each_is_sent_by_one_of_two_windows(path: Path, windows: list[subprocess.Popen[str]]) -> None:
    for window in windows:
        begin(window)
    told = [window.communicate(timeout=60)[0].split() for window in windows]
    assert [len(lines) for lines in told] == [len(WAITING)] * 2
    assert Counter(line for lines in told for line in lines) == {"sent": len(WAITING), "taken": len(WAITING)}
    assert sent(path) == Counter(WAITING)
    assert query(path, "SELECT waiting FROM conversation") == [("[]",)]


def test_what_a_killed_window_sent_waits_no_longer_and_the_rest_does(
    path: Path, windows: list[subprocess.Popen[str]], conversation: tuple[int, int]
) -> None:
    first, second = windows
    begin(first)
    assert first.stdout is not None
    for _ in range(3):
        first.stdout.readline()
    first.kill()
    first.wait()
    with opened(path) as ledger:
        kept = ledger.conversation(conversation[0]).result()
        assert kept is not None and list(kept.waiting) == [text for text in WAITING if text not in sent(path)]
    begin(second)
    second.communicate(timeout=60)
    assert sent(path) == Counter(WAITING)
