"""Where a needle is in a text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridchat.domain.search import Phrase
from hybridchat.tui.transcript.needle import Needle, fold


def hits(needle: Needle | None, text: str) -> list[str]:
    assert needle is not None
    found = [text[start:end] for start, end in needle.ranges(text)]
    assert not found or needle.may_be_in(text)
    return found


@pytest.mark.parametrize(
    ("typed", "text", "expected"),
    [
        ("log", "the Log, a blog", ["Log", "log"]),
        ("CAFE", "Café or cafe", ["Café", "cafe"]),
        ("a  b", "a b a\nb a\u2003b ab", ["a b", "a\nb", "a\u2003b"]),
        ("a.b", "a.b axb", ["a.b"]),
        ("(", "f(x)", ["("]),
        ("京", "東京", ["京"]),
        ("straße", "STRASSE Straße", ["Straße"]),
        ("x", "", []),
    ],
)
def test_as_it_is_typed(typed: str, text: str, expected: list[str]) -> None:
    assert hits(Needle.of_text(typed), text) == expected


def test_nothing_is_no_needle() -> None:
    assert Needle.of_text("  ") is None
    assert Needle.of_phrases(()) is None
    assert Needle.of_phrases((Phrase("--"),)) is None


@pytest.mark.parametrize(
    ("phrases", "text", "expected"),
    [
        ((Phrase("log"),), "log logs blog Log_x", ["log", "Log"]),
        ((Phrase("log", is_open=True),), "log logs blog", ["log", "log"]),
        ((Phrase("write-ahead"),), "a write ahead, write-ahead", ["write ahead", "write-ahead"]),
        ((Phrase("a"), Phrase("b c")), "a, b  c, c", ["a", "b  c"]),
        ((Phrase("数据"),), "我们的数据中心", ["数据"]),
    ],
)
def test_as_the_search_found_it(phrases: tuple[Phrase, ...], text: str, expected: list[str]) -> None:
    assert hits(Needle.of_phrases(phrases), text) == expected


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=8))
def test_what_is_in_a_text_is_found_there(before: str, after: str, typed: str) -> None:
    needle = Needle.of_text(typed)
    text = before + typed + after
    assert len(fold(text)) == len(text)
    if needle is not None:
        assert hits(needle, text)
