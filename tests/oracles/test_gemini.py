"""What Google's own library reads from the fake, the adapter reads too: same requests, bytes and assertions."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from contextlib import aclosing
from typing import Any, NamedTuple

import msgspec
import pytest
from google import genai
from google.genai import errors, types

from hybridchat.backends.gemini import GeminiBackend
from hybridchat.domain.chat import ChatMessage, ChatRequest, Effort, Kind, Parameters, Role, Zone
from hybridchat.domain.events import Failed, Finished, Refusal, Signature, Started, Usage
from hybridchat.errors import ErrorKind
from tests.fakes.gemini import KEY, MODEL, FakeGemini, Part, Refused, Reply, entry, sign
from tests.fakes.recorder import Recorded
from tests.fakes.wire import spec_for, text_of, thinking_of

Json = dict[str, Any]


class Heard(NamedTuple):
    """What came of one request, whoever asked."""

    model: str | None = None
    text: str = ""
    thinking: str = ""
    signatures: tuple[str, ...] = ()
    prompt: int | None = None
    cached: int | None = None
    completion: int | None = None
    thought: int | None = None
    finish_reason: str | None = None
    refusal: str | None = None
    error: ErrorKind | None = None
    message: str = ""


def backend_at(server: FakeGemini, key: str = KEY) -> GeminiBackend:
    return GeminiBackend(spec_for(Kind.GEMINI, server.url, zone=Zone.MANAGED, proof=None), key, recorder=Recorded())


def question(text: str = "hello", *history: ChatMessage, **parameters: Any) -> ChatRequest:
    messages = (*history, ChatMessage(Role.USER, text))
    return ChatRequest(MODEL, messages, Parameters(**parameters))


async def hear(server: FakeGemini, request: ChatRequest, key: str = KEY) -> Heard:
    """What our adapter makes of it."""
    backend = backend_at(server, key)
    async with aclosing(backend.chat(request)) as stream:
        events = [event async for event in stream]
    await backend.aclose()
    heard = Heard(text=text_of(events), thinking=thinking_of(events))
    for event in events:
        match event:
            case Started(model):
                heard = heard._replace(model=model)
            case Signature(value):
                heard = heard._replace(signatures=tuple(part["signature"] for part in msgspec.json.decode(value)))
            case Usage():
                heard = heard._replace(prompt=event.prompt_tokens, cached=event.cached_tokens)
                heard = heard._replace(completion=event.completion_tokens, thought=event.thinking_tokens)
            case Refusal(reason):
                heard = heard._replace(refusal=reason)
            case Finished(reason):
                heard = heard._replace(finish_reason=reason)
            case Failed():
                heard = heard._replace(error=event.kind, message=event.message.removeprefix("it: "))
    return heard


KIND_OF_STATUS = {
    "UNAUTHENTICATED": ErrorKind.AUTH,
    "PERMISSION_DENIED": ErrorKind.AUTH,
    "NOT_FOUND": ErrorKind.MODEL_MISSING,
    "RESOURCE_EXHAUSTED": ErrorKind.RATE_LIMIT,
    "INVALID_ARGUMENT": ErrorKind.BAD_REQUEST,
    "FAILED_PRECONDITION": ErrorKind.BAD_REQUEST,
    "INTERNAL": ErrorKind.SERVER,
    "UNAVAILABLE": ErrorKind.OVERLOADED,
}


async def hear_library(server: FakeGemini, body: Json, key: str = KEY) -> Heard:
    """What Google's library makes of a request with the same contents and settings."""
    client = library_at(server, key)
    config = body.get("generationConfig", {}) | {"systemInstruction": body.get("systemInstruction")}
    chunks: list[types.GenerateContentResponse] = []
    failure: Json = {}
    try:
        async for chunk in await client.aio.models.generate_content_stream(
            model=MODEL,
            contents=[types.Content.model_validate(content) for content in body["contents"]],
            config=types.GenerateContentConfig.model_validate(config),
        ):
            chunks.append(chunk)
    except errors.APIError as error:
        failure = {"error": KIND_OF_STATUS[error.status or ""], "message": error.message}
    finally:
        await client.aio.aclose()
    return _heard(chunks)._replace(**failure)


def library_at(server: FakeGemini, key: str = KEY) -> genai.Client:
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=server.url, api_version="v1beta"))


def _heard(chunks: list[types.GenerateContentResponse]) -> Heard:
    if not chunks:
        return Heard()
    parts = list(_parts(chunks))
    usage = chunks[-1].usage_metadata
    assert usage is not None
    assert usage.total_token_count is not None
    assert usage.prompt_token_count is not None
    candidate = (chunks[-1].candidates or [types.Candidate()])[0]
    feedback = chunks[-1].prompt_feedback
    reason = candidate.finish_reason or (feedback.block_reason if feedback else None)
    words = FILTERS.get(reason) if reason else None
    words = (feedback.block_reason_message if feedback else None) or words
    return Heard(
        chunks[0].model_version,
        "".join(part.text or "" for part in parts if not part.thought),
        "".join(part.text or "" for part in parts if part.thought),
        tuple(b64encode(part.thought_signature).decode() for part in parts if part.thought_signature),
        usage.prompt_token_count,
        usage.cached_content_token_count,
        usage.total_token_count - usage.prompt_token_count,
        usage.thoughts_token_count,
        reason.value if reason else None,
        f"a content filter of the provider stopped the reply: {words}" if words else None,
    )


def _parts(chunks: list[types.GenerateContentResponse]) -> Iterator[types.Part]:
    for chunk in chunks:
        for candidate in chunk.candidates or ():
            yield from (candidate.content.parts if candidate.content else None) or ()


FILTERS: dict[object, str] = {types.FinishReason.SAFETY: "safety"}
FILTERED = "a content filter of the provider stopped the reply: "
OVERLOADED = {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}
REPLIES = [
    (Reply(), Heard(text="Hello there, how can I help?", completion=6, finish_reason="STOP")),
    (
        Reply((Part("Let me see. It is simple.", is_thought=True), Part("Yes — naïve 👩‍👩‍👧\u2028."))),
        Heard(
            text="Yes — naïve 👩‍👩‍👧\u2028.",
            thinking="Let me see. It is simple.",
            completion=11,
            thought=6,
            finish_reason="STOP",
        ),
    ),
    (
        Reply((Part("Hm.", True, True), Part("One. "), Part("Two. ", is_signed=True), Part("", is_signed=True))),
        Heard(
            text="One. Two. ",
            thinking="Hm.",
            signatures=(sign("Hm."), sign("Two. "), sign("")),
            completion=5,
            thought=1,
            finish_reason="STOP",
        ),
    ),
    (
        Reply((Part("Thinking on and on", is_thought=True),), "MAX_TOKENS"),
        Heard(thinking="Thinking on and on", completion=4, thought=4, finish_reason="MAX_TOKENS"),
    ),
    (
        Reply((Part("Half of"),), "SAFETY"),
        Heard(text="Half of", completion=2, finish_reason="SAFETY", refusal=FILTERED + "safety"),
    ),
    (
        Reply(blocked={"blockReason": "PROHIBITED_CONTENT", "blockReasonMessage": "Not this."}),
        Heard(completion=0, finish_reason="PROHIBITED_CONTENT", refusal=FILTERED + "Not this."),
    ),
    *(
        (
            Reply((Part("Half"),), error=OVERLOADED, is_bare=is_bare),
            Heard(text="Half", completion=1, error=ErrorKind.OVERLOADED, message="The model is overloaded."),
        )
        for is_bare in (False, True)
    ),
]


@pytest.mark.parametrize(("reply", "expected"), REPLIES)
async def test_replies(reply: Reply, expected: Heard) -> None:
    async with FakeGemini(reply) as server:
        expected = expected._replace(model=f"{MODEL}-001", prompt=1)
        assert await hear(server, question(effort=Effort.LOW)) == expected
        async with FakeGemini(reply) as anew:  # with an empty cache
            assert await hear_library(anew, server.requests[0].json()) == expected


ERRORS = [
    (Refused(403, "PERMISSION_DENIED", "Generative Language API has not been used."), ErrorKind.AUTH),
    (Refused(401, "UNAUTHENTICATED", "Request had invalid authentication credentials."), ErrorKind.AUTH),
    (Refused(404, "NOT_FOUND", "models/gemini-9 is not found for API version v1beta."), ErrorKind.MODEL_MISSING),
    (Refused(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota."), ErrorKind.RATE_LIMIT),
    (Refused(400, "INVALID_ARGUMENT", "Request contains an invalid argument."), ErrorKind.BAD_REQUEST),
    (Refused(400, "FAILED_PRECONDITION", "User location is not supported for the API use."), ErrorKind.BAD_REQUEST),
    (Refused(500, "INTERNAL", "An internal error has occurred."), ErrorKind.SERVER),
    (Refused(503, "UNAVAILABLE", "The model is overloaded. Please try again later."), ErrorKind.OVERLOADED),
]


@pytest.mark.parametrize(("refused", "kind"), ERRORS, ids=lambda value: getattr(value, "name", None))
async def test_errors_before_the_stream(refused: Refused, kind: ErrorKind) -> None:
    async with FakeGemini() as server:
        server.refused = refused
        expected = Heard(error=kind, message=refused.message)
        assert await hear(server, question()) == expected
        assert await hear_library(server, server.requests[-1].json()) == expected


async def test_a_wrong_key_has_no_status_of_its_own() -> None:
    async with FakeGemini() as server:
        heard = await hear(server, question(), "AIza-other")
        assert (heard.error, heard.message) == (ErrorKind.AUTH, "API key not valid. Please pass a valid API key.")
        library = await hear_library(server, server.requests[-1].json(), "AIza-other")
        assert (library.error, library.message) == (ErrorKind.BAD_REQUEST, heard.message)


async def test_signed_parts_come_back_by_themselves_as_the_library_sends_them() -> None:
    reply = Reply((Part("Hm.", True, True), Part("One. "), Part("Two. ", is_signed=True), Part("Three.")))
    async with FakeGemini(reply) as server:
        backend = backend_at(server)
        events = [event async for event in backend.chat(question(effort=Effort.LOW))]
        (*_, signature) = (event.value for event in events if isinstance(event, Signature))
        said = ChatMessage(Role.ASSISTANT, text_of(events), thinking=thinking_of(events), signature=signature)
        history = ChatMessage(Role.USER, "hello"), said
        assert (await hear(server, question("and?", *history))).error is None
        sent = server.requests[-1].json()
        assert sent["contents"][1]["parts"] == [
            {"text": "Hm.", "thought": True, "thoughtSignature": sign("Hm.")},
            {"text": "One. "},
            {"text": "Two. ", "thoughtSignature": sign("Two. ")},
            {"text": "Three."},
        ]
        assert (await hear_library(server, sent)).error is None
        forged = msgspec.structs.replace(said, text=said.text.replace("Two", "Six"))
        assert (await hear(server, question("and?", history[0], forged))).error is None
        refused, taken = (request.json()["contents"][1]["parts"] for request in server.requests[-2:])
        assert any("thoughtSignature" in part for part in refused)
        assert taken == [{"text": forged.text}], "what the API does not take back is left out"
        await backend.aclose()


async def test_later_turns_come_from_the_cache() -> None:
    system, first = ChatMessage(Role.SYSTEM, "Be brief and kind."), ChatMessage(Role.USER, "What is the time?")
    async with FakeGemini() as server:
        begun = await hear(server, question(first.text, system))
        assert (begun.prompt, begun.cached) == (8, None)
        later = await hear(server, question("And?", system, first, ChatMessage(Role.ASSISTANT, begun.text)))
        assert (later.prompt, later.cached) == (15, 8)
        library = await hear_library(server, server.requests[-1].json())
        assert (library.prompt, library.cached) == (15, 15)


@pytest.mark.parametrize("effort", [None, *Effort])
@pytest.mark.parametrize("model", [MODEL, "gemini-2.5-flash", "gemini-3-pro-preview", "gemini-9", "gemini-2.0-flash"])
async def test_every_effort_is_one_that_the_library_knows(model: str, effort: Effort | None) -> None:
    request = msgspec.structs.replace(question(effort=effort, max_tokens=9, seed=1), model=model)
    async with FakeGemini() as server:
        assert (await hear(server, request)).error is None
        config = server.requests[-1].json()["generationConfig"]
        read = types.GenerateContentConfig.model_validate(config)
        assert (read.max_output_tokens, read.seed) == (9, 1)
        assert (read.thinking_config is None) == (model == "gemini-2.0-flash")


async def test_a_prompt_that_is_too_long_tells_its_numbers() -> None:
    async with FakeGemini() as server:
        backend = backend_at(server)
        _, failed = [event async for event in backend.chat(question("word " * 2500))]
        assert isinstance(failed, Failed)
        assert (failed.kind, failed.prompt_tokens, failed.context_window) == (ErrorKind.CONTEXT_OVERFLOW, 2500, 2000)
        await backend.aclose()


async def test_when_to_come_again_is_in_the_body() -> None:
    async with FakeGemini() as server:
        info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "38s"}
        server.refused = Refused(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.", (info,))
        backend = backend_at(server)
        _, failed = [event async for event in backend.chat(question())]
        assert isinstance(failed, Failed)
        assert (failed.kind, failed.retry_after_s) == (ErrorKind.RATE_LIMIT, 38.0)
        await backend.aclose()


async def test_every_page_of_models_that_chat_as_the_library_reads_them() -> None:
    async with FakeGemini(page=2) as server:
        server.models += [entry(f"gemini-{number}") for number in range(4)]
        backend = backend_at(server)
        health = await backend.health()
        client = library_at(server)
        listed = [model async for model in await client.aio.models.list()]
        await client.aio.aclose()
        await backend.aclose()
        chatting = [model for model in listed if "generateContent" in (model.supported_actions or ())]
        assert [f"models/{model.name}" for model in health.models] == [model.name for model in chatting]
        assert [model.context_window for model in health.models] == [model.input_token_limit for model in chatting]
        assert [model.capabilities for model in health.models[:2]] == [("thinking",), ()]
        assert len(listed) == len(chatting) + 1


async def test_the_key_is_in_a_header_and_never_in_an_address() -> None:
    async with FakeGemini() as server:
        await hear(server, question())
        backend = backend_at(server)
        await backend.health()
        await backend.aclose()
        assert all(request.headers["x-goog-api-key"] == KEY for request in server.requests)
        assert not any(KEY in request.path for request in server.requests)
