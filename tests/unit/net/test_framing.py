"""Lines, events and damaged JSON, cut anywhere."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridchat.errors import BackendError, ErrorKind
from hybridchat.net.framing import LineSplitter, NdjsonFramer, SseFramer, SurrogateJoiner, repair_json


def in_pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


def feed(framer: SseFramer | NdjsonFramer | LineSplitter, pieces: list[bytes]) -> list[bytes]:
    return [item for piece in pieces for item in framer.feed(piece)] + framer.end()


cuts = st.lists(st.integers(0, 10_000), max_size=12)


@given(
    lines=st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]))),
    ends=st.lists(st.sampled_from(["\n", "\r\n", "\r"])),
    cuts=cuts,
)
def test_lines_come_back_through_any_cut(lines: list[str], ends: list[str], cuts: list[int]) -> None:
    pairs = list(zip(lines, ends, strict=False))
    # a CR before an LF is one end, so an empty line after "\r" must not end in "\n" alone
    data = "".join(line + ("\r\n" if end == "\n" else end) for line, end in pairs).encode()
    whole = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")[:-1]
    assert feed(LineSplitter(), in_pieces(data, cuts)) == whole


def test_cr_and_lf_in_different_chunks_are_one_end() -> None:
    assert feed(LineSplitter(), [b"a\r", b"\nb\r", b"c\n", b"\n"]) == [b"a", b"b", b"c", b""]


def test_an_empty_chunk_between_cr_and_lf_changes_nothing() -> None:
    assert feed(LineSplitter(), [b"a\r", b"", b"\nb\n"]) == [b"a", b"b"]


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\u0085", "\x0b", "\x0c", "\x1c"])
def test_other_marks_end_no_line(mark: str) -> None:
    raw = json.dumps({"text": f"a{mark}b"}, ensure_ascii=False).encode()
    assert feed(NdjsonFramer(), [raw + b"\n"]) == [raw]
    assert feed(SseFramer(), [b"data: " + raw + b"\n\n"]) == [raw]


def test_sse_comments_fields_and_empty_events_are_nothing() -> None:
    stream = b": keep-alive\n\nevent: ping\nid: 7\nretry: 3\ndatabase: no\n\ndata: yes\n\ndata\n\n"
    assert feed(SseFramer(), [stream]) == [b"yes", b""]


def test_sse_data_of_several_lines_is_joined() -> None:
    assert feed(SseFramer(), [b"data: a\ndata:b\ndata:  c\n\n"]) == [b"a\nb\n c"]


def test_sse_takes_a_byte_order_mark_and_a_missing_last_line() -> None:
    assert feed(SseFramer(), [b"\xef\xbb\xbfdata: a\n\n", b"data: [DONE]"]) == [b"a", b"[DONE]"]


@given(cuts=cuts)
def test_json_without_any_framing_is_an_event_too(cuts: list[int]) -> None:
    """So Google's errors come into a stream that runs; what is framed goes on around them."""
    error = b'{\n  "error": {\n    "code": 503,\n    "message": "data: no"\n  }\n}'
    whole = b"data: a\n\n" + error + b'\n\n: note\n{"b": 1}\ndata: c\n\n' + error
    assert feed(SseFramer(), in_pieces(whole, cuts)) == [b"a", error, b'{"b": 1}', b"c", error]


@given(events=st.lists(st.binary(min_size=1).filter(lambda b: not set(b) & set(b"\r\n"))), cuts=cuts)
def test_sse_events_come_back_through_any_cut(events: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(b"data: " + event + b"\r\n\r\n" for event in events)
    assert feed(SseFramer(), in_pieces(stream, cuts)) == events


@pytest.mark.parametrize("framer", [SseFramer(1000), NdjsonFramer(1000)])
@pytest.mark.parametrize("end", [b"", b"\n\n"])
def test_a_line_over_the_cap_is_refused(framer: SseFramer | NdjsonFramer, end: bytes) -> None:
    with pytest.raises(BackendError) as caught:
        for _ in range(11):
            framer.feed(b"x" * 100)
        framer.feed(b"x" + end)
    assert caught.value.kind is ErrorKind.TOO_LARGE


def test_an_event_of_many_lines_over_the_cap_is_refused() -> None:
    framer = SseFramer(1000)
    with pytest.raises(BackendError) as caught:
        for _ in range(200):
            framer.feed(b"data: 12345678\n")
    assert caught.value.kind is ErrorKind.TOO_LARGE


def test_repair_keeps_the_words_around_damage() -> None:
    assert repair_json(b'{"a":"x\xffy"}') == {"a": "x\ufffdy"}
    assert repair_json(rb'{"a":"\ud83d"}') == {"a": "\ud83d"}


@pytest.mark.parametrize("raw", [b"", b"nonsense", b'{"a":', b"[" * 100_000])
def test_repair_refuses_what_is_no_json(raw: bytes) -> None:
    with pytest.raises(ValueError):
        repair_json(raw)


def test_surrogate_halves_are_rejoined() -> None:
    joiner = SurrogateJoiner()
    assert [joiner.push("a\ud83d"), joiner.push("\ude00b"), joiner.end()] == ["a", "\U0001f600b", ""]


@pytest.mark.parametrize(
    ("pieces", "whole"),
    [
        (["\ude00a"], "\ufffda"),
        (["a\ud83d", "b"], "a\ufffdb"),
        (["a\ud83d"], "a\ufffd"),
        (["\ud83d", "", "\ude00"], "\U0001f600"),
    ],
)
def test_lonely_halves_become_replacement_characters(pieces: list[str], whole: str) -> None:
    joiner = SurrogateJoiner()
    assert "".join(joiner.push(piece) for piece in pieces) + joiner.end() == whole
