"""What goes along with messages is kept once, found by its name, and leaves with the last message that has it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TypeGuard

from hybridchat.domain.attachments import Attachment
from hybridchat.domain.chat import Parameters
from hybridchat.domain.imports import Found, ImportedConversation
from hybridchat.export.conversation import Along, write_json
from hybridchat.importing import own
from hybridchat.ledger.merging import found_in
from hybridchat.ledger.records import NewFork, NewWaiting
from hybridchat.ledger.store import Ledger
from tests.unit.ledger.helpers import asked, end_of, new_turn, opened, query

NOW = "2026-11-21T08:00:00.000Z"
WORDS = b"an unmistakable sentence " * 400
NOTES = Attachment("marvellous.txt", "text/plain", WORDS)
PHOTO = Attachment("photo.png", "image/png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x04\0\0\0\x03")


def begin(ledger: Ledger, *attachments: Attachment, text: str = "see there", **changes: object) -> tuple[int, int]:
    """The conversation and the message."""
    ids = ledger.begin_turn(new_turn(text, attachments=attachments, **changes)).result()
    ledger.end_attempt(end_of(ids)).result()
    return ids.conversation_id, ids.user_message_id


def contents(path: Path) -> list[str]:
    return [digest for (digest,) in query(path, "SELECT digest FROM content ORDER BY digest")]


def test_they_come_back_with_their_message_without_their_content(ledger: Ledger) -> None:
    conversation, _ = begin(ledger, NOTES, PHOTO)
    question, answer = ledger.branch(conversation).result()
    assert question.attachments == (NOTES.file, PHOTO.file)
    assert (question.attachments[1].pixels, answer.attachments) == ((4, 3), ())
    assert ledger.tree(conversation).result()[0].attachments == (NOTES.file, PHOTO.file)
    found = ledger.contents([NOTES.file.digest, PHOTO.file.digest, "none"]).result()
    assert found == {NOTES.file.digest: WORDS, PHOTO.file.digest: PHOTO.data}


def test_the_same_content_is_kept_once_under_each_name(path: Path, ledger: Ledger) -> None:
    begin(ledger, NOTES)
    other, _ = begin(ledger, Attachment("other.txt", "text/plain", WORDS))
    assert ledger.branch(other).result()[0].attachments[0].name == "other.txt"
    assert contents(path) == [NOTES.file.digest]


def test_names_are_found_as_words_are(ledger: Ledger) -> None:
    conversation, message = begin(ledger, NOTES)
    (hit,) = ledger.search(asked("marvellous")).result()
    assert (hit.conversation_id, hit.message_id) == (conversation, message)
    assert "marvellous" in hit.snippet
    assert ledger.search(asked("unmistakable")).result() == [], "contents are not searched"


def test_a_content_leaves_the_files_with_the_last_message_that_has_it(path: Path) -> None:
    with opened(path) as ledger:
        first, _ = begin(ledger, NOTES, PHOTO)
        begin(ledger, NOTES)
        ledger.delete_conversation(first).result()
        assert ledger.purge_deleted().result() == 1
        assert contents(path) == [NOTES.file.digest]
        second = ledger.conversations().result()[0].id
        ledger.delete_conversation(second).result()
        ledger.purge_deleted().result()
        assert ledger.search(asked("marvellous")).result() == []
    for file in path.parent.rglob("*"):
        if file.is_file():
            assert b"unmistakable" not in file.read_bytes(), file
            assert b"marvellous" not in file.read_bytes(), file


def test_a_deleted_branch_brings_its_attachments_back_or_takes_them_along(path: Path, ledger: Ledger) -> None:
    conversation, message = begin(ledger, text="first")
    leaf = ledger.branch(conversation).result()[-1].id
    _, second = begin(ledger, NOTES, conversation_id=conversation, parent_id=leaf)
    gone = ledger.delete_branch(second).result()
    assert [m.id for m in ledger.branch(conversation).result()][:1] == [message]
    ledger.restore_branch(gone, None).result()
    kept = next(m for m in ledger.tree(conversation).result() if m.id == second)
    assert kept.attachments == (NOTES.file,)
    assert contents(path) == [NOTES.file.digest]
    ledger.delete_branch(second).result()
    ledger.purge_deleted().result()
    assert contents(path) == []


def test_a_fork_has_them_too(ledger: Ledger) -> None:
    conversation, _ = begin(ledger, NOTES)
    turn = new_turn()
    messages = tuple(ledger.branch(conversation).result())
    fields = {name: getattr(turn, name) for name in ("title", "privacy", "route", "model", "system", "workload")}
    fork = ledger.fork(
        NewFork(**fields, reasoning=turn.reasoning, effort=None, parameters=Parameters(), messages=messages)
    ).result()
    ledger.delete_conversation(conversation).result()
    ledger.purge_deleted().result()
    assert ledger.branch(fork).result()[0].attachments == (NOTES.file,)
    assert ledger.contents([NOTES.file.digest]).result() == {NOTES.file.digest: WORDS}


def test_what_waits_keeps_its_own(path: Path, ledger: Ledger) -> None:
    conversation, _ = begin(ledger)
    ledger.change_waiting(conversation, [], [NewWaiting("a"), NewWaiting("b", (NOTES,))]).result()
    kept = ledger.conversation(conversation).result()
    assert kept is not None and kept.waiting == ("a", "b")
    assert ledger.waiting_files(conversation).result() == {1: (NOTES.file,)}
    ledger.change_waiting(conversation, ["a"], []).result()
    assert ledger.waiting_files(conversation).result() == {0: (NOTES.file,)}
    assert contents(path) == [NOTES.file.digest]
    ledger.change_waiting(conversation, ["b"], []).result()
    assert contents(path) == []


def test_they_move_with_our_own_json_and_with_another_ledger(path: Path, ledger: Ledger, tmp_path: Path) -> None:
    """What is said of a content is not believed; one that was left out keeps its name."""
    conversation, _ = begin(ledger, NOTES, PHOTO)
    told, stream = ledger.conversation(conversation).result(), io.StringIO()
    assert told is not None
    write_json(told, ledger.tree(conversation).result(), stream, Along({NOTES.file.digest: WORDS}))
    with opened(tmp_path / "one" / "l.db") as other:
        other.import_batch([one for one in own.read(stream.getvalue().encode(), "x", NOW) if _is_chat(one)]).result()
        notes, photo = other.branch(1).result()[0].attachments
        assert (notes, photo.name, photo.media_type) == (NOTES.file, "photo.png", "image/png")
        assert photo.digest != PHOTO.file.digest
        assert other.contents([notes.digest, photo.digest]).result() == {NOTES.file.digest: WORDS}
    with opened(tmp_path / "two" / "l.db") as merged:
        found = [one for one, _ in found_in(path, merged.ledger_uuid().result(), NOW) if _is_chat(one)]
        merged.import_batch(found).result()
        assert merged.branch(1).result()[0].attachments == (NOTES.file, PHOTO.file)
        assert merged.contents([PHOTO.file.digest]).result() == {PHOTO.file.digest: PHOTO.data}


def _is_chat(found: Found) -> TypeGuard[ImportedConversation]:
    return isinstance(found, ImportedConversation)
