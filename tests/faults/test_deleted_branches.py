"""Deleted branches beside other windows, killed ones, backups, and conversations off the record."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from hybridchat.errors import LedgerError
from hybridchat.ledger import backups
from hybridchat.ledger.off_record import OffRecordLedger
from hybridchat.ledger.store import Ledger
from tests.unit.ledger.helpers import MANAGED, end_of, new_turn, opened, query, start_python, whole_turn
from tests.unit.ledger.test_branches import beside, everything, follow, shown
from tests.unit.ledger.test_purge import files_with
from tests.unit.session.conftest import Build
from tests.unit.session.test_branches import LAB, talk, texts


def test_what_a_killed_window_left_streaming_can_be_deleted(path: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from tests.unit.ledger.helpers import new_turn, open_ledger
ids = open_ledger(Path(sys.argv[1])).begin_turn(new_turn("left", conversation_id=1, parent_id=2)).result()
os.kill(os.getpid(), 9)
"""
    with opened(path) as ledger:
        first = whole_turn(ledger, "one", "first")
        start_python(code, path).communicate(timeout=30)
        left = ledger.tree(first.conversation_id).result()[2]
        assert left.text == "left"
        assert ledger.activity().result().running == frozenset()
        ledger.delete_branch(left.id).result()
        assert shown(ledger, first.conversation_id) == ["one", "first"]


def test_another_windows_next_words_do_not_follow_what_is_deleted(ledger: Ledger, path: Path) -> None:
    first = whole_turn(ledger, "one", "first")
    second = beside(ledger, first, "second")
    with opened(path) as other:
        other.delete_branch(second.reply_message_id).result()
    with pytest.raises(LedgerError, match="deleted in another window"):
        follow(ledger, second, "lost?")
    with pytest.raises(LedgerError, match="was deleted"):
        ledger.begin_attempt(second.reply_message_id, MANAGED).result()
    assert everything(ledger, first.conversation_id) == ["one", "first"]


@pytest.mark.parametrize("is_backed_up_first", [True, False])
def test_purged_words_are_in_no_file_and_no_backup(path: Path, is_backed_up_first: bool) -> None:
    with opened(path) as ledger:
        first = whole_turn(ledger, "one", "wombat")
        beside(ledger, first, "kept")
        follow(ledger, first, "more of wombats", "aardvark")
        if is_backed_up_first:
            backups.backup(path)
        ledger.delete_branch(first.reply_message_id).result()
        if not is_backed_up_first:
            backups.backup(path)
        assert len(files_with(path.parent, ["wombat"])) == 2
        assert ledger.purge_deleted().result() == 0
    assert files_with(path.parent, ["wombat", "aardvark"]) == set()
    for copy in (path, *backups.list_backups(path)):
        assert query(copy, "PRAGMA integrity_check") == [("ok",)]
        with closing(sqlite3.connect(copy)) as db:
            leaf = "SELECT count(*) FROM conversation WHERE active_leaf_id NOT IN (SELECT id FROM message)"
            assert db.execute(leaf).fetchone() == (0,)
    assert query(path, "SELECT count(*) FROM usage") == [(3,)]
    with opened(path) as ledger:
        assert shown(ledger, first.conversation_id) == ["one", "kept"]


def test_a_copy_that_holds_nothing_else_of_it_loses_the_conversation(path: Path) -> None:
    with opened(path) as ledger:
        first = whole_turn(ledger, "wombat", "first", title="wombat")
        backups.backup(path)
        whole_turn(ledger, "reworded", "second", conversation_id=first.conversation_id)
        ledger.delete_branch(first.user_message_id).result()
    assert files_with(path.parent, ["wombat"]) == set()
    (copy, *_) = sorted(backups.list_backups(path))
    assert query(copy, "SELECT count(*) FROM conversation") == [(0,)]
    with opened(path) as ledger:
        (conversation,) = ledger.conversations().result()
        assert conversation.title == "reworded"


def test_what_a_killed_window_deleted_leaves_later_and_what_a_living_one_did_stays(path: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from tests.unit.ledger.helpers import open_ledger
open_ledger(Path(sys.argv[1])).delete_branch(int(sys.argv[2])).result()
os.kill(os.getpid(), 9)
"""
    with opened(path) as ledger:
        first = whole_turn(ledger, "one", "wolverine")
        second = beside(ledger, first, "platypus")
        third = beside(ledger, first, "kept")
        start_python(code, path, first.reply_message_id).communicate(timeout=30)
        deleted = ledger.delete_branch(second.reply_message_id).result()
        assert everything(ledger, first.conversation_id) == ["one", "kept"]
        with opened(path):
            pass  # closing takes care
        assert files_with(path.parent, ["wolverine"]) == set()
        ledger.restore_branch(deleted, None).result()
        assert everything(ledger, first.conversation_id) == ["one", "platypus", "kept"]
    assert third.reply_message_id


def test_with_its_conversation_a_deleted_branch_goes_too(path: Path) -> None:
    with opened(path) as ledger:
        first = whole_turn(ledger, "one", "wombat")
        beside(ledger, first, "second")
        ledger.delete_branch(first.reply_message_id).result()
        ledger.delete_conversation(first.conversation_id).result()
        assert ledger.purge_deleted().result() == 1
        assert query(path, "SELECT count(*) FROM deleted_message") == [(0,)]
    assert files_with(path.parent, ["wombat"]) == set()


def test_both_tables_of_messages_have_the_same_columns(ledger: Ledger, path: Path) -> None:
    ledger.status.mode  # noqa: B018 - waits until it is open
    living, deleted = (
        {name for (name,) in query(path, f"SELECT name FROM pragma_table_info('{table}')")}
        for table in ("message", "deleted_message")
    )
    assert deleted == living | {"deleted_with", "deleted_by"}


def test_running_and_unread_replies_of_all_windows(ledger: Ledger, path: Path) -> None:
    first = whole_turn(ledger, "one")
    running = ledger.begin_turn(new_turn("two")).result()
    for _ in range(2):
        ledger.reply_ended_unseen(first.conversation_id).result()
    with opened(path) as other:
        now = other.activity().result()
        assert (now.running, now.unread) == (frozenset({running.conversation_id}), {first.conversation_id: 2})
        other.seen(first.conversation_id).result()
    ledger.end_attempt(end_of(running)).result()
    now = ledger.activity().result()
    assert (now.running, now.unread) == (frozenset(), {})


def test_off_the_record_the_same(ledger: Ledger) -> None:
    memory = OffRecordLedger(ledger, lambda text: None)
    try:
        first = memory.begin_turn(new_turn("one")).result()
        assert memory.activity().result().running == {first.conversation_id}
        memory.end_attempt(end_of(first, "first")).result()
        second = memory.begin_sibling(first.reply_message_id, MANAGED).result()
        memory.end_attempt(end_of(second, "second")).result()
        deleted = memory.delete_branch(second.reply_message_id).result()
        assert shown(memory, first.conversation_id) == ["one", "first"]
        memory.restore_branch(deleted, second.reply_message_id).result()
        assert shown(memory, first.conversation_id) == ["one", "second"]
    finally:
        memory.close()


async def test_what_comes_back_where_another_window_deleted_the_rest_is_shown(build: Build) -> None:
    world = await build(LAB)
    chat = world.session.new()
    await talk(world, chat, "one")
    first = chat.messages[-1].id
    await world.session.answer_again(chat)
    await world.session.wait(chat)
    await world.session.delete_branch(chat, first)
    await asyncio.wrap_future(world.ledger.delete_branch(chat.messages[-1].id))  # as another window does
    assert chat.id is not None
    chat = await world.session.open(chat.id)
    assert texts(chat) == ["one"]
    await world.session.undo_delete()
    assert [message.id for message in chat.messages][1:] == [first]
