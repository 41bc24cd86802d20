"""What is typed and not sent: each window's own, found again when that is gone, and purged with its conversation."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from hybridchat.domain.attachments import Attachment
from hybridchat.domain.chat import Privacy
from hybridchat.ledger.backups import backup
from hybridchat.ledger.connect import connect_writer
from hybridchat.ledger.residue import search
from hybridchat.ledger.store import Ledger, LeftDraft, NewDraft, open_ledger
from tests.unit.ledger.helpers import opened, query, whole_turn

NOTHING = LeftDraft("", False)


def test_a_draft_is_replaced_and_an_empty_one_is_none(ledger: Ledger) -> None:
    number = whole_turn(ledger).conversation_id
    for text in ("one", "one and \ud800 two", "", "three"):
        ledger.keep_draft(number, NewDraft(text)).result()
    ledger.keep_draft(None, NewDraft("new")).result()
    assert ledger.with_drafts().result() == {number}
    assert ledger.path is not None
    assert query(ledger.path, "SELECT conversation_id, text FROM draft ORDER BY id") == [
        (number, "three"),
        (None, "new"),
    ]
    ledger.keep_draft(number, NewDraft("")).result()
    assert ledger.with_drafts().result() == frozenset()


def test_one_of_a_conversation_that_is_not_there_is_not_kept(ledger: Ledger) -> None:
    ledger.keep_draft(7, NewDraft("words")).result()
    assert ledger.with_drafts().result() == frozenset()


@pytest.mark.parametrize("is_new", [True, False])
def test_what_a_window_left_is_taken_once(path: Path, is_new: bool) -> None:
    with opened(path) as first:
        number = None if is_new else whole_turn(first).conversation_id
        first.keep_draft(number, NewDraft("left here")).result()
        assert first.take_draft(number).result() == NOTHING
    with opened(path) as second, opened(path) as third:
        assert second.take_draft(number).result().text == "left here"
        assert third.take_draft(number).result() == LeftDraft("", not is_new)
        third.keep_draft(number, NewDraft("mine")).result()
        assert query(path, "SELECT text FROM draft ORDER BY text") == [("left here",), ("mine",)]


def test_the_newest_of_several_is_taken_and_the_others_stay(path: Path) -> None:
    for text in ("older", "newer"):
        with opened(path) as window:
            window.keep_draft(None, NewDraft(text)).result()
    with opened(path) as window:
        assert window.take_draft(None).result().text == "newer"
        assert window.take_draft(None).result() == NOTHING, "it has one"
        window.keep_draft(None, NewDraft("")).result()
        assert window.take_draft(None).result().text == "older"


def test_a_purge_takes_it_out_of_copies_too(path: Path) -> None:
    with opened(path) as ledger:
        number = whole_turn(ledger).conversation_id
        ledger.keep_draft(number, NewDraft("pomegranate of the conversation")).result()
        ledger.keep_draft(None, NewDraft("pomegranate before its first message")).result()
    backup(path)
    with opened(path) as ledger:
        ledger.take_draft(None).result()
        ledger.keep_draft(None, NewDraft("")).result()
        ledger.delete_conversation(number).result()
        ledger.purge_deleted().result()
    assert search("pomegranate", [path.parent], without=path.parent / "nowhere").found == []


NOTES = Attachment("notes.txt", "text/plain", b"pomegranate in the notes")
PASTE = Attachment("paste-1.txt", "text/plain", b"persimmon in the paste")


def contents(path: Path) -> list[str]:
    return [bytes(data).decode() for (data,) in query(path, "SELECT data FROM content ORDER BY data")]


def test_what_is_attached_comes_back_with_the_privacy_of_its_chat(path: Path) -> None:
    with opened(path) as window:
        for along in ((NOTES,), (NOTES, PASTE), (PASTE, NOTES)):
            window.keep_draft(None, NewDraft("look", along, Privacy.LOCAL_ONLY)).result()
        assert contents(path) == ["persimmon in the paste", "pomegranate in the notes"]
    with opened(path) as window:
        assert window.take_draft(None).result() == LeftDraft("look", False, (PASTE, NOTES), Privacy.LOCAL_ONLY)
        window.keep_draft(None, NewDraft("", (PASTE,))).result()
        assert contents(path) == ["persimmon in the paste"]
        window.keep_draft(None, NewDraft()).result()
        assert contents(path) == []


def test_a_content_stays_while_a_message_or_a_draft_has_it(path: Path) -> None:
    with opened(path) as window:
        ids = whole_turn(window, attachments=(NOTES,))
        window.keep_draft(None, NewDraft("", (NOTES,))).result()
        window.keep_draft(None, NewDraft()).result()
        assert contents(path) == ["pomegranate in the notes"]
        window.keep_draft(None, NewDraft("", (NOTES,))).result()
        window.delete_conversation(ids.conversation_id).result()
        window.purge_deleted().result()
        assert contents(path) == ["pomegranate in the notes"]


def test_a_purge_takes_what_is_attached_to_one_out_of_copies_too(path: Path) -> None:
    with opened(path) as ledger:
        number = whole_turn(ledger).conversation_id
        ledger.keep_draft(number, NewDraft("", (NOTES,))).result()
    backup(path)
    with opened(path) as ledger:
        ledger.delete_conversation(number).result()
        ledger.purge_deleted().result()
    assert search("pomegranate", [path.parent], without=path.parent / "nowhere").found == []


def test_age_takes_old_ones_and_spares_what_is_being_written(path: Path) -> None:
    with opened(path) as ledger:
        number = whole_turn(ledger).conversation_id
        ledger.keep_draft(number, NewDraft("being written")).result()
        ledger.keep_draft(None, NewDraft("old")).result()
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
