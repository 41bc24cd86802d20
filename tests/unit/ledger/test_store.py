"""Turns, replies and lists as the session writes and reads them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hybridchat.domain.chat import CostBasis, MessageState, Outcome, Reasoning, Role
from hybridchat.errors import LedgerError
from hybridchat.ledger.connect import SCHEMA_VERSION
from hybridchat.ledger.reads import USAGE_COLUMNS
from hybridchat.ledger.store import AttemptCost, Ledger
from tests.unit.ledger.helpers import LOCAL, asked, end_of, new_turn, opened, query, whole_turn


def test_a_turn_is_on_disk_before_anything_is_sent(ledger: Ledger, path: Path) -> None:
    ids = ledger.begin_turn(new_turn("what is a ledger?", system="be brief")).result()
    assert query(path, "SELECT role, text, state FROM message") == [
        ("user", "what is a ledger?", "complete"),
        ("assistant", "", "streaming"),
    ]
    conversation = ledger.conversation(ids.conversation_id).result()
    assert conversation is not None
    assert (conversation.title, conversation.system, conversation.message_count) == ("what is a ledger?", "be brief", 2)
    assert (conversation.decided_backend, conversation.active_leaf_id) == ("lab", ids.reply_message_id)


def test_a_reply_grows_and_ends_with_its_attempt(ledger: Ledger) -> None:
    ids = ledger.begin_turn(new_turn()).result()
    ledger.flush_reply(ids.reply_message_id, "half", "hm").result()
    (_, reply) = ledger.branch(ids.conversation_id).result()
    assert (reply.text, reply.thinking, reply.state) == ("half", "hm", MessageState.STREAMING)
    assert reply.attempt is not None
    assert reply.attempt.outcome is None

    ledger.end_attempt(end_of(ids, "whole", thinking="hm, yes", thinking_ms=5.0, note="n", model="tiny-v2")).result()
    ledger.set_cost(AttemptCost(attempt_id=ids.attempt_id, usd="0.00012", basis=CostBasis.PRICED, detail="p")).result()
    (user, reply) = ledger.branch(ids.conversation_id).result()
    assert (user.role, user.attempt, reply.parent_id) == (Role.USER, None, user.id)
    assert (reply.text, reply.thinking, reply.state, reply.note) == ("whole", "hm, yes", MessageState.COMPLETE, "n")
    assert reply.attempt is not None
    assert (reply.attempt.outcome, reply.attempt.model, reply.attempt.cost_usd) == (Outcome.OK, "tiny-v2", 0.00012)


def test_what_comes_after_the_end_changes_nothing(ledger: Ledger) -> None:
    ids = whole_turn(ledger, answer="final")
    ledger.flush_reply(ids.reply_message_id, "late", "").result()
    ledger.end_attempt(end_of(ids, "later", outcome=Outcome.ERROR)).result()
    for usd in ("0.5", "0.7"):
        ledger.set_cost(AttemptCost(attempt_id=ids.attempt_id, usd=usd, basis=CostBasis.PRICED, detail="")).result()
    reply = ledger.branch(ids.conversation_id).result()[-1]
    assert reply.text == "final"
    assert reply.attempt is not None
    assert (reply.attempt.outcome, reply.attempt.cost_usd) == (Outcome.OK, 0.5)


def test_cost_is_exact_in_the_table(ledger: Ledger, path: Path) -> None:
    ids = whole_turn(ledger)
    exact = "0.100000000000000000000001"
    ledger.set_cost(AttemptCost(attempt_id=ids.attempt_id, usd=exact, basis=CostBasis.PRICED, detail="genai")).result()
    assert query(path, "SELECT cost_usd, cost_detail FROM attempt") == [(exact, "genai")]
    assert query(path, "SELECT cost_usd, typeof(cost_usd) FROM usage") == [(0.1, "real")]


def test_a_further_attempt_belongs_to_the_same_reply(ledger: Ledger) -> None:
    ids = ledger.begin_turn(new_turn()).result()
    ledger.end_attempt(end_of(ids, "", outcome=Outcome.ERROR, state=MessageState.FAILED, error_kind="reset")).result()
    second = ledger.begin_attempt(ids.reply_message_id, LOCAL).result().attempt_id
    (_, reply) = ledger.branch(ids.conversation_id).result()
    assert reply.state is MessageState.STREAMING
    assert reply.attempt is not None
    assert reply.attempt.attempt_id == second
    ledger.end_attempt(end_of(ids, "now", attempt_id=second)).result()
    outcome = USAGE_COLUMNS.index("outcome")
    assert [row[outcome] for row in ledger.usage_rows()] == ["error", "ok"]


def test_lone_surrogates_are_stored_readably(ledger: Ledger) -> None:
    ids = whole_turn(ledger, "pair \ud83d\ude00 lone \ud83d", "nul \x00 here")
    user, reply = ledger.branch(ids.conversation_id).result()
    assert (user.text, reply.text) == ("pair 😀 lone \ufffd", "nul \x00 here")


def test_lists_are_newest_activity_first_and_paged(ledger: Ledger) -> None:
    first, second, third = (whole_turn(ledger, text).conversation_id for text in ("one", "two", "three"))
    leaf = ledger.branch(first).result()[-1].id
    whole_turn(ledger, "again", conversation_id=first, parent_id=leaf)
    assert [c.id for c in ledger.conversations().result()] == [first, third, second]
    assert [c.id for c in ledger.conversations(2).result()] == [first, third]
    assert [c.id for c in ledger.conversations(2, before_id=third).result()] == [second]
    latest = ledger.latest_conversation().result()
    assert latest is not None
    assert (latest.id, latest.message_count) == (first, 4)


def test_conversation_fields_change_by_name(ledger: Ledger) -> None:
    ids = whole_turn(ledger)
    ledger.update_conversation(ids.conversation_id, title="renamed", reasoning=Reasoning.HIGH).result()
    conversation = ledger.conversation(ids.conversation_id).result()
    assert conversation is not None
    assert (conversation.title, conversation.reasoning) == ("renamed", Reasoning.HIGH)
    with pytest.raises(TypeError, match="created_at"):
        ledger.update_conversation(ids.conversation_id, created_at="x")
    with pytest.raises(LedgerError, match="no conversation 99"):
        ledger.update_conversation(99, title="x").result()


def test_reading_back_after_a_restart(path: Path) -> None:
    with opened(path) as ledger:
        ids = whole_turn(ledger, "remember me", "I will")
    with opened(path) as ledger:
        assert [m.text for m in ledger.branch(ids.conversation_id).result()] == ["remember me", "I will"]
    assert query(path, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
    assert query(path, "SELECT count(*) FROM process") == [(0,)]


def test_memory_mode_is_a_whole_ledger(home: Path) -> None:
    with opened(None) as ledger:
        ids = whole_turn(ledger, "only here")
        assert (ledger.status.mode, ledger.path) == ("memory", None)
        assert len(ledger.branch(ids.conversation_id).result()) == 2
        assert ledger.search(asked("only")).result()
        ledger.delete_conversation(ids.conversation_id).result()
        assert ledger.purge_deleted().result() == 1
    assert not home.exists()


def test_after_close_futures_say_so(path: Path) -> None:
    with opened(path) as ledger:
        pass
    with pytest.raises(LedgerError, match="closed"):
        ledger.conversations().result()
    ledger.close()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(choices=st.lists(st.integers(0, 30), min_size=1, max_size=12), leaf=st.integers(0, 30))
def test_a_branch_is_the_way_from_the_root_to_its_leaf(choices: list[int], leaf: int) -> None:
    """Whatever message each turn answers, every leaf is reached by its own ancestors, and the tree holds them all."""
    with opened(None) as ledger:
        parents: dict[int, int | None] = {}
        conversation_id = None
        for choice in choices:
            replies = sorted(i for i in parents if i % 2 == 0)
            parent = replies[choice % len(replies)] if replies else None
            ids = ledger.begin_turn(new_turn(conversation_id=conversation_id, parent_id=parent)).result()
            conversation_id = ids.conversation_id
            parents |= {ids.user_message_id: parent, ids.reply_message_id: ids.user_message_id}
        assert conversation_id is not None
        chosen = sorted(parents)[leaf % len(parents)]
        ledger.update_conversation(conversation_id, active_leaf_id=chosen).result()
        expected, at = [], chosen
        while at is not None:
            expected, at = [at, *expected], parents[at]
        assert [m.id for m in ledger.branch(conversation_id).result()] == expected
        assert {m.id: m.parent_id for m in ledger.tree(conversation_id).result()} == parents
