"""Tags, stars and the archive."""

from __future__ import annotations

from pathlib import Path

import pytest

from hybridchat.errors import LedgerError
from hybridchat.ledger.connect import connect_writer
from hybridchat.ledger.store import Ledger, NewMarks, open_ledger
from tests.unit.ledger.helpers import asked, new_turn, opened, query, whole_turn


def test_marks_change_one_by_one(ledger: Ledger) -> None:
    number = whole_turn(ledger).conversation_id
    marked = ledger.mark(number, NewMarks(starred=True, add_tags=("work", "later"))).result()
    assert (marked.tags, marked.archived_at) == (("later", "work"), None)
    assert marked.starred_at is not None
    again = ledger.mark(number, NewMarks(starred=True, archived=True, add_tags=("x",), remove_tags=("work",))).result()
    assert (again.tags, again.starred_at) == (("later", "x"), marked.starred_at)
    assert again == ledger.conversation(number).result()
    none = ledger.mark(number, NewMarks(starred=False, archived=False, remove_tags=("later", "x"))).result()
    assert (none.tags, none.starred_at, none.archived_at) == ((), None, None)


def test_what_is_not_there_cannot_be_marked(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="no conversation 7"):
        ledger.mark(7, NewMarks(starred=True)).result()


def test_the_archive_is_out_of_the_list_until_the_conversation_goes_on(ledger: Ledger) -> None:
    old, new = whole_turn(ledger, "old"), whole_turn(ledger, "new")
    ledger.mark(new.conversation_id, NewMarks(archived=True)).result()
    listed = ledger.conversations(with_archived=False).result()
    assert [one.id for one in listed] == [old.conversation_id]
    assert len(ledger.conversations().result()) == 2
    latest = ledger.latest_conversation().result()
    assert latest is not None and latest.id == old.conversation_id
    ledger.begin_turn(new_turn("more", conversation_id=new.conversation_id, parent_id=new.reply_message_id)).result()
    assert len(ledger.conversations(with_archived=False).result()) == 2


def test_a_starred_one_is_not_deleted_by_its_age(path: Path) -> None:
    with opened(path) as ledger:
        whole_turn(ledger, "forgotten")
        ledger.mark(whole_turn(ledger, "precious").conversation_id, NewMarks(starred=True)).result()
    writer = connect_writer(path)
    writer.execute("UPDATE conversation SET updated_at = '2020-01-01T00:00:00.000Z'")
    writer.close()
    ledger = open_ledger(path, keep_days=30)
    try:
        assert [one.title for one in ledger.conversations().result()] == ["precious"]
    finally:
        ledger.close()
    assert query(path, "SELECT title FROM conversation") == [("precious",)]


def test_damaged_tags_are_none(path: Path) -> None:
    with opened(path) as ledger:
        whole_turn(ledger)
    writer = connect_writer(path)
    writer.execute("UPDATE conversation SET tags = '[\"wo'")
    writer.close()
    with opened(path) as ledger:
        assert ledger.conversations().result()[0].tags == ()
        assert ledger.search(asked("tag:work")).result() == []
        assert ledger.filter_values().result()["tag"] == ()


def test_what_filters_can_name(ledger: Ledger) -> None:
    number = whole_turn(ledger).conversation_id
    deleted = whole_turn(ledger).conversation_id
    ledger.mark(number, NewMarks(add_tags=("b", "a"))).result()
    ledger.mark(deleted, NewMarks(add_tags=("gone",))).result()
    ledger.delete_conversation(deleted).result()
    assert ledger.filter_values().result() == {"tag": ("a", "b"), "backend": ("lab",), "model": ("tiny",)}
