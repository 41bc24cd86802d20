"""What holds for every text, however it arrives and however wide the screen is."""

from __future__ import annotations

import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from hybridchat.domain.chat import Role
from hybridchat.tui.transcript.cells import clusters, crop, inert, shown, wrap
from hybridchat.tui.transcript.document import Document
from hybridchat.tui.transcript.selection import Selection, Spot, cells_of, extract, place_of, spot_at
from tests.unit.tui.transcript.shown import (
    document,
    every_line,
    every_place,
    fitted,
    markdown_texts,
    message,
    streaming,
    user,
)


def all_plain(it: Document) -> list[str]:
    return [it.plain(0, part) for part in range(len(it.ready(0).parts))]


widths = st.one_of(st.integers(1, 12), st.integers(1, 200))


@given(markdown_texts, st.data(), widths)
@settings(max_examples=150, deadline=None)
def test_however_a_reply_is_cut_it_ends_up_the_same(text: str, data: st.DataObject, width: int) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    streamed = document(streaming(), width=width)
    view = streamed.view(1)
    for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        view.append([(text[begin:end], False)])
        streamed.changed(view)
        every_line(streamed)
    view.replace(message(text))
    streamed.changed(view)
    whole = document(message(text), width=width)
    assert [streamed.line(place) for place in every_place(streamed)] == [whole.line(p) for p in every_place(whole)]
    assert all_plain(streamed) == all_plain(whole)


@given(markdown_texts, st.integers(1, 40))
@settings(max_examples=80, deadline=None)
def test_a_reply_that_comes_in_single_characters_ends_up_the_same(text: str, width: int) -> None:
    streamed = document(streaming(), width=width)
    view = streamed.view(1)
    for character in text:
        view.append([(character, False)])
    view.replace(message(text))
    assert every_line(streamed) == every_line(document(message(text), width=width))


@given(markdown_texts, widths, st.sampled_from([Role.USER, Role.ASSISTANT]))
@settings(max_examples=250, deadline=None)
def test_every_line_is_exactly_as_wide_as_the_screen(text: str, width: int, role: Role) -> None:
    for runs in fitted(document(message(text, role=role), width=width), width):
        assert sum(cell_len(part) for part, _ in runs) == width
        assert cell_len("".join(part for part, _ in runs)) == width


@given(markdown_texts, widths, st.sampled_from([Role.USER, Role.ASSISTANT]))
@settings(max_examples=150, deadline=None)
def test_nothing_but_inert_text_is_shown_or_copied(text: str, width: int, role: Role) -> None:
    it = document(message(text, role=role, thinking=text), width=width)
    it.unfold_all(True)
    last = it.last()
    copied = extract(it, Selection(Spot(0, 0, 0), Spot(last.view, last.part, 1 << 30)))
    allowed_in_copy = {"\n", "\t"}
    for part in every_line(it):
        assert all(unicodedata.category(c) != "Cc" and c not in "\u202e\u2066\U000e0041" for c in part)
    assert all(unicodedata.category(c) != "Cc" or c in allowed_in_copy for c in copied)
    assert "\u202e" not in copied


@given(markdown_texts, st.integers(8, 80), st.sampled_from([Role.USER, Role.ASSISTANT]))
@settings(max_examples=100, deadline=None)
def test_every_cell_knows_its_text_and_every_text_its_cell(text: str, width: int, role: Role) -> None:
    it = document(message(text, role=role), width=width)
    for place in every_place(it):
        for piece in it.line(place).pieces:
            spot = spot_at(it, place, piece.cell)
            before = it.plain(place.view, place.part)[piece.start : spot.offset]
            assert spot.offset >= piece.start and cell_len(before) == 0
            cells = cells_of(it, place, Selection(spot._replace(offset=piece.start), spot._replace(offset=piece.end)))
            if piece.end > piece.start:
                assert place_of(it, spot)[0] == place
                assert cells[0] == (piece.cell, cells[0][1]) and cells[0][1] <= width


@given(st.text(max_size=200), st.integers(1, 60))
@settings(max_examples=300, deadline=None)
def test_wrapping_loses_only_blanks_and_cuts_no_cluster(text: str, width: int) -> None:
    text = inert(text).replace("\n", " ").replace("\t", " ")
    lines = wrap(text, width)
    kept = "".join(text[start:end] for start, end in lines)
    assert kept.replace(" ", "") == text.replace(" ", "")
    ends = {0, *(end for _, end, _ in clusters(text))}
    for start, end in lines:
        assert start in ends and end in ends
        assert cell_len(text[start:end]) <= width or len(clusters(text[start:end])) == 1


@given(st.text(max_size=80), st.integers(0, 90))
def test_cropping_fits_and_cuts_no_cluster(text: str, width: int) -> None:
    text = shown(inert(text))
    part = crop(text, width)
    assert text.startswith(part)
    assert cell_len(part) <= width


@given(st.lists(markdown_texts, min_size=1, max_size=4), st.integers(1, 30), st.data())
@settings(max_examples=60, deadline=None)
def test_going_down_and_up_again_ends_at_the_same_line(texts: list[str], lines: int, data: st.DataObject) -> None:
    it = document(*(message(text, id) if id % 2 else user(text, id) for id, text in enumerate(texts)), width=40)
    places = every_place(it)
    at = data.draw(st.integers(0, len(places) - 1))
    further = min(at + lines, len(places) - 1)
    assert it.down(places[at], lines) == places[further]
    assert it.up(places[further], further - at) == places[at]
    assert it.y_of(places[at]) == at
    assert it.at(at) == places[at]
    assert it.height == len(places)
