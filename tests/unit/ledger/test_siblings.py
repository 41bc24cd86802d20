"""Several answers to one question, and further attempts at one answer."""

from __future__ import annotations

import pytest

from hybridchat.domain.chat import MessageState, Outcome, Privacy
from hybridchat.errors import LedgerError, Refused
from hybridchat.ledger.store import Ledger
from tests.unit.ledger.helpers import LOCAL, MANAGED, end_of, new_turn, whole_turn


def test_a_sibling_answers_the_same_question_and_is_shown(ledger: Ledger) -> None:
    first = whole_turn(ledger, "one")
    second = ledger.begin_sibling(first.reply_message_id, MANAGED).result()
    assert second.user_message_id == first.user_message_id
    assert second.reply_message_id != first.reply_message_id
    ledger.end_attempt(end_of(second, "other")).result()
    branch = ledger.branch(first.conversation_id).result()
    assert [m.id for m in branch] == [first.user_message_id, second.reply_message_id]
    for one in (first, second):
        both = ledger.siblings(one.reply_message_id).result()
        assert [m.id for m in both] == [first.reply_message_id, second.reply_message_id]
        assert [m.attempt.backend for m in both if m.attempt] == [LOCAL.backend, MANAGED.backend]
    assert [m.id for m in ledger.siblings(first.user_message_id).result()] == [first.user_message_id]


def test_what_has_siblings_are_answers_and_questions_alike(ledger: Ledger) -> None:
    first = whole_turn(ledger, "one")
    assert ledger.with_siblings(first.conversation_id).result() == []
    more = new_turn(conversation_id=first.conversation_id, parent_id=first.reply_message_id)
    here, there = (ledger.begin_turn(more).result() for _ in range(2))  # from two windows
    again = ledger.begin_sibling(there.reply_message_id, MANAGED).result()
    whole_turn(ledger, "another conversation")
    assert [m.id for m in ledger.with_siblings(first.conversation_id).result()] == [
        *(here.user_message_id, there.user_message_id),
        *(there.reply_message_id, again.reply_message_id),
    ]


def test_what_follows_a_message_is_of_its_own_branch_and_conversation(ledger: Ledger) -> None:
    first = whole_turn(ledger, "one")
    second = ledger.begin_sibling(first.reply_message_id, MANAGED).result()
    ledger.end_attempt(end_of(second)).result()
    chat_id = first.conversation_id
    more = ledger.begin_turn(new_turn(conversation_id=chat_id, parent_id=first.reply_message_id)).result()
    after_first = [first.reply_message_id, more.user_message_id, more.reply_message_id]
    assert ledger.below(chat_id, first.reply_message_id).result() == after_first
    assert ledger.below(chat_id, second.reply_message_id).result() == [second.reply_message_id]
    assert set(ledger.below(chat_id, first.user_message_id).result()) == {
        *after_first,
        first.user_message_id,
        second.reply_message_id,
    }
    assert ledger.below(chat_id + 1, first.reply_message_id).result() == []


@pytest.mark.parametrize("begin", ["begin_sibling", "begin_attempt"])
def test_a_pin_of_another_window_or_a_deletion_holds(ledger: Ledger, begin: str) -> None:
    first = whole_turn(ledger, "one")
    ledger.update_conversation(first.conversation_id, privacy=Privacy.LOCAL_ONLY).result()
    with pytest.raises(Refused, match="pinned"):
        getattr(ledger, begin)(first.reply_message_id, MANAGED).result()
    ledger.delete_conversation(first.conversation_id).result()
    with pytest.raises(LedgerError, match="deleted"):
        getattr(ledger, begin)(first.reply_message_id, LOCAL).result()
    assert len(list(ledger.usage_rows())) == 1


def test_the_next_turn_does_not_loosen_what_another_window_pinned(ledger: Ledger) -> None:
    first = whole_turn(ledger, "one")
    ledger.update_conversation(first.conversation_id, privacy=Privacy.LOCAL_ONLY).result()
    more = new_turn(conversation_id=first.conversation_id, parent_id=first.reply_message_id)
    with pytest.raises(Refused, match="pinned"):
        ledger.begin_turn(more).result()
    assert len(ledger.branch(first.conversation_id).result()) == 2


def test_a_reply_whose_next_attempt_does_not_come_says_why(ledger: Ledger) -> None:
    ids = ledger.begin_turn(new_turn()).result()
    ledger.end_attempt(end_of(ids, "", outcome=Outcome.ERROR, state=MessageState.FAILED, note="busy")).result()
    ledger.end_reply(ids.reply_message_id, MessageState.STOPPED, "busy; stopped").result()
    reply = ledger.branch(ids.conversation_id).result()[-1]
    assert (reply.state, reply.note) == (MessageState.STOPPED, "busy; stopped")
    assert reply.attempt is not None and reply.attempt.outcome is Outcome.ERROR
