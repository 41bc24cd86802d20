"""Gemini: what goes out, what odd streams mean, signatures on the parts that they came with."""

from __future__ import annotations

import itertools
import json
from contextlib import aclosing
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridchat.backends.failures import failed
from hybridchat.backends.gemini import GeminiDecoder
from hybridchat.backends.gemini_request import model_path, request_body
from hybridchat.backends.registry import make_backend
from hybridchat.domain.attachments import Attachment
from hybridchat.domain.chat import ChatMessage, ChatRequest, Kind, Parameters, Role, Zone
from hybridchat.domain.events import Event, Failed, Finished, Refusal, Signature, Started, Text, Thinking, Usage
from hybridchat.errors import ErrorKind, UsageError
from tests.fakes.gemini import KEY, FakeGemini, Part, Reply
from tests.fakes.recorder import Recorded
from tests.fakes.wire import GEMINI, collect, spec_for, text_of, thinking_of

Json = dict[str, Any]
USER = ChatMessage(Role.USER, "hello")


def decode_bytes(*chunks: bytes) -> list[Event]:
    decoder = GeminiDecoder(lambda body: failed(body, backend="it"))
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    return events if events and isinstance(events[-1], Finished | Failed) else events + decoder.end()


def decode(*values: Json) -> list[Event]:
    return decode_bytes(*(GEMINI.frame(json.dumps(value).encode()) for value in values))


def said(*parts: Json, **candidate: Any) -> Json:
    return {"candidates": [{"content": {"role": "model", "parts": list(parts)}, **candidate}]}


def sent(*messages: ChatMessage, fields: Json | None = None, **parameters: Any) -> Json:
    request = ChatRequest("m", messages, Parameters(**parameters))
    decoded: Json = msgspec.json.decode(request_body(request, fields=fields or {}, may_sample=True))
    return decoded


def test_the_smallest_request() -> None:
    assert sent(USER) == {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}


def test_everything_that_can_be_set() -> None:
    system, reply = ChatMessage(Role.SYSTEM, "Be brief."), ChatMessage(Role.ASSISTANT, "hi")
    thinking = {"thinkingConfig": {"thinkingBudget": 0}}
    body = sent(
        *(system, USER, reply, USER), temperature=0.0, top_p=0.5, max_tokens=9, stop=("END",), seed=7, fields=thinking
    )
    assert [content["role"] for content in body["contents"]] == ["user", "model", "user"]
    assert body["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    assert body["generationConfig"] == {
        "temperature": 0.0,
        "topP": 0.5,
        "maxOutputTokens": 9,
        "stopSequences": ["END"],
        "seed": 7,
        **thinking,
    }


def test_attachments_come_before_the_words() -> None:
    attachments = (
        Attachment("a.png", "image/png", b"\x89PNG"),
        Attachment("b.pdf", "application/pdf", b"%PDF"),
        Attachment("c.csv", "text/csv", b"1,2"),
    )
    assert sent(ChatMessage(Role.USER, "look", attachments))["contents"][0]["parts"] == [
        {"inlineData": {"mimeType": "image/png", "data": "iVBORw=="}},
        {"inlineData": {"mimeType": "application/pdf", "data": "JVBERg=="}},
        {"text": "c.csv:\n\n1,2"},
        {"text": "look"},
    ]


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gemini-2.5-pro", "/models/gemini-2.5-pro"),
        ("models/gemini-2.5-pro", "/models/gemini-2.5-pro"),
        ("tunedModels/mine-1", "/tunedModels/mine-1"),
        ("odd name?key=x&y#z%", "/models/odd%20name%3Fkey%3Dx%26y%23z%25"),
        ("naïve:x", "/models/na%C3%AFve%3Ax"),
    ],
)
def test_a_models_name_stays_within_its_path(model: str, path: str) -> None:
    assert model_path(model) == path


@pytest.mark.parametrize("model", ["", "/", "models/", "../files", "models/../files", "models/.", "a//b"])
async def test_what_is_no_models_name_is_said_and_nothing_is_sent(model: str) -> None:
    with pytest.raises(UsageError):
        model_path(model)
    async with FakeGemini() as server:
        backend = make_backend(
            spec_for(Kind.GEMINI, server.url, zone=Zone.MANAGED, proof=None), KEY, recorder=Recorded()
        )
        (event,) = await collect(backend, ChatRequest(model, (USER,)))
        assert isinstance(event, Failed)
        assert (event.kind, bool(event.remedy), server.requests) == (ErrorKind.REFUSED, True, [])


@pytest.mark.parametrize("base", ["", "/v1beta", "/v1beta/", "/v1", "/gateway/google"])
async def test_a_version_in_the_address_counts(base: str) -> None:
    async with FakeGemini() as server:
        backend = make_backend(
            spec_for(Kind.GEMINI, server.url + base, zone=Zone.MANAGED, proof=None), KEY, recorder=Recorded()
        )
        await collect(backend, ChatRequest("gemini-9", (USER,)))
        root = base.rstrip("/") if "/v1" in base else f"{base}/v1beta"
        assert server.requests[0].path == f"{root}/models/gemini-9:streamGenerateContent?alt=sse"


def test_usage_is_of_everything_so_far_and_the_last_counts() -> None:
    first = {**said({"text": "a"}), "usageMetadata": {"promptTokenCount": 10, "totalTokenCount": 10}}
    counts = {"promptTokenCount": 10, "cachedContentTokenCount": 8, "toolUsePromptTokenCount": 5}
    counts |= {"candidatesTokenCount": 3, "thoughtsTokenCount": 4}
    last = {**said(finishReason="STOP"), "usageMetadata": counts}
    events = decode(first, last)
    assert [event for event in events if isinstance(event, Usage)] == [
        Usage(10, None, None, 0),
        Usage(15, 8, None, 7, 4),
    ]


def test_without_a_total_what_was_generated_is_unknown() -> None:
    assert Usage(10) in decode({**said({"text": "a"}), "usageMetadata": {"promptTokenCount": 10}})


@pytest.mark.parametrize(
    ("reason", "words"),
    [("SAFETY", "safety"), ("RECITATION", "recitation of a source"), ("SPII", "personal data")],
)
def test_filters_of_the_reply_keep_what_came(reason: str, words: str) -> None:
    events = decode(said({"text": "half"}), said(finishReason=reason))
    refusal = Refusal(f"a content filter of the provider stopped the reply: {words}")
    assert events == [Started(None), Text("half"), refusal, Finished(reason)]


@pytest.mark.parametrize("reason", ["STOP", "MAX_TOKENS", "OTHER", "MALFORMED_RESPONSE", "SOMETHING_NEW"])
def test_other_ends_are_no_refusals(reason: str) -> None:
    assert decode(said({"text": "a"}, finishReason=reason)) == [Started(None), Text("a"), Finished(reason)]


def test_an_unspecified_reason_is_not_the_end() -> None:
    """Vertex AI gives it until there is one."""
    first = said({"text": "a"}, finishReason="FINISH_REASON_UNSPECIFIED")
    assert decode(first, said({"text": "b"}, finishReason="STOP"))[1:] == [Text("a"), Text("b"), Finished("STOP")]
    assert isinstance(decode(first)[-1], Failed)


def test_a_reply_that_another_request_would_go_on_with_is_not_whole() -> None:
    events = decode(said({"text": "half"}, finishReason="CONTINUATION", continuationToken="t"))
    assert text_of(events) == "half"
    assert isinstance(events[-1], Failed)
    assert (events[-1].kind, events[-1].remedy) == (ErrorKind.CUT_SHORT, "continue")


@pytest.mark.parametrize("reason", ["SAFETY", "OTHER", "NEW\x1b[31m"])
def test_a_blocked_question_is_a_refusal_whatever_the_reason(reason: str) -> None:
    started, refusal, finished = decode({"promptFeedback": {"blockReason": reason}, "modelVersion": "m"})
    assert (started, finished) == (Started("m"), Finished(reason))
    assert isinstance(refusal, Refusal)
    assert refusal.reason.startswith("a content filter of the provider stopped the reply: ")
    assert "\x1b" not in refusal.reason


def test_parts_of_other_kinds_and_other_candidates_are_no_words() -> None:
    other = {"index": 1, "content": {"parts": [{"text": "no"}]}}
    call = {"functionCall": {"name": "f", "args": {}}}
    chunk = {"candidates": [other, {"index": 0, "content": {"parts": [call, {"text": "yes"}]}, "finishReason": "STOP"}]}
    assert decode(chunk) == [Started(None), Text("yes"), Finished("STOP")]


def given_back(reply: ChatMessage) -> list[Json]:
    parts: list[Json] = sent(USER, reply, USER)["contents"][1]["parts"]
    return parts


@pytest.mark.parametrize(
    "signature", ["", "Eo0BCkYIBxgCIkD", "{}", "[7]", '[{"begin":1,"characters":9,"signature":"s"}]']
)
def test_a_signature_that_does_not_fit_is_left_out(signature: str) -> None:
    assert given_back(ChatMessage(Role.ASSISTANT, "hi", thinking="hm", signature=signature)) == [{"text": "hi"}]


def test_a_signature_at_the_end_on_a_part_without_words() -> None:
    events = decode(said({"text": "a"}), said({"text": "", "thoughtSignature": "s"}, finishReason="STOP"))
    (signature,) = (event.value for event in events if isinstance(event, Signature))
    assert given_back(ChatMessage(Role.ASSISTANT, "a", signature=signature)) == [
        {"text": "a"},
        {"text": "", "thoughtSignature": "s"},
    ]


async def test_a_reply_that_is_stopped_keeps_the_count_so_far_and_no_connection() -> None:
    """The fake takes a thousand seconds for all of it."""
    async with FakeGemini(Reply((Part("word " * 20_000),)), tokens_per_s=20.0) as server:
        backend = make_backend(
            spec_for(Kind.GEMINI, server.url, zone=Zone.MANAGED, proof=None), KEY, recorder=Recorded()
        )
        async with aclosing(backend.chat(ChatRequest("gemini-9", (USER,)))) as stream:
            async for event in stream:
                if isinstance(event, Usage):
                    break
        assert event == Usage(1, None, None, 1)
        await server.hung_up.wait()
        await backend.aclose()


parts = st.fixed_dictionaries(
    {"text": st.text()}, optional={"thought": st.just(True), "thoughtSignature": st.text("ab=", min_size=1)}
)


@given(st.lists(parts, max_size=8))
def test_signed_parts_come_back_as_they_came_and_no_word_is_lost(came: list[Json]) -> None:
    events = decode(*(said(part) for part in came), said(finishReason="STOP"))
    signature = ["", *(event.value for event in events if isinstance(event, Signature))][-1]
    back = given_back(ChatMessage(Role.ASSISTANT, text_of(events), thinking=thinking_of(events), signature=signature))
    for is_thought in (True, False):
        assert [part for part in back if "thoughtSignature" in part and part.get("thought", False) == is_thought] == [
            part for part in came if "thoughtSignature" in part and part.get("thought", False) == is_thought
        ]
    assert "".join(part["text"] for part in back if not part.get("thought")) == text_of(events)


LONG = b"".join(
    GEMINI.frame(json.dumps(value, ensure_ascii=False).encode())
    for value in (
        said({"text": "Let me\u2028see.", "thought": True}),
        said({"text": "Ünï 👩‍👩‍👧"}),
        said({"text": " code", "thoughtSignature": "s"}, finishReason="STOP"),
    )
)


@given(cuts=st.lists(st.integers(0, 20_000), max_size=40))
def test_any_cut_gives_the_same_events(cuts: list[int]) -> None:
    edges = [0, *sorted(cut % len(LONG) for cut in cuts), len(LONG)]
    assert decode_bytes(*(LONG[a:b] for a, b in itertools.pairwise(edges))) == decode_bytes(LONG)


def test_that_long_stream_is_what_it_says() -> None:
    events = decode_bytes(LONG)
    assert [event for event in events if not isinstance(event, Signature)] == [
        Started(None),
        Thinking("Let me\u2028see."),
        Text("Ünï 👩‍👩‍👧"),
        Text(" code"),
        Finished("STOP"),
    ]
