"""Conversations from elsewhere in the ledger: once, whole, and never looser than they were."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from hybridchat.domain.chat import Parameters, Privacy, Role
from hybridchat.domain.imports import Found, ImportedAttempt, ImportedConversation, ImportedMessage, Unread
from hybridchat.errors import UsageError
from hybridchat.ledger import merging
from hybridchat.ledger.imports import Added
from hybridchat.ledger.records import NewMarks
from hybridchat.ledger.store import Ledger
from tests.unit.ledger.helpers import MANAGED, asked, new_turn, opened, query, whole_turn
from tests.unit.ledger.test_schema import make_old

NOW = "2026-11-21T08:00:00.000Z"


def message(name: str, parent: str | None = None, role: Role = Role.USER) -> ImportedMessage:
    return ImportedMessage(origin=name, parent=parent, role=role, text=f"words of {name}", created_at=NOW, model="m")


def talk(*messages: ImportedMessage, origin: str = "chatgpt:1", active: str | None = None) -> ImportedConversation:
    return ImportedConversation(
        origin=origin,
        title="a talk",
        created_at="2024-01-01T00:00:00.000Z",
        updated_at="2024-01-02T00:00:00.000Z",
        messages=messages,
        active=active or (messages[-1].origin if messages else None),
        privacy=Privacy.OPEN,
    )


TALK = talk(message("a"), message("b", "a", Role.ASSISTANT), message("c", "a", Role.ASSISTANT), active="b")


def brought(ledger: Ledger, *batch: ImportedConversation | ImportedAttempt) -> Added:
    return ledger.import_batch(batch).result()


def test_a_tree_is_there_and_can_be_found(ledger: Ledger) -> None:
    assert brought(ledger, TALK) == Added(new=1, messages=3)
    (conversation,) = ledger.conversations().result()
    assert (conversation.title, conversation.origin, conversation.updated_at) == (
        "a talk",
        "chatgpt:1",
        TALK.updated_at,
    )
    assert [(m.text, m.model) for m in ledger.branch(conversation.id).result()] == [
        ("words of a", "m"),
        ("words of b", "m"),
    ]
    assert [m.origin for m in ledger.tree(conversation.id).result()] == ["a", "b", "c"]
    assert [m.origin for m in ledger.with_siblings(conversation.id).result()] == ["b", "c"]
    assert len(ledger.search(asked("words model:M")).result()) == 3
    assert ledger.search(asked("words model:x")).result() == []


def test_twice_is_once(ledger: Ledger) -> None:
    brought(ledger, TALK)
    assert brought(ledger, TALK, TALK) == Added(known=2)
    assert len(ledger.conversations().result()) == 1


def test_what_was_said_there_since_is_added(ledger: Ledger) -> None:
    brought(ledger, TALK)
    later = replace(talk(*TALK.messages, message("d", "b")), updated_at="2024-02-01T00:00:00.000Z")
    assert brought(ledger, later) == Added(grown=1, messages=1)
    (conversation,) = ledger.conversations().result()
    assert [m.origin for m in ledger.branch(conversation.id).result()] == ["a", "b", "d"]
    assert conversation.updated_at == later.updated_at


def test_who_went_on_here_stays_there(ledger: Ledger) -> None:
    brought(ledger, TALK)
    (conversation,) = ledger.conversations().result()
    ids = whole_turn(ledger, "mine", conversation_id=conversation.id, parent_id=conversation.active_leaf_id)
    brought(ledger, talk(*TALK.messages, message("d", "b")))
    (conversation,) = ledger.conversations().result()
    assert conversation.active_leaf_id == ids.reply_message_id


def test_a_pin_is_never_loosened_by_an_import(ledger: Ledger) -> None:
    brought(ledger, replace(TALK, privacy=Privacy.PRIVATE))
    for privacy, then in (
        (Privacy.OPEN, "private"),
        (Privacy.LOCAL_ONLY, "local_only"),
        (Privacy.PRIVATE, "local_only"),
    ):
        brought(ledger, replace(TALK, privacy=privacy))
        assert [one.privacy for one in ledger.conversations().result()] == [then]


def test_what_was_deleted_can_come_again(ledger: Ledger) -> None:
    brought(ledger, TALK)
    (conversation,) = ledger.conversations().result()
    ledger.delete_conversation(conversation.id).result()
    assert brought(ledger, TALK).new == 1
    ledger.restore_conversation(conversation.id).result()
    assert len(ledger.conversations().result()) == 2


def test_a_rehearsal_changes_nothing(ledger: Ledger, path: Path) -> None:
    assert ledger.import_batch([TALK], rehearse=True).result() == Added(new=1, messages=3)
    assert query(path, "SELECT count(*) FROM message") == [(0,)]


def test_half_a_surrogate_is_no_obstacle(ledger: Ledger) -> None:
    odd = replace(message("a"), text="\ud83d alone", origin="\udc00")
    assert brought(ledger, replace(talk(odd), title="\ud83d\ude00")).messages == 1
    assert [one.title for one in ledger.conversations().result()] == ["😀"]


# --- another ledger


@contextmanager
def another(tmp_path: Path) -> Iterator[tuple[Ledger, Path]]:
    path = tmp_path / "other" / "hybridchat.db"
    with opened(path) as ledger:
        yield ledger, path


def found(path: Path, own: Ledger) -> list[Found]:
    return [one for one, _ in merging.found_in(path, own.ledger_uuid().result(), NOW)]


def merge(path: Path, own: Ledger) -> Added:
    return brought(own, *(one for one in found(path, own) if not isinstance(one, Unread)))


def test_another_ledger_comes_with_its_numbers(ledger: Ledger, tmp_path: Path) -> None:
    with another(tmp_path) as (theirs, path):
        ids = whole_turn(theirs, "their question", "their answer", attempt=MANAGED)
        whole_turn(theirs, "more", conversation_id=ids.conversation_id, parent_id=ids.reply_message_id)
        gone = whole_turn(theirs, "deleted there")
        theirs.delete_conversation(gone.conversation_id).result()
        whole_turn(ledger, "my question")
        assert merge(path, ledger) == Added(new=1, messages=4, attempts=3)
        assert merge(path, ledger) == Added(known=1)
    number = ledger.search(asked("their question")).result()[0].conversation_id
    branch = ledger.branch(number).result()
    assert [m.text for m in branch] == ["their question", "their answer", "more", "an answer"]
    assert [m.attempt.backend for m in branch if m.attempt] == ["rented", "lab"]
    assert {row.key: row.attempts for row in ledger.usage_statistics("backend").result()} == {"lab": 3, "rented": 1}


def test_marks_come_along(ledger: Ledger, tmp_path: Path) -> None:
    with another(tmp_path) as (theirs, path):
        ids = whole_turn(theirs)
        theirs.mark(ids.conversation_id, NewMarks(starred=True, archived=True, add_tags=("work",))).result()
        merge(path, ledger)
    (conversation,) = ledger.conversations().result()
    assert conversation.tags == ("work",)
    assert conversation.starred_at and conversation.archived_at


def test_settings_come_along(ledger: Ledger, tmp_path: Path) -> None:
    settings = Parameters(temperature=0.3, stop=("END",))
    with another(tmp_path) as (theirs, path):
        whole_turn(theirs, parameters=settings, system="Be brief.")
        merge(path, ledger)
    (conversation,) = ledger.conversations().result()
    assert (conversation.parameters, conversation.system) == (settings, "Be brief.")


def test_a_pinned_conversation_stays_pinned(ledger: Ledger, tmp_path: Path) -> None:
    with another(tmp_path) as (theirs, path):
        whole_turn(theirs, privacy=Privacy.LOCAL_ONLY)
        merge(path, ledger)
    assert [one.privacy for one in ledger.conversations().result()] == ["local_only"]


def test_what_came_from_here_comes_back_as_itself(ledger: Ledger, path: Path, tmp_path: Path) -> None:
    whole_turn(ledger)
    with another(tmp_path) as (theirs, other_path):
        assert merge(path, theirs) == Added(new=1, messages=2, attempts=1)
        (copy,) = theirs.conversations().result()
        whole_turn(theirs, "on the way", conversation_id=copy.id, parent_id=copy.active_leaf_id)
        assert merge(other_path, ledger) == Added(grown=1, messages=2, attempts=1)
    (conversation,) = ledger.conversations().result()
    assert [m.text for m in ledger.tree(conversation.id).result()][2:] == ["on the way", "an answer"]


def test_what_still_runs_there_comes_later(ledger: Ledger, tmp_path: Path) -> None:
    with another(tmp_path) as (theirs, path):
        theirs.begin_turn(new_turn("a question")).result()
        conversation, unread = sorted(found(path, ledger), key=lambda one: isinstance(one, Unread))
    assert isinstance(conversation, ImportedConversation) and len(conversation.messages) == 1
    assert isinstance(unread, Unread) and "still being written" in unread.why


def test_a_ledger_before_origins_were_kept(ledger: Ledger, tmp_path: Path) -> None:
    path = tmp_path / "old" / "hybridchat.db"
    make_old(path, 1)
    assert merge(path, ledger) == Added(new=1, messages=1, attempts=1)


def test_rows_that_make_no_sense_cost_themselves(ledger: Ledger, tmp_path: Path) -> None:
    with another(tmp_path) as (theirs, path):
        for _ in range(2):
            whole_turn(theirs)
    with sqlite3.connect(path) as db:
        for name in ("attempt_before_update", "attempt_after_update"):
            db.execute(f"DROP TRIGGER {name}")
        db.execute("UPDATE attempt SET prompt_tokens = 9223372036854775807 WHERE id = 1")
        db.execute("UPDATE message SET role = x'00ff' WHERE id = 3")
    db.close()
    assert merge(path, ledger) == Added(new=2, messages=3, attempts=1)
    assert len([one for one in found(path, ledger) if isinstance(one, Unread)]) == 2


def test_ledgers_that_are_none(ledger: Ledger, path: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is this ledger itself"):
        found(path, ledger)
    broken = tmp_path / "broken.db"
    broken.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(UsageError, match="cannot be read as a ledger"):
        found(broken, ledger)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_ledger_on_a_medium_that_cannot_be_written(ledger: Ledger, tmp_path: Path) -> None:
    with another(tmp_path) as (theirs, path):
        whole_turn(theirs)
    path.parent.chmod(0o500)
    try:
        assert merge(path, ledger).new == 1
    finally:
        path.parent.chmod(0o700)
