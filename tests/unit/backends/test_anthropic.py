"""Anthropic's Messages: what goes out, what odd streams mean, thinking that comes back signed."""

from __future__ import annotations

import itertools
import json
from contextlib import aclosing
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridchat.backends.anthropic import AnthropicDecoder
from hybridchat.backends.anthropic_request import request_body
from hybridchat.backends.failures import failed
from hybridchat.backends.registry import make_backend
from hybridchat.domain.attachments import Attachment
from hybridchat.domain.chat import ChatMessage, ChatRequest, HealthState, Kind, Parameters, Role, Zone
from hybridchat.domain.events import Event, Failed, Finished, Refusal, Signature, Started, Text, Thinking, Usage
from hybridchat.errors import ErrorKind
from tests.fakes.anthropic import KEY, FakeAnthropic, Reply, sign
from tests.fakes.http import FakeServer, Request, Responder
from tests.fakes.ollama import FakeOllama
from tests.fakes.recorder import Recorded
from tests.fakes.wire import ANTHROPIC, ask, collect, run, spec_for, text_of, thinking_of

Json = dict[str, Any]


def decode(*values: Json) -> list[Event]:
    decoder = AnthropicDecoder(lambda body: failed(body, backend="it"))
    events = [event for value in values for event in decoder.feed(ANTHROPIC.frame(json.dumps(value).encode()))]
    return events if isinstance(events[-1], Finished | Failed) else events + decoder.end()


def start(**usage: int) -> Json:
    return {"type": "message_start", "message": {"model": "m", "usage": usage}}


def stop(reason: str = "end_turn", usage: Json | None = None, **details: Any) -> tuple[Json, Json]:
    delta = {"stop_reason": reason, "stop_details": details or None}
    return {"type": "message_delta", "delta": delta, "usage": usage}, {"type": "message_stop"}


def block(index: int, begun: Json, *deltas: Json) -> tuple[Json, ...]:
    return (
        {"type": "content_block_start", "index": index, "content_block": begun},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    )


def sent(*messages: ChatMessage, fields: Json | None = None, max_tokens: int = 100, **parameters: Any) -> Json:
    request = ChatRequest("m", messages, Parameters(**parameters))
    body = request_body(request, max_tokens=max_tokens, fields=fields or {}, may_sample=True)
    decoded: Json = msgspec.json.decode(body)
    return decoded


MARK = {"cache_control": {"type": "ephemeral"}}
USER = ChatMessage(Role.USER, "hello")


def test_the_smallest_request() -> None:
    content = [{"type": "text", "text": "hello", **MARK}]
    messages = [{"role": "user", "content": content}]
    assert sent(USER) == {"model": "m", "max_tokens": 100, "messages": messages, "stream": True}


def test_everything_that_can_be_set() -> None:
    body = sent(USER, temperature=0.0, top_p=0.5, stop=("END",), seed=7, fields={"output_config": {"effort": "low"}})
    del body["messages"]
    assert body == {
        "model": "m",
        "max_tokens": 100,
        "stream": True,
        "temperature": 0.0,
        "top_p": 0.5,
        "stop_sequences": ["END"],
        "output_config": {"effort": "low"},
    }


def test_the_cache_keeps_the_system_prompt_and_everything_up_to_the_last_message() -> None:
    system, reply = ChatMessage(Role.SYSTEM, "Be brief."), ChatMessage(Role.ASSISTANT, "hi")
    body = sent(system, USER, reply, ChatMessage(Role.USER, "and?"))
    assert body["system"] == [{"type": "text", "text": "Be brief.", **MARK}]
    marked = ["cache_control" in block for message in body["messages"] for block in message["content"]]
    assert marked == [False, False, True]


def test_the_cache_keeps_nothing_for_a_question_that_nothing_will_follow() -> None:
    request = ChatRequest("m", (ChatMessage(Role.SYSTEM, "Be brief."), USER), will_go_on=False)
    assert b"cache_control" not in request_body(request, max_tokens=9, fields={}, may_sample=True)


def test_attachments_come_before_the_words() -> None:
    attachments = (
        Attachment("a.png", "image/png", b"\x89PNG"),
        Attachment("b.pdf", "application/pdf", b"%PDF"),
        Attachment("c.csv", "text/csv", "naïve".encode()),
    )
    content = sent(ChatMessage(Role.USER, "look", attachments))["messages"][0]["content"]
    assert content == [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw=="}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="},
            "title": "b.pdf",
        },
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "naïve"},
            "title": "c.csv",
        },
        {"type": "text", "text": "look", **MARK},
    ]


async def test_what_cannot_go_along_is_said_and_nothing_is_sent() -> None:
    sound = ChatMessage(Role.USER, "listen", (Attachment("a.wav", "audio/wav", b"RIFF"),))
    async with FakeAnthropic() as server:
        backend = make_backend(
            spec_for(Kind.ANTHROPIC, server.url, zone=Zone.MANAGED, proof=None), KEY, recorder=Recorded()
        )
        (event,) = await collect(backend, ChatRequest("m", (sound,)))
        assert isinstance(event, Failed)
        assert (event.kind, "a.wav" in event.message, bool(event.remedy)) == (ErrorKind.REFUSED, True, True)
        assert server.requests == []


@pytest.mark.parametrize(
    ("max_tokens", "thinking"),
    [
        (20_000, {"type": "enabled", "budget_tokens": 8192}),
        (10_000, {"type": "enabled", "budget_tokens": 5000}),
        (2048, {"type": "enabled", "budget_tokens": 1024}),
        (2000, None),
    ],
)
def test_a_budget_of_thinking_leaves_room_for_the_answer(max_tokens: int, thinking: Json | None) -> None:
    fields = {"thinking": {"type": "enabled", "budget_tokens": 8192}}
    assert sent(USER, fields=fields, max_tokens=max_tokens).get("thinking") == thinking


def signed(*events: Event) -> str:
    """The signature that counts: the last one."""
    return [event.value for event in events if isinstance(event, Signature)][-1]


def given_back(thinking: str, signature: str) -> list[Json]:
    reply = ChatMessage(Role.ASSISTANT, "hi", thinking=thinking, signature=signature)
    content: list[Json] = sent(USER, reply, USER)["messages"][1]["content"]
    return content


def test_thinking_that_a_stop_cut_off_is_given_back_as_far_as_it_was_signed() -> None:
    first = block(0, {"type": "thinking"}, {"thinking": "One."}, {"signature": "s1"})
    events = decode(start(), *first, *block(1, {"type": "thinking"}, {"thinking": "Tw"})[:-1])
    assert given_back(thinking_of(events), signed(*events)) == [
        {"type": "thinking", "thinking": "One.", "signature": "s1"},
        {"type": "text", "text": "hi"},
    ]


def test_signatures_of_thinking_that_is_not_shown() -> None:
    events = decode(start(), *block(0, {"type": "thinking", "thinking": ""}, {"signature": "s"}), *stop())
    assert given_back("", signed(*events))[0] == {"type": "thinking", "thinking": "", "signature": "s"}


def test_thinking_without_a_signature_stays_here() -> None:
    events = decode(start(), *block(0, {"type": "thinking"}, {"thinking": "hm"}, {"signature": ""}), *stop())
    assert not any(isinstance(event, Signature) for event in events)


@pytest.mark.parametrize(
    "signature", ["", "Eo0BCkYIBxgCIkD", "{}", "[7]", '[{"characters":9,"signature":"s"}]', '[{"characters":null}]']
)
def test_a_signature_that_does_not_fit_is_left_out(signature: str) -> None:
    assert given_back("hm", signature) == [{"type": "text", "text": "hi"}]


@given(st.lists(st.tuples(st.text(), st.sampled_from(["thinking", "redacted_thinking"])), max_size=5))
def test_blocks_of_thinking_come_back_as_they_came(thoughts: list[tuple[str, str]]) -> None:
    came: list[Json] = []
    values: list[Json] = []
    for index, (words, kind) in enumerate(thoughts):
        if kind == "thinking":
            halves = words[: len(words) // 2], words[len(words) // 2 :]
            deltas = [{"thinking": half} for half in halves] + [{"signature": sign(words)}]
            values += block(index, {"type": kind, "thinking": "", "signature": ""}, *deltas)
            came.append({"type": kind, "thinking": words, "signature": sign(words)})
        else:
            values += block(index, {"type": kind, "data": "x" + words})
            came.append({"type": kind, "data": "x" + words})
    events = decode(start(), *values, *stop())
    signature = signed(Signature(""), *events)
    assert given_back(thinking_of(events), signature) == [*came, {"type": "text", "text": "hi"}]


def test_usage_is_cumulative_and_what_comes_again_replaces() -> None:
    later = {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 3}}
    details = {"output_tokens": 9, "output_tokens_details": {"thinking_tokens": 4}, "input_tokens": 11}
    events = decode(
        start(input_tokens=10, cache_creation_input_tokens=100, cache_read_input_tokens=1000, output_tokens=1),
        later,
        *stop("end_turn", details),
    )
    assert [event for event in events if isinstance(event, Usage)] == [
        Usage(1110, 1000, 100, None, None),  # of a reply that breaks here nobody knows how long it is
        Usage(1110, 1000, 100, 3, None),
        Usage(1111, 1000, 100, 9, 4),
    ]


def test_usage_that_nobody_tells_is_unknown() -> None:
    counts = [event for event in decode(start(), *stop("end_turn", {"output_tokens": 2})) if isinstance(event, Usage)]
    assert counts == [Usage(), Usage(completion_tokens=2)]


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        ({}, "the model refused"),
        ({"category": "cyber"}, "the model refused (cyber)"),
        ({"category": None, "explanation": "No\x1b[31m\nway."}, "the model refused: No␛[31m way."),
    ],
)
def test_refusals_say_why(details: Json, reason: str) -> None:
    events = decode(start(), *stop("refusal", None, **details))
    assert events[-2:] == [Refusal(reason), Finished("refusal")]


def test_blocks_of_other_kinds_are_no_garbage() -> None:
    tool = block(0, {"type": "tool_use", "id": "t", "name": "n", "input": {}}, {"partial_json": '{"a":'})
    cited = block(1, {"type": "text", "text": "a"}, {"text": "b"}, {"type": "citations_delta", "citation": {}})
    assert decode(start(), *tool, *cited, *stop("tool_use")) == [
        Started("m"),
        Usage(),
        Text("a"),
        Text("b"),
        Finished("tool_use"),
    ]


def test_a_stream_without_its_start_is_understood_all_the_same() -> None:
    assert decode(*block(0, {"type": "text"}, {"text": "a"}), *stop()) == [
        Started(None),
        Text("a"),
        Finished("end_turn"),
    ]


async def test_thinking_that_another_account_signed_is_left_out() -> None:
    """So that a conversation goes on with a new key."""
    signature = json.dumps([{"characters": 2, "signature": sign("signed elsewhere")}])
    reply = ChatMessage(Role.ASSISTANT, "hi", thinking="hm", signature=signature)
    async with FakeAnthropic() as server:
        backend = make_backend(
            spec_for(Kind.ANTHROPIC, server.url, zone=Zone.MANAGED, proof=None), KEY, recorder=Recorded()
        )
        events = await collect(backend, ChatRequest("claude-opus-5", (USER, reply, USER)))
        assert isinstance(events[-1], Finished)
        assert not any(isinstance(event, Failed) for event in events)
        kinds = [[block["type"] for block in sent.json()["messages"][1]["content"]] for sent in server.requests]
        assert kinds == [["thinking", "text"], ["text"]]


async def test_a_reply_that_is_stopped_leaves_its_signed_thinking_and_no_connection() -> None:
    """The fake takes a thousand seconds for all of it."""
    async with FakeAnthropic(Reply("word " * 20_000, ("Hm.",)), tokens_per_s=20.0) as server:
        backend = make_backend(
            spec_for(Kind.ANTHROPIC, server.url, zone=Zone.MANAGED, proof=None), KEY, recorder=Recorded()
        )
        events: list[Event] = []
        async with aclosing(backend.chat(ChatRequest("claude-opus-5", (USER,)))) as stream:
            async for event in stream:
                events.append(event)
                if isinstance(event, Text):
                    break
        await server.hung_up.wait()
        await backend.aclose()
    assert given_back("Hm.", signed(*events))[0] == {"type": "thinking", "thinking": "Hm.", "signature": sign("Hm.")}
    assert [event for event in events if isinstance(event, Usage)] == [Usage(1, 0, 1)], "how long it was nobody knows"


async def streamed(reply: Reply) -> bytes:
    server = FakeAnthropic(reply)
    body = {"model": "m", "messages": [{"content": [{"type": "text", "text": "a b"}]}]}
    return b"".join([ANTHROPIC.frame(json.dumps(event).encode()) async for event in server._events(body)])


def decode_bytes(*chunks: bytes) -> tuple[str, str, list[object]]:
    decoder = AnthropicDecoder(lambda body: failed(body, backend="it"))
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    others: list[object] = [event for event in events if not isinstance(event, Text | Thinking)]
    return text_of(events), thinking_of(events), others


@pytest.fixture(scope="module")
def long_stream() -> bytes:
    import asyncio

    return asyncio.run(streamed(Reply("Ünï 👩‍👩‍👧 code", ("Let me\u2028see.", "redacted:x", "Yes 👍."))))


@given(cuts=st.lists(st.integers(0, 20_000), max_size=40))
def test_any_cut_gives_the_same_events(long_stream: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(cut % len(long_stream) for cut in cuts), len(long_stream)]
    chunks = [long_stream[a:b] for a, b in itertools.pairwise(edges)]
    assert decode_bytes(*chunks) == decode_bytes(long_stream)


async def test_an_error_as_the_api_frames_it() -> None:
    async def script(respond: Responder) -> None:
        await respond.begin(ANTHROPIC.content_type)
        await respond.chunk(ANTHROPIC.piece("kept"))
        error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
        await respond.chunk(b"event: error\n" + ANTHROPIC.frame(json.dumps(error).encode()))
        await respond.finish()

    events = await run(ANTHROPIC, script)
    last = events[-1]
    assert isinstance(last, Failed)
    assert (text_of(events), last.kind, last.message) == ("kept", ErrorKind.OVERLOADED, "it: Overloaded")


async def test_an_ollama_behind_this_protocol_is_found_out() -> None:
    """Its /v1/messages would forward a model under a harmless name, too."""
    async with FakeOllama() as server:
        (event,) = await collect(make_backend(spec_for(Kind.ANTHROPIC, server.url), recorder=Recorded()), ask())
        assert isinstance(event, Failed)
        assert event.kind is ErrorKind.IDENTITY
        assert server.sent("/v1/messages") == []


@pytest.mark.parametrize(
    ("answer", "state", "names"),
    [
        ({"data": [{"id": "a"}], "has_more": True, "last_id": None}, HealthState.HEALTHY, ["a"]),
        ({"data": [{"id": "a", "max_model_len": 7}]}, HealthState.HEALTHY, ["a"]),
        ({"data": 7}, HealthState.UNHEALTHY, []),
        (None, HealthState.HEALTHY, []),
    ],
)
async def test_lists_of_compatible_servers(answer: Json | None, state: HealthState, names: list[str]) -> None:
    async def handle(request: Request, respond: Responder) -> None:
        await respond.whole(answer or {"error": "not found"}, 200 if answer else 404)

    async with FakeServer(handle) as server:
        backend = make_backend(
            spec_for(Kind.ANTHROPIC, server.url + "/anthropic", zone=Zone.MANAGED, proof=None), recorder=Recorded()
        )
        health = await backend.health()
        assert (health.state, [model.name for model in health.models]) == (state, names)
        assert server.requests[-1].path == "/anthropic/v1/models?limit=1000"
        await backend.aclose()
