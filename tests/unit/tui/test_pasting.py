"""A paste is never a key press."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hybridchat.tui.pasting import BEGIN, END, InertPastes

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
