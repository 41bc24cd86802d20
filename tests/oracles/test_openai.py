"""What OpenAI's own library reads from the fake, the adapters read too: same requests, bytes and assertions."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from openai.types.chat import ChatCompletionContentPartParam
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from openai.types.responses.response_create_params import ResponseCreateParamsStreaming
from pydantic import TypeAdapter

from hybridchat.backends.registry import make_backend
from hybridchat.domain.attachments import Attachment
from hybridchat.domain.chat import ChatMessage, ChatRequest, Effort, Kind, Role, Zone
from hybridchat.domain.events import Failed, Finished, Limits, Signature
from hybridchat.errors import ErrorKind
from tests.fakes.openai import KEY, PLAIN, REASONING, FakeOpenAI, Refused, Reply, encrypt
from tests.fakes.recorder import Recorded
from tests.fakes.wire import spec_for, text_of, thinking_of
from tests.oracles.openai_listeners import Heard, ask, hear, hear_library, library_at, question

Json = dict[str, Any]

PATHS = {Kind.OPENAI: "/v1/chat/completions", Kind.OPENAI_RESPONSES: "/v1/responses"}
CHECKS = {
    Kind.OPENAI: TypeAdapter(CompletionCreateParamsStreaming),
    Kind.OPENAI_RESPONSES: TypeAdapter(ResponseCreateParamsStreaming),
}
PART = TypeAdapter(ChatCompletionContentPartParam)
both = pytest.mark.parametrize("kind", PATHS)


def check(kind: Kind, body: Json) -> None:
    """Against the library's own types; a list of parts is one that they only look into when it is read."""
    CHECKS[kind].validate_python(body)
    for message in body.get("messages", ()):
        for part in message["content"] if isinstance(message["content"], list) else ():
            PART.validate_python(part)


async def hear_both(kind: Kind, reply: Reply, request: ChatRequest) -> tuple[Heard, Heard]:
    """Of two servers alike, so that both find an empty cache; they get the same bytes."""
    async with FakeOpenAI(reply) as server, FakeOpenAI(reply) as other:
        ours = await hear(server, kind, request)
        body = server.sent(PATHS[kind])[0].json()
        theirs = await hear_library(other, kind, body)
        assert server.streams == other.streams
        return ours, theirs


SERVER_ERROR = {"code": "server_error", "message": "The server had an error."}
TOO_FAST = {"code": "rate_limit_exceeded", "message": "Rate limit reached."}
REPLIES = [
    (Reply(), Heard(text="Hello there, how can I help?", completion=6, thought=0, finish_reason="stop")),
    (
        Reply("Yes — naïve 👩‍👩‍👧.", ("Let me see.", "It is simple.")),
        Heard(
            text="Yes — naïve 👩‍👩‍👧.",
            thinking="Let me see.\n\nIt is simple.",
            completion=10,
            thought=6,
            finish_reason="stop",
        ),
    ),
    (Reply("As far as it", finish_reason="length"), Heard(text="As far as it", completion=4, finish_reason="length")),
    (
        Reply("", refusal="I cannot help with that."),
        Heard(text="I cannot help with that.", refuses=True, completion=5, finish_reason="stop"),
    ),
    (
        Reply("Well,", finish_reason="content_filter"),
        Heard(text="Well,", refuses=True, completion=1, finish_reason="content_filter"),
    ),
    (Reply("", ()), Heard(completion=0, finish_reason="stop")),
    (
        Reply("Half", error=SERVER_ERROR),
        Heard(text="Half", error=ErrorKind.SERVER, message="The server had an error."),
    ),
    (Reply("Half", error=TOO_FAST), Heard(text="Half", error=ErrorKind.RATE_LIMIT, message="Rate limit reached.")),
    (
        Reply("Half", error=TOO_FAST, fails=True),
        Heard(text="Half", error=ErrorKind.RATE_LIMIT, message="Rate limit reached."),
    ),
    (
        Reply("", error={"code": "context_length_exceeded", "message": "Your input exceeds the window."}, fails=True),
        Heard(error=ErrorKind.CONTEXT_OVERFLOW, message="Your input exceeds the window."),
    ),
]


@both
@pytest.mark.parametrize(("reply", "expected"), REPLIES)
async def test_replies(kind: Kind, reply: Reply, expected: Heard) -> None:
    if reply.error is None:
        expected = expected._replace(prompt=1, cached=0, cache_write=1, thought=expected.thought or 0)
    if kind is Kind.OPENAI:
        expected = expected._replace(thinking="")
    ours, theirs = await hear_both(kind, reply, question(model=REASONING))
    assert ours == expected._replace(model=REASONING)
    assert theirs == expected._replace(model=REASONING)


ERRORS = [
    (Refused(401, "Incorrect API key provided.", "invalid_api_key"), ErrorKind.AUTH),
    (Refused(403, "Country not supported.", "unsupported_country_region_territory"), ErrorKind.AUTH),
    (Refused(404, "The model `gpt-9` does not exist.", "model_not_found"), ErrorKind.MODEL_MISSING),
    (Refused(429, "Rate limit reached.", "rate_limit_exceeded", type="requests"), ErrorKind.RATE_LIMIT),
    (Refused(429, "You exceeded your quota.", "insufficient_quota", type="insufficient_quota"), ErrorKind.QUOTA),
    (Refused(400, "Invalid value.", "invalid_value", "messages"), ErrorKind.BAD_REQUEST),
    (Refused(500, "The server had an error.", None, type="server_error"), ErrorKind.SERVER),
    (Refused(503, "Overloaded.", "server_is_overloaded", type="service_unavailable_error"), ErrorKind.OVERLOADED),
]


@both
@pytest.mark.parametrize(("refused", "error"), ERRORS, ids=lambda value: getattr(value, "code", None))
async def test_errors_before_the_stream(kind: Kind, refused: Refused, error: ErrorKind) -> None:
    async with FakeOpenAI() as server:
        server.refused = refused
        expected = Heard(error=error, message=refused.message)
        assert await hear(server, kind, question()) == expected
        assert await hear_library(server, kind, server.requests[-1].json()) == expected


@both
async def test_a_prompt_that_is_too_long_tells_its_numbers(kind: Kind) -> None:
    async with FakeOpenAI() as server:
        failed = (await ask(server, kind, question("word " * 2500)))[-1]
        assert isinstance(failed, Failed)
        assert (failed.kind, failed.prompt_tokens, failed.context_window) == (ErrorKind.CONTEXT_OVERFLOW, 2500, 2000)
        theirs = await hear_library(server, kind, server.requests[-1].json())
        assert theirs.error is ErrorKind.CONTEXT_OVERFLOW


@both
async def test_later_turns_come_from_the_cache(kind: Kind) -> None:
    system, first = ChatMessage(Role.SYSTEM, "Be brief and kind."), ChatMessage(Role.USER, "What is the time?")
    async with FakeOpenAI(Reply(tokens_text := "Noon.")) as server:
        begun = await hear(server, kind, question(first.text, system))
        assert (begun.prompt, begun.cached, begun.cache_write) == (8, 0, 8)
        later = await hear(server, kind, question("And now?", system, first, ChatMessage(Role.ASSISTANT, tokens_text)))
        assert (later.prompt, later.cached, later.cache_write) == (11, 8, 3)
        again = await hear_library(server, kind, server.requests[-1].json())
        assert (again.prompt, again.cached, again.cache_write) == (11, 11, 0)


@both
@pytest.mark.parametrize("model", [PLAIN, REASONING])
@pytest.mark.parametrize("effort", [None, *Effort])
async def test_no_effort_asks_for_what_the_api_refuses(kind: Kind, model: str, effort: Effort | None) -> None:
    request = question(model=model, effort=effort, temperature=0.5, top_p=0.9, max_tokens=9)
    async with FakeOpenAI() as server:
        assert isinstance((await ask(server, kind, request))[-1], Finished)
        body = server.requests[-1].json()
    check(kind, body)
    assert ("temperature" in body) == (model == PLAIN or effort is Effort.OFF)
    asked = body.get("reasoning_effort") or body.get("reasoning", {}).get("effort")
    words = {None: None, Effort.OFF: "none"}.get(effort, effort)
    assert asked == (words if model == REASONING else None)


@both
async def test_pictures_documents_and_texts_go_along(kind: Kind) -> None:
    attached = (
        Attachment("a.png", "image/png", b"\x89PNG"),
        Attachment("b.pdf", "application/pdf", b"%PDF"),
        Attachment("c.txt", "text/plain", b"notes"),
    )
    async with FakeOpenAI() as server:
        asked = replace(question(), messages=(ChatMessage(Role.USER, "look", attached),))
        assert isinstance((await ask(server, kind, asked))[-1], Finished)
        body = server.requests[-1].json()
        check(kind, body)
        parts = (body.get("messages") or body["input"])[0]["content"]
        kinds = [part["type"].removeprefix("input_") for part in parts]
        assert kinds == ["image_url" if kind is Kind.OPENAI else "image", "file", "text", "text"]
        assert "data:image/png;base64,iVBORw==" in repr(parts[0])
        assert "data:application/pdf;base64,JVBERg==" in repr(parts[1])
        strange = replace(asked, messages=(ChatMessage(Role.USER, "", (Attachment("a.zip", "application/zip", b""),)),))
        (failed,) = await ask(server, kind, strange)
        assert isinstance(failed, Failed)
        assert (failed.kind, len(server.streams)) == (ErrorKind.REFUSED, 1)


async def test_reasoning_is_given_back_as_it_came() -> None:
    thoughts = ("Let me see.", "It is simple.")
    kind, first = Kind.OPENAI_RESPONSES, ChatMessage(Role.USER, "hello")
    async with FakeOpenAI(Reply(thoughts=thoughts)) as server:
        events = await ask(server, kind, question(first.text, model=REASONING))
        (signature,) = [event.value for event in events if isinstance(event, Signature)]
        reply = ChatMessage(Role.ASSISTANT, text_of(events), thinking=thinking_of(events), signature=signature)
        events = await ask(server, kind, question("and now?", first, reply, model=REASONING))
        assert isinstance(events[-1], Finished)
        body = server.requests[-1].json()
    assert [item["type"] for item in body["input"]] == ["message", "reasoning", "message", "message"]
    assert body["input"][1]["encrypted_content"] == encrypt(thoughts)
    check(kind, body)
    assert (body["store"], body["include"]) == (False, ["reasoning.encrypted_content"])


SIGNED = f'[{{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"{encrypt(())}"}}]'
OTHERS = [(REASONING, signature) for signature in ("", "{}", "[7]", '[{"type":"other"}]', "no json")]


@pytest.mark.parametrize(("model", "signature"), [*OTHERS, (PLAIN, SIGNED)])
async def test_reasoning_stays_here_where_it_is_of_no_use(model: str, signature: str) -> None:
    """It came over another protocol, or the model now asked does not reason."""
    reply = ChatMessage(Role.ASSISTANT, "hi", thinking="hm", signature=signature)
    async with FakeOpenAI() as server:
        await ask(server, Kind.OPENAI_RESPONSES, question("and now?", reply, model=model))
        assert [item["type"] for item in server.requests[-1].json()["input"]] == ["message", "message"]


async def test_reasoning_of_another_account_is_left_out_and_the_conversation_goes_on() -> None:
    reply = ChatMessage(Role.ASSISTANT, "hi", thinking="hm", signature=SIGNED.replace(encrypt(()), "of another"))
    async with FakeOpenAI() as server:
        events = await ask(server, Kind.OPENAI_RESPONSES, question("and now?", reply, model=REASONING))
        assert isinstance(events[-1], Finished)
        first, second = ([item["type"] for item in request.json()["input"]] for request in server.requests)
    assert (first, second) == (["reasoning", "message", "message"], ["message", "message"])


async def test_an_organization_without_summaries_is_answered_without_them() -> None:
    async with FakeOpenAI(Reply(thoughts=("Hm.",)), verified=False) as server:
        backend = make_backend(
            spec_for(Kind.OPENAI_RESPONSES, server.url, zone=Zone.MANAGED, proof=None), KEY, recorder=Recorded()
        )
        for _ in range(2):
            events = [event async for event in backend.chat(question(model=REASONING, effort=Effort.LOW))]
            assert isinstance(events[-1], Finished)
            assert (text_of(events), thinking_of(events)) == (Reply().text, "")
        await backend.aclose()
        asked = [request.json()["reasoning"] for request in server.sent("/v1/responses")]
        assert asked == [{"effort": "low", "summary": "auto"}, {"effort": "low"}, {"effort": "low"}]


@both
async def test_limits_and_when_to_come_again(kind: Kind) -> None:
    async with FakeOpenAI(tokens_per_s=1e6) as server:
        assert (await ask(server, kind, question()))[1] == Limits(4999, 5000, 0.012, 799_986, 800_000, 360.0)
        headers = {"retry-after": "7", "retry-after-ms": "6500", "x-should-retry": "false"}
        server.refused = Refused(429, "Slow down.", "rate_limit_exceeded", headers=headers)
        _, limits, failed = await ask(server, kind, question())
        assert isinstance(limits, Limits)
        assert isinstance(failed, Failed)
        assert (failed.retry_after_s, failed.should_retry) == (6.5, False)


@both
async def test_the_list_of_models_as_the_library_reads_it(kind: Kind) -> None:
    async with FakeOpenAI() as server:
        backend = make_backend(spec_for(kind, server.url, zone=Zone.MANAGED, proof=None), KEY, recorder=Recorded())
        health = await backend.health()
        await backend.aclose()
        async with library_at(server) as client:
            listed = [model.id async for model in client.models.list()]
        assert [model.name for model in health.models] == listed == [PLAIN, REASONING]
        assert {model.context_window for model in health.models} == {None}, "OpenAI does not tell"


async def test_the_fake_refuses_what_the_api_refuses() -> None:
    """Each of these would be a fault of the adapters' that no other test sees."""
    async with FakeOpenAI() as server:
        forged = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "forged"}
        chat = {"messages": [{"role": "user", "content": "hi"}], "stream": True}
        for kind, body in (
            (Kind.OPENAI, {**chat, "model": REASONING, "temperature": 0.5}),
            (Kind.OPENAI, {**chat, "model": REASONING, "max_tokens": 5}),
            (Kind.OPENAI, {**chat, "model": REASONING, "reasoning_effort": "minimal"}),
            (Kind.OPENAI, {**chat, "model": PLAIN, "reasoning_effort": "low"}),
            (Kind.OPENAI_RESPONSES, {"model": PLAIN, "input": [forged], "stream": True}),
            (Kind.OPENAI_RESPONSES, {"model": PLAIN, "input": [], "include": [], "stream": True}),
        ):
            assert (await hear_library(server, kind, body)).error is ErrorKind.BAD_REQUEST, body
