"""What a search says, as it is read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridchat.domain.search import FILTERS, Condition, Field, Phrase, complete, parse_query

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


def phrases(text: str) -> list[str]:
    """Those left out with a -, those that may go on with a *."""
    found = parse_query(text, NOW).phrases
    return [f"{'' if p.is_wanted else '-'}{p.text}{'*' if p.is_open else ''}" for p in found]


def conditions(text: str) -> list[tuple[str, object]]:
    found = parse_query(text, NOW).conditions
    return [(f"{'' if c.is_wanted else '-'}{c.field}", c.value) for c in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("borrow checker", ["borrow", "checker*"]),
        ("borrow checker ", ["borrow", "checker"]),
        ('"borrow checker"', ["borrow checker"]),
        ('"borrow che', ["borrow che*"]),
        ("rust -async", ["rust", "-async"]),
        ('rust -"green threads" x', ["rust", "-green threads", "x*"]),
        ("a-b rm - --", ["a-b", "rm"]),
        ("12:30 C:\\x https://x.y std::vector x>3", ["12:30", "C:\\x", "https://x.y", "std::vector", "x>3*"]),
        ('"tag:work" "is:starred"', ["tag:work", "is:starred"]),
        ("tag:work win", ["win*"]),
        ("\x00 nul", ["nul*"]),
    ],
)
def test_words_and_phrases(text: str, expected: list[str]) -> None:
    assert phrases(text) == expected
    assert parse_query(text, NOW).problems == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tag:Work", [("tag", "work")]),
        ('tag:"to read" -tag:done', [("tag", "to read"), ("-tag", "done")]),
        ("backend:lab MODEL:Qwen3:8b", [("backend", "lab"), ("model", "qwen3:8b")]),
        ("zone:managed zone:local", [("zone", "managed"), ("zone", "local")]),
        ("before:2026-11-01T08:30Z", [("before", datetime(2026, 11, 1, 8, 30, tzinfo=UTC))]),
        ("after:7d", [("after", NOW - timedelta(days=7))]),
        ("cost>0.10 cost<2", [("cost>", Decimal("0.10")), ("cost<", Decimal(2))]),
        ("cost>=$1 cost:<0,5", [("cost>", Decimal(1)), ("cost<", Decimal("0.5"))]),
        ("has:code is:starred -is:archived", [("has:code", None), ("is:starred", None), ("-is:archived", None)]),
    ],
)
def test_filters(text: str, expected: list[tuple[str, object]]) -> None:
    assert conditions(text) == expected
    assert phrases(text) == []
    assert parse_query(text, NOW).problems == ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("tag:", "tag: needs a name"),
        ("zone:moon", "zone: is one of device, private, managed, local"),
        ("before:yesterdayish", "before: takes a date: 2026-11-01, "),
        ("after:2026-13", "after: takes a date"),
        ("cost>much", "cost takes US dollars: cost>0.10 or cost<2"),
        ("cost:1", "cost takes US dollars"),
        ("cost>nan", "cost takes US dollars"),
        ("has:picture", "has: knows has:code alone"),
        ("is:open", "is: is one of is:starred, is:archived"),
    ],
)
def test_what_cannot_be_meant_is_one_line_and_the_rest_is_searched(text: str, problem: str) -> None:
    query = parse_query(f"rust {text}", NOW)
    assert query.phrases == (Phrase("rust"),)
    assert query.conditions == ()
    (line,) = query.problems
    assert line.startswith(problem)
    assert "\n" not in line
    assert parse_query(text, NOW).is_empty


def test_an_unknown_filter_is_a_word() -> None:
    query = parse_query("from:anna x", NOW)
    assert [phrase.text for phrase in query.phrases] == ["from:anna", "x"]
    assert query.problems == (f"from: is no filter, so it is searched as a word; filters are {' '.join(FILTERS)}",)
    assert parse_query('from:"anna b"', NOW).phrases == (Phrase("from: anna b"),)


def test_leaving_out_needs_something_to_find() -> None:
    query = parse_query("-rust", NOW)
    assert query.is_empty
    assert query.problems == ("-rust leaves out — say what to find, too",)
    assert not parse_query("-rust tag:work", NOW).is_empty


def test_a_pasted_page_is_cut() -> None:
    query = parse_query("word " * 1000, NOW)
    assert len(query.phrases) == 32
    assert query.problems == ("only the first 32 words are searched",)


@given(st.text(max_size=60))
def test_nothing_that_is_typed_fails(text: str) -> None:
    query = parse_query(text, NOW)
    assert all("\n" not in line for line in query.problems)
    assert all(any(map(str.isalnum, phrase.text)) and '"' not in phrase.text for phrase in query.phrases)


_WORD = st.text(st.characters(categories=("L", "N"), max_codepoint=0x1000), min_size=1, max_size=12)
_PHRASE = st.lists(_WORD, min_size=1, max_size=3).map(" ".join)
_CONDITION = st.one_of(
    st.builds(Condition, st.sampled_from([Field.TAG, Field.BACKEND, Field.MODEL]), _PHRASE.map(str.casefold)),
    st.builds(Condition, st.just(Field.ZONE), st.sampled_from(["device", "private", "managed", "local"])),
    st.builds(Condition, st.sampled_from([Field.BEFORE, Field.AFTER]), st.datetimes(timezones=st.just(UTC))),
    st.builds(
        Condition,
        st.sampled_from([Field.COST_OVER, Field.COST_UNDER]),
        st.decimals(0, 1000, places=4, allow_nan=False),
    ),
    st.builds(Condition, st.sampled_from([Field.CODE, Field.STARRED, Field.ARCHIVED])),
)


def written(part: Phrase | Condition) -> str:
    sign = "" if part.is_wanted else "-"
    match part:
        case Phrase(text):
            return f'{sign}"{text}"'
        case Condition(field, None):
            return f"{sign}{field}"
        case Condition(field, str(value)):
            return f'{sign}{field}:"{value}"'
        case Condition(field, datetime() as moment):
            return f"{sign}{field}:{moment.isoformat()}"
        case Condition(field, value):
            return f"{sign}{field}{value}"


@given(st.lists(st.builds(Phrase, _PHRASE, st.booleans()), max_size=5), st.lists(_CONDITION, max_size=5), st.randoms())
def test_whatever_is_meant_can_be_said_in_any_order(
    phrases: list[Phrase], conditions: list[Condition], random: object
) -> None:
    parts: list[Phrase | Condition] = [*phrases, *conditions]
    random.shuffle(parts)  # type: ignore[attr-defined]
    query = parse_query(" ".join(map(written, parts)), NOW)
    assert query.phrases == tuple(part for part in parts if isinstance(part, Phrase))
    assert query.conditions == tuple(part for part in parts if isinstance(part, Condition))


KNOWN = {"tag": ("to read", "work", "world"), "backend": ("lab",), "model": ("qwen3-8b",)}


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("rust ba", "rust backend:"),
        ("-ta", "-tag:"),
        ("is:a", "is:archived"),
        ("zone:m", "zone:managed"),
        ("tag:wor", "tag:work"),
        ("x -tag:t", 'x -tag:"to read"'),
        ("model:qw", "model:qwen3-8b"),
        ("tag:work", None),  # is complete
        ("tag:x", None),
        ("b", None),  # too short to be meant
        ("rust ", None),
        ("", None),
        ('"ta', None),
    ],
)
def test_completing_a_filter(typed: str, completed: str | None) -> None:
    assert complete(typed, KNOWN) == completed
