"""What attempts sent and how they ended: kept by reference, put together again, and gone with the reply."""

from __future__ import annotations

import sqlite3
from base64 import b64encode
from contextlib import closing
from pathlib import Path

import msgspec
from msgspec.structs import replace

from hybridchat.domain.attachments import Attachment
from hybridchat.domain.chat import MessageState, Outcome
from hybridchat.ledger.details import DELETED, LONGEST
from hybridchat.ledger.store import AttemptDetails, Ledger, TurnIds, open_ledger
from tests.unit.ledger.helpers import LOCAL, end_of, new_turn, whole_turn

SYSTEM = "You are terse. " * 10


def chat(ledger: Ledger) -> tuple[TurnIds, TurnIds]:
    """Two turns: what was asked first went along with the second question."""
    first = whole_turn(ledger, "my card is 4111 1111 1111 1111, ok?", "Fine.\n\nWhat else?")
    second = ledger.begin_turn(
        new_turn(text="and then?", conversation_id=first.conversation_id, parent_id=first.reply_message_id)
    ).result()
    return first, second


def body(*texts: str, **more: object) -> bytes:
    messages = [{"role": "user", "content": text} for text in texts]
    return msgspec.json.encode({"model": "m", "messages": messages, "temperature": 0.1, "stream": True, **more})


def sent(ledger: Ledger, ids: TurnIds, content: bytes, **values: str) -> AttemptDetails:
    placeholders = {f"<{name}>": value for name, value in values.items()}
    ledger.keep_request(ids.attempt_id, "/v1/chat", content, placeholders).result()
    return ledger.details(ids.reply_message_id).result()[-1]


def test_it_is_byte_for_byte_what_was_sent_and_nothing_that_was_said_is_kept_twice(ledger: Ledger) -> None:
    _, second = chat(ledger)
    content = body(SYSTEM, "my card is 4111 1111 1111 1111, ok?", "Fine.\n\nWhat else?", "and then?")
    request = sent(ledger, second, content).request
    assert request is not None
    assert (request.path, request.body, request.is_exact) == ("/v1/chat", content.decode(), True)
    kept = rows(ledger, "SELECT request FROM attempt_detail")
    assert "Fine" not in kept[0][0]
    assert "4111" not in kept[0][0]
    assert rows(ledger, "SELECT text FROM request_text") == [(SYSTEM,)]
    assert sent(ledger, second, content).request == request, "the last one of several"
    assert len(rows(ledger, "SELECT text FROM request_text")) == 1


def test_messages_that_were_joined(ledger: Ledger) -> None:
    _, second = chat(ledger)
    content = body("my card is 4111 1111 1111 1111, ok?\n\nFine.\n\nWhat else?\n\nand then?")
    request = sent(ledger, second, content).request
    assert request is not None and request.is_exact
    assert "card" not in rows(ledger, "SELECT request FROM attempt_detail")[0][0]


def test_what_was_masked_stays_masked_and_its_value_is_kept_nowhere_else(ledger: Ledger) -> None:
    _, second = chat(ledger)
    content = body("my card is <CARD_1>, ok?\n\nFine.\n\nWhat else?", "and then?")
    request = sent(ledger, second, content, CARD_1="4111 1111 1111 1111").request
    assert request is not None and request.is_exact
    assert "<CARD_1>" in request.body
    assert "4111" not in request.body
    assert "4111" not in rows(ledger, "SELECT request FROM attempt_detail")[0][0]


def test_what_is_too_long_or_no_json(ledger: Ledger) -> None:
    first, second = chat(ledger)
    request = sent(ledger, second, body("and then?", "x" * (LONGEST + 1))).request
    assert request is not None and not request.is_exact
    assert f"({LONGEST + 1:,} characters that are not kept here)" in request.body
    assert sent(ledger, first, b"no json").request is None


def test_all_attempts_of_a_reply_with_how_each_ended(ledger: Ledger) -> None:
    ids = ledger.begin_turn(new_turn(text="q")).result()
    failed = end_of(ids, text="", outcome=Outcome.ERROR, state=MessageState.FAILED, note="was overloaded")
    ledger.end_attempt(failed).result()
    again = ledger.begin_attempt(ids.reply_message_id, replace(LOCAL, attempt_no=2)).result()
    ledger.end_attempt(end_of(again, text="done", queue_ms=3.0, prompt_ms=5.5)).result()
    one, two = ledger.details(ids.reply_message_id).result()
    assert (one.attempt.outcome, one.note, one.request) == (Outcome.ERROR, "was overloaded", None)
    assert (two.attempt.attempt_no, two.attempt.queue_ms, two.attempt.prompt_ms, two.note) == (2, 3.0, 5.5, "")
    assert ledger.details(12345).result() == ()


def test_it_goes_with_the_conversation(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path / "a.db")
    first, second = chat(ledger)
    sent(ledger, second, body(SYSTEM, "and then?"))
    ledger.delete_conversation(first.conversation_id).result()
    ledger.purge_deleted().result()
    ledger.close()
    assert SYSTEM[:40].encode() not in b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_it_goes_with_a_deleted_branch_once_that_cannot_come_back(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path / "a.db")
    first, second = chat(ledger)
    sent(ledger, first, body(SYSTEM, "first"))
    sent(ledger, second, body(SYSTEM, "and then?"))
    ledger.end_attempt(end_of(second, text="That.")).result()
    deleted = ledger.delete_branch(second.user_message_id).result()
    ledger.restore_branch(deleted, second.reply_message_id).result()
    request = ledger.details(second.reply_message_id).result()[0].request
    assert request is not None and request.is_exact
    ledger.delete_branch(second.user_message_id).result()
    ledger.purge_deleted().result()
    assert len(rows(ledger, "SELECT 1 FROM attempt_detail")) == 1
    request = ledger.details(first.reply_message_id).result()[0].request
    assert request is not None and request.is_exact, "what another branch sent is still there"
    ledger.close()


def test_a_picture_is_in_the_ledger_once(ledger: Ledger) -> None:
    photo = Attachment("photo.png", "image/png", b"\x89PNG\r\n\x1a\n" * 9_000)
    ids = ledger.begin_turn(new_turn("see there", attachments=(photo,))).result()
    encoded = b64encode(photo.data).decode()
    for written in (f"data:image/png;base64,{encoded}", encoded):
        content = body("see there", more={"url": written})
        request = sent(ledger, ids, content).request
        assert request is not None and request.is_exact
        assert request.body == content.decode()
        assert len(rows(ledger, "SELECT request FROM attempt_detail")[0][0]) < 400
    assert rows(ledger, "SELECT text FROM request_text") == []


def test_what_was_deleted_meanwhile_is_told(ledger: Ledger) -> None:
    _, second = chat(ledger)
    sent(ledger, second, body(SYSTEM, "and then?"))
    ledger._write(lambda db: db.execute("DELETE FROM request_text")).result()
    request = ledger.details(second.reply_message_id).result()[0].request
    assert request is not None and not request.is_exact
    assert DELETED in request.body


def rows(ledger: Ledger, query: str) -> list[tuple[str, ...]]:
    def read(db: sqlite3.Connection) -> list[tuple[str, ...]]:
        with closing(db.execute(query)) as cursor:
            return cursor.fetchall()

    return ledger._read(read).result()
