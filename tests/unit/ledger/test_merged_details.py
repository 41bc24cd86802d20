"""What another ledger's attempts sent comes along with their replies, byte for byte, and nothing else does."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from hybridchat.domain.attachments import Attachment
from hybridchat.domain.imports import Unread
from hybridchat.ledger import merged_details, merging
from hybridchat.ledger.details import DELETED
from hybridchat.ledger.imports import Added
from hybridchat.ledger.store import AttemptDetails, Ledger, SentRequest, TurnIds
from tests.unit.ledger.helpers import end_of, new_turn, opened, query, whole_turn
from tests.unit.ledger.test_details import SYSTEM, body, sent

NOW = "2026-11-21T08:00:00.000Z"
CARD = "4111 1111 1111 1111"


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Ledger]:
    with opened(tmp_path / "there" / "hybridchat.db") as ledger:
        yield ledger


def merge(there: Ledger, here: Ledger) -> Added:
    path = there._file.path
    assert path is not None
    uuid = here.ledger_uuid().result()
    batch = [one for one, _ in merging.found_in(path, uuid, NOW) if not isinstance(one, Unread)]
    return here.import_batch(batch).result()


def two_turns(ledger: Ledger) -> tuple[TurnIds, TurnIds]:
    first = whole_turn(ledger, f"my card is {CARD}, ok?", "Fine.")
    second = ledger.begin_turn(
        new_turn(text="and then?", conversation_id=first.conversation_id, parent_id=first.reply_message_id)
    ).result()
    ledger.end_attempt(end_of(second, note="it was slow")).result()
    return first, second


def came(ledger: Ledger, at: int = -1) -> AttemptDetails:
    """The details of a reply of the last conversation that came."""
    conversation = max(one.id for one in ledger.conversations().result())
    return ledger.details(ledger.branch(conversation).result()[at].id).result()[-1]


def request_of(details: AttemptDetails) -> SentRequest:
    assert details.request is not None
    return details.request


def test_it_is_what_was_sent_there_byte_for_byte_and_comes_once(there: Ledger, ledger: Ledger, path: Path) -> None:
    whole_turn(ledger, "numbers here are others")
    first, second = two_turns(there)
    sent(there, first, body(SYSTEM, f"my card is {CARD}, ok?"))
    content = body(SYSTEM, "my card is <CARD_1>, ok?", "Fine.", "and then?")
    sent(there, second, content, CARD_1=CARD)
    assert merge(there, ledger).attempts == 2
    assert request_of(came(ledger)) == SentRequest("/v1/chat", content.decode(), is_exact=True)
    assert request_of(came(ledger, 1)).is_exact
    assert came(ledger).note == "it was slow"
    merge(there, ledger)
    assert query(path, "SELECT text FROM request_text") == [(SYSTEM,)]
    kept = "".join(row[0] for row in query(path, "SELECT request FROM attempt_detail WHERE request IS NOT NULL"))
    assert CARD not in kept and "Fine" not in kept


def test_it_comes_to_attempts_that_came_without_it(there: Ledger, ledger: Ledger, path: Path) -> None:
    _, second = two_turns(there)
    sent(there, second, body("and then?"))
    merge(there, ledger)
    ledger._write(lambda db: db.execute("DELETE FROM attempt_detail")).result()
    assert merge(there, ledger).attempts == 0
    assert request_of(came(ledger)).is_exact


def test_attached_files_are_in_it_where_they_came_along(there: Ledger, ledger: Ledger) -> None:
    photo = Attachment("photo.png", "image/png", b"\x89PNG\r\n\x1a\n" * 900)
    ids = there.begin_turn(new_turn("see there", attachments=(photo,))).result()
    content = body("see there", more={"url": f"data:image/png;base64,{b64encode(photo.data).decode()}"})
    sent(there, ids, content)
    there.end_attempt(end_of(ids)).result()
    merge(there, ledger)
    assert request_of(came(ledger)).body == content.decode()


def test_it_goes_with_its_reply(there: Ledger, ledger: Ledger, path: Path) -> None:
    _, second = two_turns(there)
    sent(there, second, body(SYSTEM, "and then?"))
    merge(there, ledger)
    (conversation,) = ledger.conversations().result()
    ledger.delete_conversation(conversation.id).result()
    ledger.purge_deleted().result()
    for table in ("attempt_detail", "request_text"):
        assert query(path, f"SELECT count(*) FROM {table}") == [(0,)]
    assert query(path, "SELECT count(*) FROM usage") == [(2,)]


def test_of_a_branch_that_was_deleted_there_the_numbers_alone_come(there: Ledger, ledger: Ledger, path: Path) -> None:
    first, second = two_turns(there)
    sent(there, second, body(SYSTEM, "and then?"))
    sent(there, first, body("Fine."))
    there.delete_branch(second.user_message_id).result()
    assert merge(there, ledger) == Added(new=1, messages=2, attempts=2)
    assert query(path, "SELECT count(*) FROM attempt_detail") == [(1,)]
    assert query(path, "SELECT count(*) FROM request_text") == [(0,)]


def test_what_is_gone_there_is_told_to_be_gone(there: Ledger, ledger: Ledger) -> None:
    _, second = two_turns(there)
    sent(there, second, body(SYSTEM, "and then?"))
    there._write(lambda db: db.execute("DELETE FROM request_text")).result()
    merge(there, ledger)
    request = request_of(came(ledger))
    assert DELETED in request.body and not request.is_exact


ROW = {"$": {"message": 0}}
HOSTILE: tuple[object, ...] = (
    "no json",
    "[" * 5000 + "]" * 5000,
    {"$rows": [[ROW], [7, 1]]},
    {"$rows": [[ROW], [0]]},
    {"$rows": [[{"$rows": [[ROW], [0, 1]]}], [0, 1]]},
    {"$rows": [["x" * 1000], [0, None] * 1000]},
    {"$rows": [["x"], 3]},
    {"$": {"message": 1, "masked": "all of it"}},
    {"a": [{"$": {"text": 1}}] * 3000},
    {"$rows": [[7], ["a", "b"]]},
)
STRANGERS: tuple[dict[str, object], ...] = (
    {"message": 1},
    {"thinking": 1},
    {"attached": "DIGEST", "before": ""},
    {"text": 99},
    {"message": "1"},
    {"new": 1},
)


def rewrite(there: Ledger, ledger: Ledger, written: str) -> None:
    """Every request there is this by now, and none is here yet."""
    there._write(lambda db: db.execute("UPDATE attempt_detail SET request = ?", (written,))).result()
    ledger._write(lambda db: db.execute("DELETE FROM attempt_detail")).result()


def test_a_request_of_another_shape_is_left_out(there: Ledger, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merged_details, "LARGEST", 100_000)
    _, second = two_turns(there)
    sent(there, second, body(SYSTEM, "and then?"))
    for hostile in HOSTILE:
        rewrite(there, ledger, hostile if isinstance(hostile, str) else json.dumps(hostile))
        merge(there, ledger)
        assert (came(ledger).note, came(ledger).request) == ("it was slow", None), hostile


def test_no_reference_leads_to_what_did_not_come_along(there: Ledger, ledger: Ledger) -> None:
    notes = Attachment("notes.txt", "text/plain", b"mine alone")
    mine = ledger.begin_turn(new_turn("mine alone", attachments=(notes,))).result()
    ledger.end_attempt(end_of(mine, text="mine alone")).result()
    whole_turn(there, "deleted")
    there.delete_conversation(1).result()
    _, second = two_turns(there)
    sent(there, second, body("and then?"))
    for stranger in STRANGERS:
        reference = json.loads(json.dumps(stranger).replace("DIGEST", notes.file.digest))
        rewrite(there, ledger, json.dumps({"$rows": [[{"$": reference}], [0, None] * 5]}))
        merge(there, ledger)
        assert json.loads(request_of(came(ledger)).body) == [DELETED] * 5, stranger
