"""Nothing that a model says may steer the terminal; what people write stays as it is."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridchat.domain import text
from hybridchat.domain.text import clean, clean_line, title_of

ANY_TEXT = st.text(alphabet=st.characters(codec=None), max_size=60)  # surrogates too
HOSTILE = st.text(
    alphabet="ab \n\t\x00\x07\x1b[]\\;0m\x7f\x84\x9b\x9d\u200b\u200d\u200f\u202e\u2066\u2069\u2028\ufeff\ufe0f"
    "\ud83d\udc68\U000e0041\U000e0100👨",
    max_size=60,
)


@pytest.mark.parametrize(
    ("raw", "inert"),
    [
        ("\x1b]52;c;Zm9v\x07", "␛]52;c;Zm9v␇"),  # clipboard
        ("\x1b]0;title\x1b\\", "␛]0;title␛\\"),
        ("\x1b]8;;http://x\x07link", "␛]8;;http://x␇link"),
        ("\x1b[6n", "␛[6n"),  # a question that the terminal would answer
        ("\x9b31m", "�31m"),  # the same as ESC [ in one character
        ("a\rb\x00\x7f", "a␍b␀␡"),
        ("user\u202egnp.exe", "user�gnp.exe"),
        ("\u2066left\u2069", "�left�"),
        ("hi\U000e0068\U000e0069", "hi"),  # text in tags
        ("a\U000e0100b\u200bc\u2060d\ufeffe\u00adf", "abcdef"),
        ("\ud83d", "�"),
        ("one\u2028two\u2029three", "one\ntwo\nthree"),
    ],
)
def test_made_inert(raw: str, inert: str) -> None:
    assert clean(raw) == inert


@pytest.mark.parametrize(
    "words",
    [
        "plain\ttext\nin lines",
        "👨‍👩‍👧‍👦 🏳️‍🌈 👍🏽 ❤️ ☎︎ 1️⃣",
        "مرحبا بالعالم",
        "می‌خواهم",  # ZWNJ belongs to the word
        "שלום עולם",
        "क्‍ष",  # ZWJ asks for a letter's form
        "e\u0301a\u0308 한국어 ไทย 漢字",
        "\u00a0no-break",
    ],
)
def test_left_as_it_is(words: str) -> None:
    assert clean(words) == words


@given(HOSTILE | ANY_TEXT)
def test_nothing_left_that_a_terminal_obeys(raw: str) -> None:
    kept = {"\n", "\t", "\u200c", "\u200d"}
    for char in set(clean(raw)) - kept:
        assert unicodedata.category(char) not in {"Cc", "Cs", "Zl", "Zp"}
        assert unicodedata.bidirectional(char) not in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@given(HOSTILE | ANY_TEXT, st.data())
def test_any_split_gives_the_same(raw: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=5)))
    pieces = [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    assert "".join(map(clean, pieces)) == clean(raw)


@given(HOSTILE | ANY_TEXT)
def test_clean_twice_is_clean_once(raw: str) -> None:
    assert clean(clean(raw)) == clean(raw)
    clean(raw).encode()  # never a surrogate


@given(HOSTILE | ANY_TEXT, st.integers(5, 30))
def test_one_line_of_at_most_the_limit(raw: str, limit: int) -> None:
    for line in (clean_line(raw, limit), title_of(raw, limit)):
        assert len(line) <= limit
        assert len(line.splitlines()) <= 1


def test_every_character_alone_and_among_others() -> None:
    """The quick look finds exactly what the table changes, over the whole of Unicode."""
    for code in range(sys.maxunicode + 1):
        char = chr(code)
        assert clean(f"é{char}") == "é" + char.translate(text._TABLE)


def test_a_long_line_is_cut_with_an_ellipsis() -> None:
    assert clean_line("a  b\n\n c ") == "a b c"
    assert clean_line("x" * 10, 10) == "x" * 10
    assert clean_line("x" * 11, 10) == "x" * 9 + "…"
    assert clean_line("family 👨‍👩‍👧 here", 10) == "family 👨…"  # no joiner before the ellipsis


@pytest.mark.parametrize(
    ("message", "title"),
    [
        ("\n\n---\n  Explain   tides\nplease", "Explain tides"),
        ("", ""),
        (" \n ", ""),
        ("???", "???"),
        ("日本の首都はどこですか", "日本の首都はどこですか"),
        (
            "one two three four five six seven eight nine ten eleven twelve",
            "one two three four five six seven eight nine ten eleven…",
        ),
        ("x" * 80, "x" * 59 + "…"),
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
    ],
)
def test_titles(message: str, title: str) -> None:
    assert title_of(message) == title
