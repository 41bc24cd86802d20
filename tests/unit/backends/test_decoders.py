"""Real captures through both decoders, cut anywhere; damaged JSON, usage, ends."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridchat.backends.anthropic import AnthropicDecoder
from hybridchat.backends.chat_completions import ChatCompletionsDecoder
from hybridchat.backends.failures import failed
from hybridchat.backends.gemini import GeminiDecoder
from hybridchat.backends.ollama import OllamaDecoder
from hybridchat.backends.responses import ResponsesDecoder
from hybridchat.backends.streaming import Decoder
from hybridchat.domain.events import Event, Failed, Finished, Started, Text, Thinking, Usage
from hybridchat.errors import ErrorKind
from tests.fakes.captures import capture
from tests.fakes.wire import ANTHROPIC, CHAT_COMPLETIONS, GEMINI, OLLAMA, RESPONSES, WIRES, Wire, text_of, thinking_of


def on_error(body: bytes) -> Failed:
    return failed(body, backend="it")


MAKERS: dict[Wire, Callable[[], Decoder]] = {
    CHAT_COMPLETIONS: lambda: ChatCompletionsDecoder(on_error),
    OLLAMA: lambda: OllamaDecoder(on_error, may_forward=False),
    ANTHROPIC: lambda: AnthropicDecoder(on_error),
    GEMINI: lambda: GeminiDecoder(on_error),
    RESPONSES: lambda: ResponsesDecoder(on_error),
}

both = pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.kind)


def decode(wire: Wire, *chunks: bytes) -> list[Event]:
    decoder = MAKERS[wire]()
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    if not any(isinstance(event, Finished | Failed) for event in events):
        events += decoder.end()
    return events


def merged(events: list[Event]) -> list[Event]:
    """Neighbouring texts as one: cutting may not change more than their number."""
    result: list[Event] = []
    for event in events:
        if isinstance(event, Text) and result and isinstance(result[-1], Text):
            result[-1] = Text(result[-1].text + event.text)
        else:
            result.append(event)
    return result


def read_in(prompt_ms: float, *counts: int | None) -> Usage:
    return Usage(*counts, prompt_ms=prompt_ms)


CAPTURES = [
    ("vllm/chat-stream", CHAT_COMPLETIONS, "tiny", Usage(35, None, None, 40), "length"),
    ("vllm/chat-stream-no-usage", CHAT_COMPLETIONS, "tiny", None, "length"),
    ("llamacpp/chat-stream", CHAT_COMPLETIONS, "tiny.gguf", read_in(1.998, 35, 0, None, 40), "length"),
    (
        "llamacpp/chat-stream-no-usage",
        CHAT_COMPLETIONS,
        "tiny.gguf",
        read_in(1.175, 35, 34, None, 12),
        "length",
    ),
    (
        "llamacpp/unknown-model-is-ignored",
        CHAT_COMPLETIONS,
        "tiny.gguf",
        read_in(12.418, 35, 34, None, 5),
        "length",
    ),
    ("ollama/v1-chat-stream", CHAT_COMPLETIONS, "tiny", Usage(10, None, None, 12), "length"),
    ("ollama/chat-stream", OLLAMA, "tiny", read_in(0.63, 10, None, None, 24), "length"),
    (
        "ollama/chat-stream-local-suffix",
        OLLAMA,
        "tiny:latest:local",
        read_in(0.338, 10, None, None, 24),
        "length",
    ),
    ("vllm/responses-stream", RESPONSES, "tiny", Usage(35, 0, 0, 16, 0), "length"),
    ("llamacpp/responses-stream", RESPONSES, "tiny.gguf", Usage(35, 34, None, 16), "stop"),
    ("ollama/v1-responses-stream", RESPONSES, "tiny", Usage(10, 0, None, 12, 0), "stop"),
    ("vllm/messages-stream", ANTHROPIC, "tiny", Usage(21, None, None, 16), "max_tokens"),
    ("llamacpp/messages-stream", ANTHROPIC, "tiny.gguf", Usage(21, 0, None, 16), "max_tokens"),
    ("ollama/v1-messages-stream", ANTHROPIC, "tiny", Usage(10, None, None, 12), "max_tokens"),
]
WIRE_OF = {name: wire for name, wire, *_ in CAPTURES}


@pytest.mark.parametrize(("name", "wire", "model", "usage", "reason"), CAPTURES)
def test_captures(name: str, wire: Wire, model: str, usage: Usage | None, reason: str) -> None:
    events = decode(wire, capture(name).body)
    assert isinstance(events[0], Started)
    assert [event.model for event in events if isinstance(event, Started)][-1] == model
    assert [event for event in events if isinstance(event, Usage)][-1:] == ([usage] if usage else [])
    assert events[-1] == Finished(reason, 0)
    assert text_of(events) == reference_text(wire, capture(name).body)


@pytest.mark.parametrize(
    ("name", "wire", "usage"),
    [
        ("vllm/chat-whole", CHAT_COMPLETIONS, Usage(35, None, None, 12)),
        ("llamacpp/chat-whole", CHAT_COMPLETIONS, read_in(0.281, 35, 34, None, 12)),
        ("ollama/chat-whole", OLLAMA, read_in(0.505, 10, None, None, 24)),
    ],
)
@pytest.mark.parametrize("is_framed", [False, True])
def test_an_answer_that_comes_whole_is_complete(name: str, wire: Wire, usage: Usage, is_framed: bool) -> None:
    body = capture(name).body
    whole = json.loads(body)
    events = decode(wire, wire.frame(body) if is_framed else body)
    assert text_of(events) == (whole if wire is OLLAMA else whole["choices"][0])["message"]["content"] != ""
    assert [event for event in events if isinstance(event, Usage)] == [usage]
    assert events[-1] == Finished("length", 0)


def test_what_repeats_in_each_event_all_that_came_is_read_once() -> None:
    choices = [
        {"delta": {"content": word}, "message": {"content": so_far}} for word, so_far in (("a", "a"), ("b", "ab"))
    ]
    chunks = [CHAT_COMPLETIONS.frame(json.dumps({"choices": [choice]}).encode()) for choice in choices]
    last = {"choices": [{"message": {"content": "ab"}, "finish_reason": "stop"}]}
    chunks += [CHAT_COMPLETIONS.frame(json.dumps(last).encode()), CHAT_COMPLETIONS.end[-1]]
    events = decode(CHAT_COMPLETIONS, *chunks)
    assert (text_of(events), events[-1]) == ("ab", Finished("stop", 0))


def reference_text(wire: Wire, body: bytes) -> str:
    """The reply's text by the plainest reading of the capture."""
    if wire is OLLAMA:
        return "".join(json.loads(line)["message"]["content"] for line in body.decode().split("\n") if line)
    datas = [json.loads(line[6:]) for line in body.decode().split("\n") if line.startswith("data: {")]
    if wire is ANTHROPIC:
        return "".join(data["delta"].get("text", "") for data in datas if data["type"] == "content_block_delta")
    if wire is RESPONSES:
        return "".join(data["delta"] for data in datas if data["type"] == "response.output_text.delta")
    choices = [choice for data in datas for choice in data["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


@pytest.mark.parametrize("name", WIRE_OF)
@given(cuts=st.lists(st.integers(0, 20_000), max_size=30))
def test_captures_through_any_cut(name: str, cuts: list[int]) -> None:
    wire = WIRE_OF[name]
    body = capture(name).body
    edges = [0, *sorted(cut % len(body) for cut in cuts), len(body)]
    chunks = [body[a:b] for a, b in itertools.pairwise(edges)]
    assert merged(decode(wire, *chunks)) == merged(decode(wire, body))


@pytest.mark.parametrize(
    "name", ["vllm/chat-stream", "vllm/responses-stream", "ollama/chat-stream", "vllm/messages-stream"]
)
def test_captures_byte_by_byte(name: str) -> None:
    wire = WIRE_OF[name]
    body = capture(name).body
    assert decode(wire, *(body[i : i + 1] for i in range(len(body)))) == decode(wire, body)


@pytest.mark.parametrize(
    "name", ["vllm/chat-stream", "vllm/responses-stream", "ollama/chat-stream", "vllm/messages-stream"]
)
@pytest.mark.parametrize("end", [b"\r\n", b"\r"])
def test_other_line_ends(name: str, end: bytes) -> None:
    wire = WIRE_OF[name]
    body = capture(name).body
    assert decode(wire, body.replace(b"\n", end)) == decode(wire, body)


def test_a_stream_cut_anywhere_in_a_real_capture_never_finishes() -> None:
    body = capture("vllm/chat-stream").body
    for size in range(0, body.index(b"[DONE]"), 211):
        assert isinstance(decode(CHAT_COMPLETIONS, body[:size])[-1], Failed)


def test_killed_engine_of_a_real_ollama() -> None:
    events = decode(OLLAMA, capture("ollama/error-engine-killed-mid-stream").body)
    assert text_of(events).startswith("De updicime")
    last = events[-1]
    assert isinstance(last, Failed)
    assert (last.kind, last.message) == (
        ErrorKind.SERVER,
        "it: an error was encountered while running the model: unexpected EOF",
    )


def test_a_forwarded_reply_is_aborted_before_its_text() -> None:
    events = decode(OLLAMA, capture("ollama/chat-forwarded").body)
    assert [type(event) for event in events] == [Failed]
    assert isinstance(events[0], Failed)
    assert events[0].kind is ErrorKind.FORWARDED
    assert "http://127.0.0.1:21999" in events[0].message


def test_a_forwarded_reply_is_fine_where_it_is_known() -> None:
    decoder = OllamaDecoder(on_error, may_forward=True)
    events = decoder.feed(capture("ollama/chat-forwarded").body)
    assert events == [Started("harmless"), Text("LEAKED"), Finished("stop")]


def test_load_duration_counts_only_after_a_cold_start() -> None:
    body = capture("ollama/chat-stream").body
    cold = OllamaDecoder(on_error, may_forward=False, was_cold=True).feed(body)
    assert [event.load_ms for event in cold if isinstance(event, Usage)] == [0.803787]


@both
@pytest.mark.parametrize("mark", ["\u2028", "\u0085", "\x0b", "\u2029", "\U0001f468\u200d\U0001f469\u200d\U0001f467"])
def test_text_is_exact_through_every_cut(wire: Wire, mark: str) -> None:
    stream = wire.reply(f"a{mark}b", "c")
    for cut in range(len(stream)):
        assert text_of(decode(wire, stream[:cut], stream[cut:])) == f"a{mark}bc"


@both
def test_surrogate_halves_in_two_events(wire: Wire) -> None:
    def half(escape: str) -> bytes:
        return wire.piece("@").replace(b"@", escape.encode())

    whole = [half(r"\ud83d"), half(r"\ude00"), wire.piece("!"), *wire.end]
    assert text_of(decode(wire, *whole)) == "\U0001f600!"
    torn = [half(r"\ud83d"), wire.piece("!"), half(r"\ude00"), half(r"\ud83d"), *wire.end]
    events = decode(wire, *torn)
    assert text_of(events) == "\ufffd!\ufffd\ufffd"
    assert events[-1] == Finished("stop")


@both
def test_invalid_utf8_becomes_replacement_characters(wire: Wire) -> None:
    events = decode(wire, wire.piece("a@b").replace(b"@", b"\xff"), *wire.end)
    assert (text_of(events), events[-1]) == ("a\ufffdb", Finished("stop"))


GARBAGE = (b"nonsense", b"{", b"[]", b"7", b'"text"', b"null", b"{}", b'{"choices":7,"message":7}', b"[" * 99_999)


@both
def test_garbage_is_skipped_and_counted(wire: Wire) -> None:
    events = decode(wire, wire.piece("a"), *map(wire.frame, GARBAGE), wire.piece("b"), *wire.end)
    assert text_of(events) == "ab"
    assert events[-1] == Finished("stop", len(GARBAGE))


def test_lists_of_thoughts_and_words_are_read() -> None:
    """As Mistral's thinking models send them, with parts that are neither."""

    def chunk(*parts: object) -> bytes:
        return CHAT_COMPLETIONS.frame(json.dumps({"choices": [{"index": 0, "delta": {"content": parts}}]}).encode())

    def words(text: str) -> dict[str, str]:
        return {"type": "text", "text": text}

    events = decode(
        CHAT_COMPLETIONS,
        chunk({"type": "thinking", "thinking": [words("let "), words("me ")]}),
        chunk({"type": "thinking", "thinking": [words("see")], "closed": True}, words("The ")),
        chunk({"type": "reference", "reference_ids": [1]}),
        chunk(words("answer")),
        chunk(),
        CHAT_COMPLETIONS.piece("."),
        *CHAT_COMPLETIONS.end,
    )
    assert (thinking_of(events), text_of(events), events[-1]) == ("let me see", "The answer.", Finished("stop"))


def test_a_first_chunk_with_nothing_but_filters_is_no_garbage() -> None:
    first = CHAT_COMPLETIONS.frame(b'{"choices":[],"id":"","model":"","prompt_filter_results":[{"prompt_index":0}]}')
    events = decode(CHAT_COMPLETIONS, first, CHAT_COMPLETIONS.piece("a"), *CHAT_COMPLETIONS.end)
    assert events[0] == Started("m")
    assert (text_of(events), events[-1]) == ("a", Finished("stop"))


@both
def test_late_and_double_ends_change_nothing(wire: Wire) -> None:
    events = decode(wire, wire.piece("a") + b"".join(wire.end) * 3 + wire.piece("late") + wire.error("late"))
    assert text_of(events) == "a"
    assert [event for event in events if isinstance(event, Finished | Failed)] == [Finished("stop")]


@both
def test_thinking_alone_and_nothing_at_all(wire: Wire) -> None:
    events = decode(wire, wire.piece("", "hm"), *wire.end)
    assert (text_of(events), thinking_of(events), events[-1]) == ("", "hm", Finished("stop"))
    assert [e for e in decode(wire, *wire.end) if not isinstance(e, Started)] == [Finished("stop")]


@both
@pytest.mark.parametrize("error", [b'"plain"', b'{"message":"plain"}', b'{"message":"plain","code":500}'])
def test_an_error_after_the_200_keeps_what_came(wire: Wire, error: bytes) -> None:
    events = decode(wire, wire.piece("a"), wire.frame(b'{"error":' + error + b"}"), *wire.end)
    last = events[-1]
    assert text_of(events) == "a"
    assert isinstance(last, Failed)
    assert (last.kind, last.message) == (ErrorKind.SERVER, "it: plain")


@both
@given(chunks=st.lists(st.binary(max_size=200), max_size=20))
def test_arbitrary_bytes_end_once_and_raise_nothing(wire: Wire, chunks: list[bytes]) -> None:
    ends = [event for event in decode(wire, *chunks) if isinstance(event, Finished | Failed)]
    assert len(ends) == 1


@both
@given(
    edits=st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 3), st.binary(max_size=4)), min_size=1, max_size=8)
)
def test_damaged_captures_end_once_and_raise_nothing(wire: Wire, edits: list[tuple[int, int, bytes]]) -> None:
    captures = [capture(name).body for name in WIRE_OF if WIRE_OF[name] is wire]
    body = bytearray(captures[0] if captures else wire.reply("of Gemini", "there is", "no capture"))
    for at, length, instead in edits:
        at %= len(body)
        body[at : at + length] = instead
    events = decode(wire, bytes(body))
    assert len([event for event in events if isinstance(event, Finished | Failed)]) == 1
    text_of(events).encode()  # no lone surrogate gets through


@pytest.mark.parametrize("choices", [None, []])
def test_usage_without_choices(choices: list[object] | None) -> None:
    chunk = openai({"choices": choices, "usage": {"prompt_tokens": 1, "completion_tokens": 2}})
    assert Usage(1, None, None, 2) in decode(CHAT_COMPLETIONS, chunk)


def openai(value: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_thinking_under_both_names(field: str) -> None:
    chunk = openai({"choices": [{"delta": {field: "hm", "content": None}}]})
    assert Thinking("hm") in decode(CHAT_COMPLETIONS, chunk)


def test_lists_of_words_and_thoughts_as_mistral_sends_them() -> None:
    def content(*parts: dict[str, Any]) -> bytes:
        return openai({"choices": [{"delta": {"content": list(parts)}}]})

    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "h"}, {"type": "text", "text": "m"}]}
    events = decode(
        CHAT_COMPLETIONS, content(thought), content({"type": "text", "text": "a"}), CHAT_COMPLETIONS.piece("b")
    )
    assert (thinking_of(events), text_of(events)) == ("hm", "ab")


def test_every_detail_of_openais_usage() -> None:
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "prompt_tokens_details": {"cached_tokens": 80, "cache_write_tokens": 10, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 30},
    }
    events = decode(CHAT_COMPLETIONS, openai({"choices": [], "usage": usage}), *CHAT_COMPLETIONS.end)
    assert Usage(100, 80, 10, 50, 30) in events


def test_a_refusal_is_the_models_own_text() -> None:
    chunk = openai({"choices": [{"delta": {"refusal": "I cannot."}}]})
    assert text_of(decode(CHAT_COMPLETIONS, chunk)) == "I cannot."


def test_only_the_first_choice_is_read() -> None:
    chunk = openai({"choices": [{"index": 1, "delta": {"content": "no"}}, {"index": 0, "delta": {"content": "yes"}}]})
    assert text_of(decode(CHAT_COMPLETIONS, chunk)) == "yes"


def test_the_first_finish_reason_stays() -> None:
    chunks = [openai({"choices": [{"delta": {}, "finish_reason": reason}]}) for reason in ("length", "stop")]
    assert decode(CHAT_COMPLETIONS, *chunks, b"data: [DONE]\n\n")[-1] == Finished("length")


@pytest.mark.parametrize("mark", [b"data:[DONE]\n\n", b"data:  [DONE] \r\n\r\n", b"data: [DONE]"])
def test_the_end_mark_with_other_blanks(mark: bytes) -> None:
    assert decode(CHAT_COMPLETIONS, CHAT_COMPLETIONS.piece("a"), mark)[-1] == Finished(None)


def test_an_error_as_older_vllm_sends_it() -> None:
    chunk = openai({"object": "error", "message": "boom", "type": "InternalServerError", "code": 500})
    (event,) = decode(CHAT_COMPLETIONS, chunk, b"data: [DONE]\n\n")
    assert isinstance(event, Failed)
    assert event.message == "it: boom"


def test_an_error_then_done_is_one_failure() -> None:
    events = decode(CHAT_COMPLETIONS, CHAT_COMPLETIONS.error("boom"), b"data: [DONE]\n\n")
    assert [type(event) for event in events] == [Failed]
