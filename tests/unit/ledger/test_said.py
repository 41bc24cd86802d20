"""What the user has sent, as it is found again."""

from __future__ import annotations

from hybridchat.domain.chat import Privacy
from hybridchat.ledger.said import FIRST_CHARACTERS
from hybridchat.ledger.store import Ledger
from tests.unit.ledger.helpers import whole_turn


def test_newest_first_each_once_and_none_that_is_deleted(ledger: Ledger) -> None:
    long = "x" * FIRST_CHARACTERS
    for text in ("one", "gone", "two", "one", f"{long}a", f"{long}ab"):
        last = whole_turn(ledger, text, privacy=Privacy.PRIVATE)
        if text == "gone":
            ledger.delete_conversation(last.conversation_id).result()
    said = ledger.said(10).result()
    assert [one.text for one in said] == [long, long, "one", "two"]
    assert {one.privacy for one in said} == {Privacy.PRIVATE}
    assert ledger.text_of(said[0].message_id).result() == f"{long}ab"
    assert len(ledger.said(2).result()) == 2
    assert ledger.text_of(999).result() == ""
