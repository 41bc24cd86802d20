"""Search: words, never syntax."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hybridchat.ledger.store import Ledger
from tests.unit.ledger.helpers import new_turn, whole_turn


def found(ledger: Ledger, query: str) -> list[str]:
    return [hit.snippet for hit in ledger.search(query).result()]


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
    hits = ledger.search("zebra").result()
    assert [hit.conversation_id for hit in hits] == [titled.conversation_id, new.conversation_id, old.conversation_id]
    assert [hit.message_id for hit in hits][1:] == [new.reply_message_id, old.reply_message_id]
    assert len(ledger.search("zebra", limit=2).result()) == 2


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
    assert isinstance(ledger.search(query.encode("utf-8", "replace").decode()).result(), list)


@pytest.mark.parametrize("word", ["AND", "or", "NEAR", "title"])
def test_words_of_the_syntax_are_found_as_words(ledger: Ledger, word: str) -> None:
    whole_turn(ledger, "q", f"the word {word} itself")
    assert found(ledger, word) == [f"the word \x02{word}\x03 itself"]
