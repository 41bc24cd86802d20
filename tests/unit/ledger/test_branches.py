"""A message is deleted with all that follows it, and comes back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hybridchat.domain.chat import Role
from hybridchat.errors import LedgerError, UsageError
from hybridchat.ledger.store import Ledger, TurnIds
from tests.unit.ledger.helpers import MANAGED, asked, end_of, new_turn, opened, whole_turn


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    """In memory."""
    with opened(None) as ledger:
        yield ledger


def follow(ledger: Ledger, before: TurnIds, text: str, answer: str = "an answer") -> TurnIds:
    return whole_turn(ledger, text, answer, conversation_id=before.conversation_id, parent_id=before.reply_message_id)


def beside(ledger: Ledger, one: TurnIds, answer: str) -> TurnIds:
    other = ledger.begin_sibling(one.reply_message_id, MANAGED).result()
    ledger.end_attempt(end_of(other, answer)).result()
    return other


def shown(ledger: Ledger, conversation_id: int) -> list[str]:
    return [message.text for message in ledger.branch(conversation_id).result()]


def everything(ledger: Ledger, conversation_id: int) -> list[str]:
    return [message.text for message in ledger.tree(conversation_id).result()]


def test_what_follows_goes_too_and_a_sibling_is_shown(ledger: Ledger) -> None:
    first = whole_turn(ledger, "one", "first")
    second = beside(ledger, first, "second")
    follow(ledger, second, "more", "and more")
    deleted = ledger.delete_branch(second.reply_message_id).result()
    assert len(deleted.message_ids) == 3
    assert deleted.message_ids[0] == second.reply_message_id
    assert shown(ledger, first.conversation_id) == everything(ledger, first.conversation_id) == ["one", "first"]
    assert ledger.search(asked("more")).result() == []
    assert ledger.with_siblings(first.conversation_id).result() == []
    conversation = ledger.conversation(first.conversation_id).result()
    assert conversation is not None and conversation.message_count == 2


def test_without_a_sibling_what_it_followed_is_shown(ledger: Ledger) -> None:
    first = whole_turn(ledger, "one", "first")
    second = follow(ledger, first, "two", "second")
    ledger.delete_branch(second.reply_message_id).result()
    assert shown(ledger, first.conversation_id) == ["one", "first", "two"]
    again = ledger.begin_sibling(second.user_message_id, MANAGED).result()
    assert again.user_message_id == second.user_message_id
    ledger.end_attempt(end_of(again, "third")).result()
    assert shown(ledger, first.conversation_id) == ["one", "first", "two", "third"]


def test_a_branch_that_is_not_shown_changes_nothing_of_what_is(ledger: Ledger) -> None:
    first = whole_turn(ledger, "one", "first")
    beside(ledger, first, "second")
    deleted = ledger.delete_branch(first.reply_message_id).result()
    assert shown(ledger, first.conversation_id) == ["one", "second"]
    ledger.restore_branch(deleted, None).result()
    assert shown(ledger, first.conversation_id) == ["one", "second"]
    assert everything(ledger, first.conversation_id) == ["one", "first", "second"]


def test_where_nothing_else_is_left_beside_it_what_comes_back_is_shown(ledger: Ledger) -> None:
    first = whole_turn(ledger, "one", "first")
    second = beside(ledger, first, "second")
    follow(ledger, second, "more", "and more")
    deleted = ledger.delete_branch(second.reply_message_id).result()
    ledger.delete_branch(first.reply_message_id).result()
    assert shown(ledger, first.conversation_id) == ["one"]
    assert ledger.restore_branch(deleted, None).result() == first.user_message_id
    assert shown(ledger, first.conversation_id) == ["one", "second", "more", "and more"]


def test_what_another_window_added_below_the_shown_one_comes_back_with_it(ledger: Ledger) -> None:
    first = whole_turn(ledger, "one", "first")
    beside(ledger, first, "second")
    follow(ledger, first, "more", "and more")
    deleted = ledger.delete_branch(first.reply_message_id).result()
    ledger.restore_branch(deleted, first.reply_message_id).result()
    assert shown(ledger, first.conversation_id) == ["one", "first", "more", "and more"]


def test_undo_brings_back_every_row_as_it_was(ledger: Ledger) -> None:
    first = whole_turn(ledger, "one", "first")
    second = follow(ledger, first, "two words", "second")
    rows = ledger.tree(first.conversation_id).result()
    deleted = ledger.delete_branch(second.user_message_id).result()
    assert ledger.tree(first.conversation_id).result() == rows[:2]
    ledger.restore_branch(deleted, second.reply_message_id).result()
    assert ledger.tree(first.conversation_id).result() == rows
    assert shown(ledger, first.conversation_id) == ["one", "first", "two words", "second"]
    assert [hit.message_id for hit in ledger.search(asked("two")).result()] == [second.user_message_id]
    with pytest.raises(LedgerError, match="purged"):
        ledger.restore_branch(deleted, None).result()


def test_what_is_deleted_within_what_is_deleted_comes_back_after_it(ledger: Ledger) -> None:
    first = whole_turn(ledger, "one", "first")
    second = follow(ledger, first, "two", "second")
    third = follow(ledger, second, "three", "third")
    inner = ledger.delete_branch(third.user_message_id).result()
    outer = ledger.delete_branch(second.user_message_id).result()
    with pytest.raises(LedgerError, match="what it followed was deleted"):
        ledger.restore_branch(inner, None).result()
    ledger.restore_branch(outer, None).result()
    ledger.restore_branch(inner, third.reply_message_id).result()
    assert shown(ledger, first.conversation_id) == ["one", "first", "two", "second", "three", "third"]


def test_a_conversation_is_never_left_without_a_message(ledger: Ledger) -> None:
    first = whole_turn(ledger, "one", "first")
    with pytest.raises(UsageError, match="nothing else"):
        ledger.delete_branch(first.user_message_id).result()
    with pytest.raises(UsageError, match="no message 999"):
        ledger.delete_branch(999).result()
    assert shown(ledger, first.conversation_id) == ["one", "first"]


def test_not_while_a_reply_runs_in_it(ledger: Ledger) -> None:
    first = whole_turn(ledger, "one", "first")
    running = ledger.begin_turn(
        new_turn(conversation_id=first.conversation_id, parent_id=first.reply_message_id)
    ).result()
    for message_id in (first.reply_message_id, running.reply_message_id):
        with pytest.raises(UsageError, match="a reply is running in it"):
            ledger.delete_branch(message_id).result()
    ledger.end_attempt(end_of(running)).result()
    ledger.delete_branch(first.reply_message_id).result()
    assert shown(ledger, first.conversation_id) == ["one"]


def test_questions_at_the_beginning_are_beside_each_other(ledger: Ledger) -> None:
    first = whole_turn(ledger, "one", "first")
    other = whole_turn(ledger, "reworded", "second", conversation_id=first.conversation_id)
    whole_turn(ledger, "another conversation")
    found = [m.id for m in ledger.with_siblings(first.conversation_id).result()]
    assert found == [first.user_message_id, other.user_message_id]


def test_the_way_to_a_message_and_all_in_short(ledger: Ledger) -> None:
    first = whole_turn(ledger, "one", "first")
    second = beside(ledger, first, "s" * 500)
    assert [m.text for m in ledger.path_to(first.reply_message_id).result()] == ["one", "first"]
    nodes = ledger.outline(first.conversation_id).result()
    assert [(node.id, node.parent_id, node.role) for node in nodes] == [
        (first.user_message_id, None, Role.USER),
        (first.reply_message_id, first.user_message_id, Role.ASSISTANT),
        (second.reply_message_id, first.user_message_id, Role.ASSISTANT),
    ]
    assert nodes[2].text == "s" * 200
    assert (nodes[2].backend, nodes[2].model) == ("rented", "tiny")


def test_a_title_that_the_user_gave_stays(ledger: Ledger) -> None:
    first = whole_turn(ledger, "one", "first", title="one")
    whole_turn(ledger, "reworded", "second", conversation_id=first.conversation_id)
    deleted = ledger.delete_branch(first.user_message_id).result()
    ledger.restore_branch(deleted, first.reply_message_id).result()
    ledger.update_conversation(first.conversation_id, title="mine").result()
    assert ledger.delete_branch(first.user_message_id).result().title == "mine"
    conversation = ledger.conversation(first.conversation_id).result()
    assert conversation is not None and conversation.title == "mine"
