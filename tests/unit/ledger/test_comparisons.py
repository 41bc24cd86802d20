"""Comparisons and votes in the ledger: what one vote says of each pair, and what outlives a conversation."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from hybridchat.domain.chat import Zone
from hybridchat.domain.compare import Compared, ComparedSide, Judgement, Vote, pairs_of
from hybridchat.domain.imports import ImportedConversation, Unread
from hybridchat.errors import UsageError
from hybridchat.export.conversation import Along, write_json
from hybridchat.importing import own
from hybridchat.ledger.comparisons import NOT_ASKED, Asked, ComparisonIds, NewComparison, NewSide
from hybridchat.ledger.imports import Added
from hybridchat.ledger.merging import found_in
from hybridchat.ledger.store import Ledger
from tests.unit.ledger.helpers import LOCAL, MANAGED, end_of, new_turn, opened, query, start_python

NOW = "2026-01-01T00:00:00.000Z"
THIRD = replace(MANAGED, backend="other", model="huge")


def begin(ledger: Ledger, *attempts: object, **changes: object) -> ComparisonIds:
    sides = tuple(NewSide(attempt) for attempt in attempts or (LOCAL, MANAGED, THIRD))  # type: ignore[arg-type]
    new = NewComparison(sides=sides, turn=new_turn(), workload="code")
    return ledger.begin_comparison(replace(new, **changes)).result()


def end_all(ledger: Ledger, ids: ComparisonIds) -> None:
    for side in ids.sides:
        if side.turn is not None:
            ledger.end_attempt(end_of(side.turn)).result()


VOTES = "SELECT a_backend, b_backend, outcome, was_blind, sides, workload FROM votes"


def test_a_winner_beat_each_of_the_others_and_a_tie_holds_of_all_pairs(path: Path) -> None:
    with opened(path) as ledger:
        ids = begin(ledger, is_hidden=True)
        end_all(ledger, ids)
        number = ids.comparison_id
        assert ledger.vote(number, Judgement.BETTER, 1).result().was_blind
        assert query(path, VOTES) == [("lab", "rented", "b", 1, 3, "code"), ("rented", "other", "a", 1, 3, "code")]
        ledger.vote(number, Judgement.BOTH_BAD, None).result()
        pairs = [("lab", "rented"), ("lab", "other"), ("rented", "other")]
        assert query(path, VOTES) == [(*pair, "both_bad", 0, 3, "code") for pair in pairs]
        ledger.take_back_vote(number).result()
        assert query(path, VOTES) == []


@pytest.mark.parametrize("judgement", Judgement)
@pytest.mark.parametrize("count", [2, 3, 4])
def test_the_view_says_what_the_rule_says(path: Path, judgement: Judgement, count: int) -> None:
    with opened(path) as ledger:
        ids = begin(ledger, *(replace(MANAGED, backend=name) for name in "wxyz"[:count]))
        winner = 1 if judgement is Judgement.BETTER else None
        ledger.vote(ids.comparison_id, judgement, winner).result()
        (compared,) = ledger.voted().result()
        said = [(pair.a.backend, pair.b.backend, pair.outcome) for pair in pairs_of(compared)]
        assert said == query(path, "SELECT a_backend, b_backend, outcome FROM votes ORDER BY a_position, b_position")
        assert len(said) == (count - 1 if winner else count * (count - 1) // 2)


def test_votes_outlive_their_conversation_without_a_word_of_it(path: Path) -> None:
    with opened(path) as ledger:
        ids = begin(ledger, turn=new_turn("unmistakable words"), run="abc/3")
        end_all(ledger, ids)
        ledger.vote(ids.comparison_id, Judgement.BETTER, 0).result()
        ledger.delete_conversation(ids.conversation_id).result()
        assert ledger.compared_in_run("abc").result() == {}
        assert ledger.purge_deleted().result() == 1
        assert len(query(path, VOTES)) == 2
        assert query(path, "SELECT count(*), count(attempt_id) FROM comparisons") == [(3, 3)]
    assert b"unmistakable" not in path.read_bytes()


def test_a_killed_process_leaves_every_side_marked(path: Path) -> None:
    code = """
import sys
from pathlib import Path
from tests.unit.ledger.helpers import LOCAL, MANAGED, new_turn, open_ledger
from hybridchat.ledger.comparisons import NewComparison, NewSide
ledger = open_ledger(Path(sys.argv[1]))
sides = (NewSide(LOCAL), NewSide(MANAGED), NewSide(LOCAL, waits=True))
ids = ledger.begin_comparison(NewComparison(sides=sides, turn=new_turn("kept"))).result()
ledger.flush_reply(ids.sides[1].message_id, "so far", "").result()
print("ready", flush=True)
sys.stdin.read()
"""
    process = start_python(code, path)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    process.kill()
    process.communicate()
    with opened(path) as ledger:
        replies = [m for m in ledger.tree(1).result() if m.role == "assistant"]
        found = [(m.state, m.text, m.note) for m in replies]
        assert found == [("interrupted", "", ""), ("interrupted", "so far", ""), ("interrupted", "", NOT_ASKED)]
        assert [m.attempt.outcome if m.attempt else None for m in replies] == ["interrupted", "interrupted", None]
        (compared,) = ledger.comparisons(1).result()
        assert [side.message_id for side in compared.sides] == [m.id for m in replies]


def test_a_side_that_is_asked_again_takes_its_place(path: Path) -> None:
    with opened(path) as ledger:
        ids = begin(ledger, LOCAL, MANAGED)
        end_all(ledger, ids)
        first = ids.sides[0].message_id
        (again,) = ledger.ask_again(ids.comparison_id, (Asked(0, first, True, True),), (LOCAL,)).result()
        assert again.message_id != first
        (compared,) = ledger.comparisons(ids.conversation_id).result()
        assert [(s.message_id, s.was_shared) for s in compared.sides] == [
            (again.message_id, True),
            (ids.sides[1].message_id, False),
        ]
        assert ledger.branch(ids.conversation_id).result()[-1].id == again.message_id, "it stood in the chat"


def test_one_prompt_of_a_run_is_asked_once(path: Path) -> None:
    with opened(path) as ledger:
        begin(ledger, run="abc/0")
        begin(ledger, run="abc/12")
        begin(ledger, run="abcd/1")
        with pytest.raises(UsageError, match="another hybridchat is at this run"):
            begin(ledger, run="abc/0")
        assert sorted(ledger.compared_in_run("abc").result()) == [0, 12]
        assert len(ledger.conversations().result()) == 3


def test_who_stood_side_by_side_last_is_remembered(path: Path) -> None:
    with opened(path) as ledger:
        assert ledger.newest_sides().result() == ()
        begin(ledger)
        begin(ledger, MANAGED, LOCAL)
        assert [side.backend for side in ledger.newest_sides().result()] == ["rented", "lab"]


def test_the_order_of_a_blind_one_is_not_told_before_the_vote(path: Path) -> None:
    with opened(path) as ledger:
        named, blind = begin(ledger), begin(ledger, MANAGED, LOCAL, is_hidden=True)
        assert ledger.hidden(named.conversation_id).result() == frozenset()
        assert [side.backend for side in ledger.newest_sides().result()] == ["lab", "rented"]
        assert ledger.hidden(blind.conversation_id).result() == {side.message_id for side in blind.sides}
        ledger.vote(blind.comparison_id, Judgement.TIE, None).result()
        assert ledger.hidden(blind.conversation_id).result() == frozenset()
        assert [side.backend for side in ledger.newest_sides().result()] == ["rented", "lab"]


def test_nothing_is_said_of_what_was_not_voted_on() -> None:
    sides = tuple(ComparedSide(at, at, name, "m", Zone.MANAGED) for at, name in enumerate("ab"))
    compared = Compared(id=1, conversation_id=1, question_id=1, started_at="", sides=sides)
    assert list(pairs_of(compared)) == []
    assert [p.outcome for p in pairs_of(replace(compared, vote=Vote(Judgement.TIE)))] == ["tie"]
    assert sides[1].letter == "B"


def test_they_come_along_with_another_ledger_once_also_where_the_words_are_gone(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "hybridchat.db"
    other.parent.mkdir()
    with opened(other) as theirs:
        for count in (2, 3):
            ids = begin(theirs, *(LOCAL, MANAGED, THIRD)[:count], is_hidden=True)
            end_all(theirs, ids)
            theirs.vote(ids.comparison_id, Judgement.BETTER, 1).result()
        theirs.delete_conversation(ids.conversation_id).result()
        theirs.purge_deleted().result()
        expected = query(other, VOTES)
    with opened(path) as ledger:
        begin(ledger)
        uuid = ledger.ledger_uuid().result()
        for _ in range(2):
            batch = [found for found, _ in found_in(other, uuid, NOW)]
            assert not any(isinstance(one, Unread) for one in batch)
            ledger.import_batch(batch).result()  # type: ignore[arg-type]
        assert query(path, VOTES) == expected and len(expected) == 3
        known = query(path, "SELECT a_attempt_id IS NULL, conversation_id FROM votes ORDER BY comparison_id")
        assert known == [(0, 2), (1, None), (1, None)]
        (compared,) = ledger.comparisons(2).result()
        branch = [message.id for message in ledger.branch(2).result()]
        assert compared.question_id == branch[0] and compared.side_of(branch[1]) is not None


def test_a_vote_that_was_cast_there_later_comes_with_the_next_time(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "hybridchat.db"
    with opened(other) as theirs, opened(path) as ledger:
        ids = begin(theirs, is_hidden=True)
        end_all(theirs, ids)
        uuid = ledger.ledger_uuid().result()

        def merge() -> Added:
            batch = [found for found, _ in found_in(other, uuid, NOW)]
            return ledger.import_batch(batch).result()  # type: ignore[arg-type]

        assert merge().votes == 0 and ledger.comparisons(1).result()[0].is_hidden
        theirs.vote(ids.comparison_id, Judgement.BETTER, 1).result()
        assert [merge().votes, merge().votes] == [1, 0]
        (compared,) = ledger.comparisons(1).result()
        assert not compared.is_hidden and compared.vote is not None and compared.vote.was_blind
        ledger.vote(compared.id, Judgement.TIE, None).result()
        merge()
        (compared,) = ledger.comparisons(1).result()
        assert compared.vote is not None and compared.vote.judgement is Judgement.TIE, "mine stays"


# --- with our own JSON


def exported(ledger: Ledger, number: int, *, tree: bool = True) -> bytes:
    told, stream = ledger.conversation(number).result(), io.StringIO()
    assert told is not None
    messages = (ledger.tree if tree else ledger.branch)(number).result()
    write_json(told, messages, stream, Along(comparisons=ledger.comparisons(number).result()))
    return stream.getvalue().encode()


def bring(ledger: Ledger, entry: bytes) -> Added:
    """Whatever could be read of it."""
    batch = [one for one in own.read(entry, "file", NOW) if not isinstance(one, Unread)]
    return ledger.import_batch(batch).result()


def test_they_come_along_with_our_own_json_once(path: Path, tmp_path: Path) -> None:
    with opened(tmp_path / "other" / "l.db") as theirs:
        ids = begin(theirs, is_hidden=True)
        end_all(theirs, ids)
        theirs.vote(ids.comparison_id, Judgement.BETTER, 1).result()
        entry = exported(theirs, ids.conversation_id)
    with opened(path) as ledger:
        begin(ledger)
        assert [bring(ledger, entry).votes, bring(ledger, entry).votes] == [1, 0]
        assert query(path, VOTES) == [("lab", "rented", "b", 1, 3, "code"), ("rented", "other", "a", 1, 3, "code")]
        (compared,) = ledger.comparisons(2).result()
        question, *replies = (message.id for message in ledger.tree(2).result())
        assert (compared.question_id, [side.message_id for side in compared.sides]) == (question, replies)
        entry = exported(ledger, 2)
    with opened(tmp_path / "third" / "l.db") as third:
        bring(third, entry)
        assert query(tmp_path / "third" / "l.db", VOTES) == query(path, VOTES), "from machine to machine"


def test_what_comes_home_is_not_another_one(path: Path) -> None:
    with opened(path) as ledger:
        ids = begin(ledger)
        end_all(ledger, ids)
        ledger.vote(ids.comparison_id, Judgement.BOTH_BAD, None).result()
        entry = exported(ledger, 1)
        assert bring(ledger, entry).votes == 0
        assert query(path, "SELECT count(*) FROM comparison") == [(1,)]
        ledger.delete_conversation(1).result()
        ledger.purge_deleted().result()
        bring(ledger, entry)
        (compared,) = ledger.comparisons(2).result()
        assert None not in [side.message_id for side in compared.sides], "its replies are here again"
        assert len(query(path, VOTES)) == 3


def test_a_branch_alone_brings_the_vote_and_the_rest_of_the_replies_later(path: Path, tmp_path: Path) -> None:
    with opened(tmp_path / "other" / "l.db") as theirs:
        ids = begin(theirs)
        end_all(theirs, ids)
        theirs.vote(ids.comparison_id, Judgement.BETTER, 0).result()
        branch, tree = (exported(theirs, 1, tree=whole) for whole in (False, True))
    with opened(path) as ledger:
        assert bring(ledger, branch).votes == 1
        for entry, known in ((branch, [True, False, False]), (tree, [True, True, True])):
            bring(ledger, entry)
            (compared,) = ledger.comparisons(1).result()
            assert [side.message_id is not None for side in compared.sides] == known
        assert len(query(path, VOTES)) == 2


BROKEN: tuple[dict[str, object], ...] = (
    {"sides": []},
    {"sides": [{"position": 9, "message_id": 1, "backend": "b", "model": "m", "zone": "device"}] * 2},
    {"vote": {"judgement": "better", "winner": 7}},
    {"vote": {"judgement": "tie", "winner": 0}},
    {"origin": ""},
    {"started_at": 7},
)


def test_a_comparison_that_is_none_costs_itself_alone(ledger: Ledger) -> None:
    end_all(ledger, begin(ledger))
    document = json.loads(exported(ledger, 1))
    for change in BROKEN:
        broken = {**document, "comparisons": [document["comparisons"][0] | change]}
        conversation, unread = own.read(json.dumps(broken).encode(), "file", NOW)
        assert isinstance(conversation, ImportedConversation) and len(conversation.messages) == 4
        assert isinstance(unread, Unread) and unread.where == "file, comparison 1", change
