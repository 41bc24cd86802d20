"""What is typed and not sent: each window's own, found again when that is gone, and purged with its conversation."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from hybridchat.ledger.backups import backup
from hybridchat.ledger.connect import connect_writer
from hybridchat.ledger.residue import search
from hybridchat.ledger.store import Ledger, LeftDraft, open_ledger
from tests.unit.ledger.helpers import opened, query, whole_turn

NOTHING = LeftDraft("", False)


def test_a_draft_is_replaced_and_an_empty_one_is_none(ledger: Ledger) -> None:
    number = whole_turn(ledger).conversation_id
    for text in ("one", "one and \ud800 two", "", "three"):
        ledger.keep_draft(number, text).result()
    ledger.keep_draft(None, "new").result()
    assert ledger.with_drafts().result() == {number}
    assert ledger.path is not None
    assert query(ledger.path, "SELECT conversation_id, text FROM draft ORDER BY id") == [
        (number, "three"),
        (None, "new"),
    ]
    ledger.keep_draft(number, "").result()
    assert ledger.with_drafts().result() == frozenset()


def test_one_of_a_conversation_that_is_not_there_is_not_kept(ledger: Ledger) -> None:
    ledger.keep_draft(7, "words").result()
    assert ledger.with_drafts().result() == frozenset()


@pytest.mark.parametrize("is_new", [True, False])
def test_what_a_window_left_is_taken_once(path: Path, is_new: bool) -> None:
    with opened(path) as first:
        number = None if is_new else whole_turn(first).conversation_id
        first.keep_draft(number, "left here").result()
        assert first.take_draft(number).result() == NOTHING
    with opened(path) as second, opened(path) as third:
        assert second.take_draft(number).result().text == "left here"
        assert third.take_draft(number).result() == LeftDraft("", not is_new)
        third.keep_draft(number, "mine").result()
        assert query(path, "SELECT text FROM draft ORDER BY text") == [("left here",), ("mine",)]


def test_the_newest_of_several_is_taken_and_the_others_stay(path: Path) -> None:
    for text in ("older", "newer"):
        with opened(path) as window:
            window.keep_draft(None, text).result()
    with opened(path) as window:
        assert window.take_draft(None).result().text == "newer"
        assert window.take_draft(None).result() == NOTHING, "it has one"
        window.keep_draft(None, "").result()
        assert window.take_draft(None).result().text == "older"


def test_a_purge_takes_it_out_of_copies_too(path: Path) -> None:
    with opened(path) as ledger:
        number = whole_turn(ledger).conversation_id
        ledger.keep_draft(number, "pomegranate of the conversation").result()
        ledger.keep_draft(None, "pomegranate before its first message").result()
    backup(path)
    with opened(path) as ledger:
        ledger.take_draft(None).result()
        ledger.keep_draft(None, "").result()
        ledger.delete_conversation(number).result()
        ledger.purge_deleted().result()
    assert search("pomegranate", [path.parent], without=path.parent / "nowhere").found == []


def test_age_takes_old_ones_and_spares_what_is_being_written(path: Path) -> None:
    with opened(path) as ledger:
        number = whole_turn(ledger).conversation_id
        ledger.keep_draft(number, "being written").result()
        ledger.keep_draft(None, "old").result()
    with closing(connect_writer(path)) as db:
        db.execute("UPDATE conversation SET updated_at = '2020-01-01T00:00:00.000Z'")
        db.execute("UPDATE draft SET updated_at = '2020-01-01T00:00:00.000Z' WHERE conversation_id IS NULL")
        db.commit()
    ledger = open_ledger(path, keep_days=30)
    assert ledger.status.mode == "normal"
    assert [one.id for one in ledger.conversations().result()] == [number]
    assert ledger.with_drafts().result() == {number}
    assert ledger.take_draft(None).result() == NOTHING
    ledger.close()
