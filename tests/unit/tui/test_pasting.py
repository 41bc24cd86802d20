"""A paste is never a key press."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.drivers.headless_driver import HeadlessDriver

from hybridchat.tui.pasting import BEGIN, END, Answers, InertPastes, read_pastes_as_text

NASTY = "a\x1b[31m\x1b\r\x07\x1b[200~\x1b[20"


@given(st.lists(st.integers(0, 60)))
def test_escapes_in_a_paste_are_visible_however_it_is_cut(cuts: list[int]) -> None:
    whole = f"k\x1b[A{BEGIN}{NASTY}{END}\x1b[B{BEGIN}b{END}"
    places = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    inert = InertPastes()
    out = "".join(inert(whole[a:b]) for a, b in pairwise(places))
    assert out == f"k\x1b[A{BEGIN}{NASTY.replace(chr(27), '␛')}{END}\x1b[B{BEGIN}b{END}"


def test_a_lone_escape_outside_of_a_paste_is_not_held_back() -> None:
    assert InertPastes()("\x1b") == "\x1b"


def test_a_key_is_the_same_in_both_spellings() -> None:
    inert = InertPastes()
    assert inert("a\x1b[27;2;13~b\x1b\rc\r") == "a\x1b[13;2ub\x1b[13;3uc\r"
    assert inert(f"{BEGIN}a\x1b\r") == f"{BEGIN}a␛\r"


def test_alt_is_told_whatever_follows_at_once() -> None:
    """Textual's parser would look for the end of a sequence in it."""
    inert = InertPastes()
    assert inert("\x1bca question of many words, more than a sequence has") == (
        "\x1b[99;3ua question of many words, more than a sequence has"
    )
    assert inert("\x1bc\x1b[B") == "\x1b[99;3u\x1b[B"
    for others in ("\x1b[B", "\x1bOQ", "\x1b]11;?\x1b\\", "\x1bP>|x\x1b\\", "\x1bb", "\x1b\x7f"):
        assert inert(others) == others


ANSWERED = "\x1bP>|kitty(0.41.1)\x1b\\\x1b[6;18;9t\x1b[?62;4c"


@given(st.lists(st.integers(0, 60)))
def test_answers_are_never_keys_however_they_are_cut(cuts: list[int]) -> None:
    whole = f"a\x1b[A{ANSWERED}b\x1b[6;3~\x1b[?2026;2$y"
    begun = [("\x1bP>", 3), ("\x1b[6;18", 4), ("\x1b[?62", 3)]  # less of them may be a key, which is never held back
    within = {whole.index(answer) + n for answer, held in begun for n in range(1, held)}
    places = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole) and cut not in within)})
    answers = Answers()
    assert "".join(answers(whole[a:b]) for a, b in pairwise(places)) == "a\x1b[Ab\x1b[6;3~\x1b[?2026;2$y"
    (told,) = answers.told
    assert (told.name, told.cell, told.attributes) == ("kitty(0.41.1)", (9, 18), {"62", "4"})


def test_what_a_terminal_does_not_answer_is_unknown() -> None:
    answers = Answers()
    assert answers("\x1b[?1;2cx\x1b[6;18;9t\x1b[?63;4c") == "x"
    assert [(told.name, told.cell) for told in answers.told] == [("", None), ("", (9, 18))]


@pytest.mark.parametrize("key", ["\x1b", "\x1bP", "\x1b[A", "\x1b[6~", "\x1bOP", "\x1b[57399;1:1u"])
def test_no_key_is_held_back(key: str) -> None:
    assert Answers()(key) == key


def test_a_driver_without_a_parser_of_its_own_is_left_alone() -> None:
    assert not read_pastes_as_text(HeadlessDriver), "as on Windows"
