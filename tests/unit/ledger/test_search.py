"""Search: words and filters, never SQL."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hybridchat.domain.chat import CostBasis, Role
from hybridchat.domain.compare import Judgement
from hybridchat.domain.search import FILTERS
from hybridchat.ledger.comparisons import NewComparison, NewSide
from hybridchat.ledger.store import AttemptCost, Ledger, NewMarks
from tests.unit.ledger.helpers import LOCAL, MANAGED, asked, end_of, new_turn, whole_turn


def found(ledger: Ledger, query: str) -> list[str]:
    return [hit.snippet for hit in ledger.search(asked(query)).result()]


def test_all_words_the_last_may_be_unfinished(ledger: Ledger) -> None:
    whole_turn(ledger, "q", "The café opens its context window at nine")
    assert found(ledger, "window CAFE") == ["The \x02café\x03 opens its context \x02window\x03 at nine"]
    assert found(ledger, "win") == ["The café opens its context \x02window\x03 at nine"]
    assert found(ledger, "win cafe") == []
    assert found(ledger, "window closed") == []
    assert found(ledger, '"context window"') == ["The café opens its \x02context window\x03 at nine"]
    assert found(ledger, '"window context"') == []


@pytest.mark.parametrize(
    ("text", "query", "snippet"),
    [
        ("我们在东京都的数据中心", "数据", "我们在东京都的\x02数据\x03中心"),
        ("我们在东京都的数据中心", "中心 东京", "我们在\x02东京\x03都的数据\x02中心\x03"),
        ("昨日カタカナを書いた", "タカナを", "昨日カ\x02タカナを\x03書いた"),
        ("ผมชอบเครื่องบินมาก", "เครื่องบิน", "ผมชอบ\x02เครื่องบิน\x03มาก"),
        ("用vLLM跑Qwen3模型", "qwen3", "用vLLM跑\x02Qwen3\x03模型"),
        ("用vLLM跑Qwen3模型", "qwen3模", "用vLLM跑\x02Qwen3模\x03型"),
        ("𠮷野家で食べた", "野家", "𠮷\x02野家\x03で食べた"),
    ],
)
def test_scripts_without_blanks_are_found_inside_their_runs(
    ledger: Ledger, text: str, query: str, snippet: str
) -> None:
    whole_turn(ledger, "q", text)
    assert found(ledger, query) == [snippet]
    assert found(ledger, query[::-1]) == []


def test_titles_without_blanks_are_found_too_also_after_a_change(ledger: Ledger) -> None:
    ids = whole_turn(ledger, "关于东京的问题")
    assert found(ledger, "东京") == ["关于\x02东京\x03的问题"] * 2
    ledger.update_conversation(ids.conversation_id, title="关于大阪").result()
    assert found(ledger, "东京") == ["关于\x02东京\x03的问题"]
    assert found(ledger, "大阪") == ["关于\x02大阪\x03"]


def test_a_long_message_shows_the_words_around_the_first_hit(ledger: Ledger) -> None:
    text = "before " * 30 + "needle in " + "after " * 4000 + "needle"
    whole_turn(ledger, "q", text)
    (snippet,) = found(ledger, "needle")
    assert snippet.startswith("…before before")
    assert " before \x02needle\x03 in after " in snippet
    assert snippet.endswith(" after…")
    assert len(snippet) < 200
    whole_turn(ledger, "q", "x" * 5000 + "，thread，" + "y" * 5000)  # no blanks to cut at
    (snippet,) = found(ledger, "thread")
    assert "x，\x02thread\x03，y" in snippet
    assert len(snippet) < 200
    (snippet,) = found(ledger, '"' + "after " * 50 + '"')
    assert snippet.count("\x02") == snippet.count("\x03") == 1


def test_titles_come_first_then_the_newest(ledger: Ledger) -> None:
    old = whole_turn(ledger, "q", "zebra one")
    new = whole_turn(ledger, "q", "zebra two")
    titled = whole_turn(ledger, "q", "nothing")
    ledger.update_conversation(titled.conversation_id, title="On zebras").result()
    hits = ledger.search(asked("zebra")).result()
    assert [hit.conversation_id for hit in hits] == [titled.conversation_id, new.conversation_id, old.conversation_id]
    assert [hit.message_id for hit in hits][1:] == [new.reply_message_id, old.reply_message_id]
    assert len(ledger.search(asked("zebra"), limit=2).result()) == 2


def test_a_reply_is_found_once_it_has_ended(ledger: Ledger) -> None:
    ids = ledger.begin_turn(new_turn("q")).result()
    ledger.flush_reply(ids.reply_message_id, "giraffe", "").result()
    assert found(ledger, "giraffe") == []
    ledger.close()


def test_deleted_is_not_found_and_undo_brings_it_back(ledger: Ledger) -> None:
    ids = whole_turn(ledger, "walrus", "walrus too")
    ledger.delete_conversation(ids.conversation_id).result()
    assert found(ledger, "walrus") == []
    assert ledger.conversations().result() == []
    assert ledger.conversation(ids.conversation_id).result() is None
    ledger.restore_conversation(ids.conversation_id).result()
    assert len(found(ledger, "walrus")) == 3


@pytest.mark.parametrize(
    "query", ['"', '""', "(", "a AND", "NOT", "title:x", "^", "*", "a NEAR(", "-", "\x00", "' OR 1", "{a}: b"]
)
def test_syntax_is_only_words(ledger: Ledger, query: str) -> None:
    whole_turn(ledger, "a title")
    assert isinstance(found(ledger, query), list)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.text(max_size=40))
def test_no_query_fails(ledger: Ledger, query: str) -> None:
    assert isinstance(ledger.search(asked(query)).result(), list)


@pytest.mark.parametrize("word", ["AND", "or", "NEAR", "title"])
def test_words_of_the_syntax_are_found_as_words(ledger: Ledger, word: str) -> None:
    whole_turn(ledger, "q", f"the word {word} itself")
    assert found(ledger, word) == [f"the word \x02{word}\x03 itself"]


# --- filters


@pytest.fixture
def mixed(ledger: Ledger) -> dict[str, int]:
    """Three conversations of one question each, by a word of their answers."""
    here = whole_turn(ledger, "about zebras", "zebra of the lab\n```py\nrun()\n```")
    asked_for = new_turn("about zebras too", attempt=replace(MANAGED, model="gpt-5.2"))
    there = ledger.begin_turn(asked_for).result()
    ledger.end_attempt(end_of(there, "zebra rented", model="gpt-5.2-2026")).result()
    cost = AttemptCost(attempt_id=there.attempt_id, usd="0.25", basis=CostBasis.PRICED, detail="")
    ledger.set_cost(cost).result()
    other = whole_turn(ledger, "a horse", "no stripes")
    ledger.mark(here.conversation_id, NewMarks(starred=True, add_tags=("work", "to read"))).result()
    ledger.mark(other.conversation_id, NewMarks(archived=True, add_tags=("work",))).result()
    return {"lab": here.conversation_id, "rented": there.conversation_id, "horse": other.conversation_id}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("zebra backend:lab", {"lab"}),
        ("zebra backend:LAB", {"lab"}),
        ("zebra model:gpt-5", {"rented"}),
        ("zebra model:2026", {"rented"}),
        ("zebra zone:managed", {"rented"}),
        ("zebra zone:local", {"lab"}),
        ("zebra -zone:managed", {"lab"}),
        ("zebra cost>0.2", {"rented"}),
        ("zebra cost<0.2", set()),  # an unknown cost is neither
        ("zebra cost<0.3", {"rented"}),
        ("zebra tag:work", {"lab"}),
        ('zebra tag:"to read" is:starred', {"lab"}),
        ("zebra -tag:work", {"rented"}),
        ("zebra has:code", {"lab"}),
        ("zebra -has:code", {"rented"}),
        ("zebra after:2020-01-01", {"lab", "rented"}),
        ("zebra before:2020-01-01", set()),
        ("zebra -rented", {"lab"}),
        ("zebras -rented", {"lab", "rented"}),  # its question does not say so
        ("tag:work", {"lab", "horse"}),
        ("tag:work -is:archived", {"lab"}),
        ("is:archived", {"horse"}),
        ("is:starred", {"lab"}),
        ("after:2020-01-01", {"lab", "rented", "horse"}),
        ("zone:managed", {"rented"}),
        ("cost>0.1", {"rented"}),
        ("has:code", {"lab"}),
        ("backend:nobody", set()),
    ],
)
def test_filters(ledger: Ledger, mixed: dict[str, int], query: str, expected: set[str]) -> None:
    hits = ledger.search(asked(query)).result()
    assert {hit.conversation_id for hit in hits} == {mixed[name] for name in expected}


def test_a_question_is_found_by_who_answered_it(ledger: Ledger, mixed: dict[str, int]) -> None:
    hits = ledger.search(asked("about backend:rented")).result()
    assert [(hit.role, hit.snippet) for hit in hits] == [
        (None, "\x02about\x03 zebras too"),
        (Role.USER, "\x02about\x03 zebras too"),
    ]


def test_filters_alone_name_conversations_or_messages(ledger: Ledger, mixed: dict[str, int]) -> None:
    (chat,) = ledger.search(asked("is:archived")).result()
    assert (chat.role, chat.title, chat.snippet, chat.is_archived) == (None, "a horse", "a horse", True)
    hits = ledger.search(asked("zone:managed")).result()
    assert [(hit.role, hit.snippet) for hit in hits] == [
        (Role.ASSISTANT, "zebra rented"),
        (Role.USER, "about zebras too"),
    ]
    assert not any(hit.is_archived for hit in hits)


def test_a_long_message_that_only_a_filter_names_shows_its_beginning(ledger: Ledger) -> None:
    whole_turn(ledger, "q", "word " * 1000, attempt=MANAGED)
    (reply, _) = ledger.search(asked("zone:managed")).result()
    assert reply.snippet.startswith("word word")
    assert reply.snippet.endswith("…")
    assert len(reply.snippet) < 200


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(st.sampled_from([*FILTERS, "x", '"a b"', "-y", "7d", "0.1", "lab ", " "]), max_size=8))
def test_no_filter_fails(ledger: Ledger, parts: list[str]) -> None:
    assert isinstance(ledger.search(asked("".join(parts))).result(), list)


@pytest.mark.parametrize("query", ["backend:rented", "model:tiny", "zone:local", "zone:managed", "cost>0.1", "cost<9"])
def test_no_filter_tells_the_sides_of_a_blind_comparison_before_the_vote(ledger: Ledger, query: str) -> None:
    sides = (NewSide(LOCAL), NewSide(MANAGED))
    ids = ledger.begin_comparison(NewComparison(sides=sides, turn=new_turn("why?"), is_hidden=True)).result()
    for side, answer, model in zip(ids.sides, ("because so", "because not"), ("tiny", "big"), strict=True):
        assert side.turn is not None
        ledger.end_attempt(end_of(side.turn, answer, model=model)).result()
        cost = AttemptCost(attempt_id=side.turn.attempt_id, usd="0.25", basis=CostBasis.PRICED, detail="")
        ledger.set_cost(cost).result()
    assert len(found(ledger, "because")) == 2
    assert found(ledger, f"because {query}") == found(ledger, query) == []
    ledger.vote(ids.comparison_id, Judgement.BETTER, 0).result()
    assert len(found(ledger, f"because {query}")) == (2 if query.startswith("cost") else 1)
