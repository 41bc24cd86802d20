"""What OpenAI's own library reads from the fake, the adapters read too: same requests, bytes and assertions."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any, NamedTuple

import openai
import pytest
from msgspec.structs import replace
from openai.types.chat import ChatCompletionContentPartParam
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from openai.types.responses.response_create_params import ResponseCreateParamsStreaming
from pydantic import TypeAdapter

from hybridchat.backends.registry import make_backend
from hybridchat.domain.chat import Attachment, ChatMessage, ChatRequest, Effort, Kind, Parameters, Role, Zone
from hybridchat.domain.events import Event, Failed, Finished, Limits, Refusal, Signature, Started, Usage
from hybridchat.errors import ErrorKind
from tests.fakes.openai import KEY, PLAIN, REASONING, FakeOpenAI, Refused, Reply, encrypt
from tests.fakes.wire import spec_for, text_of, thinking_of

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


class Heard(NamedTuple):
    """What came of one request, whoever asked."""

    model: str | None = None
    text: str = ""
    thinking: str = ""
    refuses: bool = False
    prompt: int | None = None
    cached: int | None = None
    cache_write: int | None = None
    completion: int | None = None
    thought: int | None = None
    finish_reason: str | None = None
    error: ErrorKind | None = None
    message: str = ""


def question(text: str = "hello", *history: ChatMessage, model: str = PLAIN, **parameters: Any) -> ChatRequest:
    return ChatRequest(model, (*history, ChatMessage(Role.USER, text)), Parameters(**parameters))


async def ask(server: FakeOpenAI, kind: Kind, request: ChatRequest, key: str = KEY) -> list[Event]:
    backend = make_backend(spec_for(kind, server.url, zone=Zone.MANAGED, proof=None), key)
    async with aclosing(backend.chat(request)) as stream:
        events = [event async for event in stream]
    await backend.aclose()
    return events


async def hear(server: FakeOpenAI, kind: Kind, request: ChatRequest, key: str = KEY) -> Heard:
    """What our adapter makes of it."""
    events = await ask(server, kind, request, key)
    heard = Heard(text=text_of(events), thinking=thinking_of(events))
    for event in events:
        match event:
            case Started(model):
                heard = heard._replace(model=model)
            case Usage():
                prompt, cached, written = event.prompt_tokens, event.cached_tokens, event.cache_write_tokens
                heard = heard._replace(prompt=prompt, cached=cached, cache_write=written)
                heard = heard._replace(completion=event.completion_tokens, thought=event.thinking_tokens)
            case Refusal():
                heard = heard._replace(refuses=True)
            case Finished(reason):
                heard = heard._replace(finish_reason=reason)
            case Failed():
                heard = heard._replace(error=event.kind, message=event.message.removeprefix("it: "))
    return heard


KIND_OF_CLASS = {
    openai.AuthenticationError: ErrorKind.AUTH,
    openai.PermissionDeniedError: ErrorKind.AUTH,
    openai.RateLimitError: ErrorKind.RATE_LIMIT,
    openai.BadRequestError: ErrorKind.BAD_REQUEST,
    openai.NotFoundError: ErrorKind.MODEL_MISSING,
    openai.InternalServerError: ErrorKind.SERVER,
    openai.APIError: ErrorKind.SERVER,  # inside a stream
}
KIND_OF_CODE = {  # where the library has no class of its own, and of errors inside a stream
    "insufficient_quota": ErrorKind.QUOTA,
    "context_length_exceeded": ErrorKind.CONTEXT_OVERFLOW,
    "rate_limit_exceeded": ErrorKind.RATE_LIMIT,
    "server_is_overloaded": ErrorKind.OVERLOADED,
}


def library_at(server: FakeOpenAI, key: str = KEY) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(api_key=key, base_url=f"{server.url}/v1", max_retries=0)


async def hear_library(server: FakeOpenAI, kind: Kind, body: Json, key: str = KEY) -> Heard:
    """What OpenAI's library makes of a request with the same body."""
    listen = _hear_chat if kind is Kind.OPENAI else _hear_response
    heard = [Heard()]
    async with library_at(server, key) as client:
        try:
            await listen(client, body, heard)
        except openai.APIError as error:
            by_class = next(kind for class_, kind in KIND_OF_CLASS.items() if isinstance(error, class_))
            words = (error.body or {}).get("message", "")  # type: ignore[attr-defined]
            heard.append(heard[-1]._replace(error=KIND_OF_CODE.get(error.code or "", by_class), message=words))
    return heard[-1]


async def _hear_chat(client: openai.AsyncOpenAI, body: Json, heard: list[Heard]) -> None:
    async for chunk in await client.chat.completions.create(**body):
        now = heard[-1]._replace(model=chunk.model)
        for choice in chunk.choices:
            words = (choice.delta.content or "") + (choice.delta.refusal or "")
            refuses = now.refuses or bool(choice.delta.refusal) or choice.finish_reason == "content_filter"
            reason = choice.finish_reason or now.finish_reason
            now = now._replace(text=now.text + words, refuses=refuses, finish_reason=reason)
        if usage := chunk.usage:
            prompt, completion = usage.prompt_tokens_details, usage.completion_tokens_details
            now = now._replace(prompt=usage.prompt_tokens, completion=usage.completion_tokens)
            now = now._replace(cached=prompt.cached_tokens, cache_write=prompt.cache_write_tokens)
            now = now._replace(thought=completion.reasoning_tokens)
        heard.append(now)


REASONS = {"completed": "stop", "max_output_tokens": "length"}


async def _hear_response(client: openai.AsyncOpenAI, body: Json, heard: list[Heard]) -> None:
    async for event in await client.responses.create(**body):
        now = heard[-1]
        match event.type:
            case "response.output_text.delta":
                now = now._replace(text=now.text + event.delta)
            case "response.refusal.delta":
                now = now._replace(text=now.text + event.delta, refuses=True)
            case "response.created" | "response.completed" | "response.incomplete" | "response.failed":
                now = _heard(now, event.response)
            case "error":
                kind = KIND_OF_CODE.get(event.code or "", ErrorKind.SERVER)
                now = now._replace(error=kind, message=event.message)
        heard.append(now)


def _heard(now: Heard, response: Any) -> Heard:
    items = [item for item in response.output if item.type == "reasoning"]
    now = now._replace(
        model=response.model,
        thinking="\n\n".join(part.text for item in items for part in item.summary),
    )
    if usage := response.usage:
        prompt, completion = usage.input_tokens_details, usage.output_tokens_details
        now = now._replace(prompt=usage.input_tokens, completion=usage.output_tokens)
        now = now._replace(cached=prompt.cached_tokens, cache_write=prompt.cache_write_tokens)
        now = now._replace(thought=completion.reasoning_tokens)
    if error := response.error:
        return now._replace(error=KIND_OF_CODE.get(error.code, ErrorKind.SERVER), message=error.message)
    if response.status == "in_progress":
        return now
    reason = response.incomplete_details.reason if response.incomplete_details else response.status
    refuses = now.refuses or reason == "content_filter"
    return now._replace(finish_reason=REASONS.get(reason, reason), refuses=refuses)


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
        kinds = [part["type"].removeprefix("input_").removesuffix("_url") for part in parts]
        assert kinds == ["image", "file", "text", "text"]
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


@pytest.mark.parametrize("signature", ["", "{}", "[7]", '[{"type":"other"}]', "no json"])
async def test_a_signature_of_another_protocol_stays_here(signature: str) -> None:
    reply = ChatMessage(Role.ASSISTANT, "hi", thinking="hm", signature=signature)
    async with FakeOpenAI() as server:
        await ask(server, Kind.OPENAI_RESPONSES, question("and now?", reply))
        assert [item["type"] for item in server.requests[-1].json()["input"]] == ["message", "message"]


async def test_an_organization_without_summaries_is_answered_without_them() -> None:
    async with FakeOpenAI(Reply(thoughts=("Hm.",)), verified=False) as server:
        backend = make_backend(spec_for(Kind.OPENAI_RESPONSES, server.url, zone=Zone.MANAGED, proof=None), KEY)
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
        assert (await ask(server, kind, question()))[0] == Limits(4999, 5000, 0.012, 799_986, 800_000, 360.0)
        headers = {"retry-after": "7", "retry-after-ms": "6500", "x-should-retry": "false"}
        server.refused = Refused(429, "Slow down.", "rate_limit_exceeded", headers=headers)
        limits, failed = await ask(server, kind, question())
        assert isinstance(limits, Limits)
        assert isinstance(failed, Failed)
        assert (failed.retry_after_s, failed.should_retry) == (6.5, False)


@both
async def test_the_list_of_models_as_the_library_reads_it(kind: Kind) -> None:
    async with FakeOpenAI() as server:
        backend = make_backend(spec_for(kind, server.url, zone=Zone.MANAGED, proof=None), KEY)
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
