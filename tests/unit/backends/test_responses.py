"""What is peculiar to Responses: how a stream ends, what stands between its parts, what is no part of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hybridchat.backends.failures import failed
from hybridchat.backends.registry import make_backend
from hybridchat.backends.responses import ResponsesDecoder
from hybridchat.domain.chat import ChatMessage, ChatRequest, Kind, Parameters, Role, Zone
from hybridchat.domain.events import Event, Failed, Finished, Refusal, Signature, Started, Text, Thinking, Usage
from hybridchat.errors import ErrorKind
from tests.fakes.http import FakeServer
from tests.fakes.recorder import Recorded
from tests.fakes.wire import spec_for, text_of, thinking_of


def decode(*events: dict[str, Any] | bytes) -> list[Event]:
    decoder = ResponsesDecoder(lambda body: failed(body, backend="it"))
    heard: list[Event] = []
    for event in events:
        raw = event if isinstance(event, bytes) else json.dumps(event).encode()
        heard += decoder.feed(b"data: " + raw + b"\n\n")
    return heard if heard and isinstance(heard[-1], Finished | Failed) else heard + decoder.end()


def delta(words: str, of: str = "output_text") -> dict[str, Any]:
    return {"type": f"response.{of}.delta", "delta": words}


def ended(event: str = "completed", **response: Any) -> dict[str, Any]:
    return {"type": f"response.{event}", "response": response}


@pytest.mark.parametrize(
    ("event", "response", "reason"),
    [
        ("completed", {"status": "completed"}, "stop"),
        ("completed", {}, "stop"),
        ("completed", {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "length"),
        ("incomplete", {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "length"),
        ("incomplete", {"incomplete_details": {"reason": "steered"}}, "steered"),
        ("incomplete", {"status": "incomplete"}, "incomplete"),
        ("completed", {"status": "completed", "incomplete_details": {"reason": "max_output_tokens"}}, "stop"),
    ],
)
def test_the_status_counts_and_not_the_events_name(event: str, response: dict[str, Any], reason: str) -> None:
    assert decode(delta("a"), ended(event, **response))[-1] == Finished(reason)


@pytest.mark.parametrize("event", ["completed", "incomplete"])
def test_a_filter_is_told_whatever_the_event_is_called(event: str) -> None:
    response = {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}
    *_, refusal, last = decode(delta("Well,"), ended(event, **response))
    assert isinstance(refusal, Refusal)
    assert last == Finished("content_filter")


ERROR = {"code": "server_error", "message": "oops"}


@pytest.mark.parametrize(
    "event",
    [
        ended("failed", status="failed", error=ERROR),
        ended("completed", status="failed", error=ERROR),
        {"type": "error", **ERROR},
        {"type": "error", "error": ERROR},
        {"error": ERROR},
    ],
)
def test_every_shape_of_an_error_keeps_what_came(event: dict[str, Any]) -> None:
    events = decode(delta("a"), event)
    assert text_of(events) == "a"
    assert isinstance(events[-1], Failed)
    assert (events[-1].kind, events[-1].message) == (ErrorKind.SERVER, "it: oops")


def test_a_response_that_ended_otherwise_says_so() -> None:
    (*_, last) = decode(delta("a"), ended("cancelled", status="cancelled", error=None))
    assert isinstance(last, Failed)
    assert last.message == "it: the response was cancelled"


def test_what_failed_was_counted_too() -> None:
    events = decode(ended("failed", status="failed", error=ERROR, usage={"input_tokens": 3, "output_tokens": 0}))
    assert Usage(3, None, None, 0) in events


def test_a_stream_without_its_last_response_is_cut_short() -> None:
    last = decode(ended("created", status="in_progress", model="m"), delta("a"), b"[DONE]")[-1]
    assert isinstance(last, Failed)
    assert last.kind is ErrorKind.CUT_SHORT


def test_parts_of_a_summary_and_messages_are_paragraphs() -> None:
    part, item = {"type": "response.reasoning_summary_part.added"}, {"type": "response.output_item.added"}
    summary = "reasoning_summary_text"
    events = decode(
        *(item, part, delta("One", summary), delta(".", summary), part, delta("Two.", summary)),
        *(item, delta("I look"), delta(" it up."), item, delta(""), delta("Here.")),
        ended(),
    )
    assert thinking_of(events) == "One.\n\nTwo."
    assert text_of(events) == "I look it up.\n\nHere."


def test_a_refusal_is_told_once_and_its_words_are_text() -> None:
    events = decode(delta("I can", "refusal"), delta("not.", "refusal"), ended())
    assert [type(event) for event in events] == [Started, Text, Refusal, Text, Finished]
    assert text_of(events) == "I cannot."


def test_open_models_show_their_thinking_itself() -> None:
    assert Thinking("hm") in decode(delta("hm", "reasoning_text"), ended())


def test_each_item_of_reasoning_is_signed_as_soon_as_it_is_whole() -> None:
    def item(number: int, **fields: Any) -> dict[str, Any]:
        given = {"type": "reasoning", "id": f"rs_{number}", "summary": [], "status": None, **fields}
        return {"type": "response.output_item.done", "item": given}

    message = {"type": "response.output_item.done", "item": {"type": "message", "id": "msg_1", "content": []}}
    events = decode(item(1, encrypted_content="x"), item(2), message, item(3, encrypted_content="y"), delta("a"))
    first, second = (json.loads(event.value) for event in events if isinstance(event, Signature))
    assert first == [{"type": "reasoning", "id": "rs_1", "encrypted_content": "x", "summary": []}]
    assert [thought["id"] for thought in second] == ["rs_1", "rs_3"], "what is not encrypted is of no use later"


def test_a_model_that_is_named_late_is_told_again() -> None:
    events = decode(ended("created", status="in_progress"), delta("a"), ended(status="completed", model="tiny.gguf"))
    assert [event.model for event in events if isinstance(event, Started)] == [None, "tiny.gguf"]


def test_unknown_events_of_the_protocol_are_no_garbage() -> None:
    news = [
        {"type": "keepalive", "sequence_number": 3},
        {"type": "response.brand_new.delta", "delta": {"of": "another shape"}},
        {"type": "response.function_call_arguments.delta", "delta": "{"},
    ]
    events = decode(*news, delta("a"), ended())
    assert (text_of(events), events[-1]) == ("a", Finished("stop", 0))


def test_events_of_another_protocol_are() -> None:
    assert decode({"type": "message_start"}, delta("a"), ended())[-1] == Finished("stop", 1)


async def test_words_to_stop_at_are_not_dropped_in_silence() -> None:
    asked = ChatRequest(model="m", messages=(ChatMessage(Role.USER, "hi"),), parameters=Parameters(stop=("END",)))
    async with FakeServer(lambda *_: pytest.fail("something was sent")) as server:
        spec = spec_for(Kind.OPENAI_RESPONSES, server.url, zone=Zone.MANAGED, proof=None)
        backend = make_backend(spec, recorder=Recorded())
        (refused,) = [event async for event in backend.chat(asked)]
        await backend.aclose()
    assert isinstance(refused, Failed)
    assert (refused.kind, "takes no words to stop at" in refused.message) == (ErrorKind.REFUSED, True)
