"""What Anthropic's own library reads from the fake, the adapter reads too: same requests, bytes and assertions."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any, NamedTuple

import anthropic
import msgspec
import pytest

from hybridchat.backends.anthropic import VERSION, AnthropicBackend
from hybridchat.backends.facts import facts
from hybridchat.domain.chat import ChatMessage, ChatRequest, Effort, Kind, Parameters, Role, Zone
from hybridchat.domain.events import Failed, Finished, Limits, Refusal, Requested, Signature, Started, Usage
from hybridchat.errors import ErrorKind
from tests.fakes.anthropic import KEY, MODEL, FakeAnthropic, Refused, Reply, entry, sign
from tests.fakes.recorder import Recorded
from tests.fakes.wire import spec_for, text_of, thinking_of

Json = dict[str, Any]


class Heard(NamedTuple):
    """What came of one request, whoever asked."""

    model: str | None = None
    text: str = ""
    thinking: str = ""
    blocks: tuple[Json, ...] = ()  # of thinking, as a later turn brings them along
    prompt: int | None = None
    cached: int | None = None
    cache_write: int | None = None
    completion: int | None = None
    thought: int | None = None
    finish_reason: str | None = None
    refusal: str | None = None
    error: ErrorKind | None = None
    message: str = ""


def backend_at(server: FakeAnthropic, key: str = KEY) -> AnthropicBackend:
    return AnthropicBackend(
        spec_for(Kind.ANTHROPIC, server.url, zone=Zone.MANAGED, proof=None), key, recorder=Recorded()
    )


def question(text: str = "hello", *history: ChatMessage, **parameters: Any) -> ChatRequest:
    messages = (*history, ChatMessage(Role.USER, text))
    return ChatRequest(MODEL, messages, Parameters(**{"max_tokens": 500, **parameters}))


async def hear(server: FakeAnthropic, request: ChatRequest, key: str = KEY) -> Heard:
    """What our adapter makes of it."""
    backend = backend_at(server, key)
    async with aclosing(backend.chat(request)) as stream:
        events = [event async for event in stream]
    text, thinking = text_of(events), thinking_of(events)
    heard = Heard(text=text, thinking=thinking)
    for event in events:
        match event:
            case Started(model):
                heard = heard._replace(model=model)
            case Signature(value):
                back = ChatMessage(Role.ASSISTANT, "", thinking=thinking, signature=value)
                heard = heard._replace(blocks=await blocks_given_back(server, back))
            case Usage():
                counts = (event.prompt_tokens, event.cached_tokens, event.cache_write_tokens)
                prompt, cached, written = counts
                heard = heard._replace(prompt=prompt, cached=cached, cache_write=written)
                heard = heard._replace(completion=event.completion_tokens, thought=event.thinking_tokens)
            case Refusal(reason):
                heard = heard._replace(refusal=reason)
            case Finished(reason):
                heard = heard._replace(finish_reason=reason)
            case Failed():
                heard = heard._replace(error=event.kind, message=event.message.removeprefix("it: "))
    await backend.aclose()
    return heard


async def blocks_given_back(server: FakeAnthropic, reply: ChatMessage) -> tuple[Json, ...]:
    """The blocks that the adapter's next request brings along for a reply."""
    before = server.reply, list(server.requests)
    server.reply = Reply()
    backend = backend_at(server)
    first = ChatMessage(Role.USER, "hello")
    async with aclosing(backend.chat(question("go on", first, reply))) as stream:
        assert isinstance([event async for event in stream][-1], Finished)
    await backend.aclose()
    sent = server.requests[-1].json()["messages"][1]["content"]
    server.reply, server.requests[:] = before
    return tuple(sent)


KIND_OF_CLASS = {
    anthropic.AuthenticationError: ErrorKind.AUTH,
    anthropic.PermissionDeniedError: ErrorKind.AUTH,
    anthropic.RateLimitError: ErrorKind.RATE_LIMIT,
    anthropic.BadRequestError: ErrorKind.BAD_REQUEST,
    anthropic.NotFoundError: ErrorKind.MODEL_MISSING,
    anthropic.InternalServerError: ErrorKind.SERVER,
}
KIND_OF_TYPE = {  # where the library has no class of its own, and of errors inside a stream
    "overloaded_error": ErrorKind.OVERLOADED,
    "api_error": ErrorKind.SERVER,
    "rate_limit_error": ErrorKind.RATE_LIMIT,
    "billing_error": ErrorKind.QUOTA,
    "request_too_large": ErrorKind.TOO_LARGE,
}


def library_at(server: FakeAnthropic, key: str = KEY) -> anthropic.AsyncAnthropic:
    version = {"anthropic-version": VERSION}
    return anthropic.AsyncAnthropic(api_key=key, base_url=server.url, max_retries=0, default_headers=version)


async def hear_library(server: FakeAnthropic, body: Json, key: str = KEY) -> Heard:
    """What Anthropic's library makes of a request with the same body."""
    body = {name: value for name, value in body.items() if name != "stream"}
    async with library_at(server, key) as client:
        try:
            async with client.messages.stream(**body) as stream:
                try:
                    async for _ in stream:
                        pass
                except anthropic.APIStatusError as error:
                    return _heard(stream.current_message_snapshot)._replace(**_error(error))
                return _heard(await stream.get_final_message())
        except anthropic.APIStatusError as error:
            return Heard(**_error(error))


def _heard(message: Any) -> Heard:
    usage, details = message.usage, message.usage.output_tokens_details
    counts = usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens
    thoughts = [block for block in message.content if block.type != "text"]
    stopped = message.stop_details
    return Heard(
        message.model,
        "".join(block.text for block in message.content if block.type == "text"),
        "".join(getattr(block, "thinking", "") for block in thoughts),
        tuple(block.model_dump(exclude_none=True) for block in thoughts),
        sum(counts),
        counts[1],
        counts[2],
        usage.output_tokens if details else None,
        details.thinking_tokens if details else None,
        message.stop_reason,
        f"the model refused ({stopped.category}): {stopped.explanation}" if stopped else None,
    )


def _error(error: anthropic.APIStatusError) -> Json:
    by_class = next((kind for class_, kind in KIND_OF_CLASS.items() if isinstance(error, class_)), None)
    return {"error": KIND_OF_TYPE.get(error.type or "", by_class), "message": error.api_message}


THOUGHT = "Let me see. It is simple."
REPLIES = [
    (Reply(), Heard(text="Hello there, how can I help?", completion=6, thought=0, finish_reason="end_turn")),
    (
        Reply("Yes — naïve 👩‍👩‍👧.", (THOUGHT,)),
        Heard(
            text="Yes — naïve 👩‍👩‍👧.",
            thinking=THOUGHT,
            blocks=({"type": "thinking", "thinking": THOUGHT, "signature": sign(THOUGHT)},),
            completion=10,
            thought=6,
            finish_reason="end_turn",
        ),
    ),
    (
        Reply("Done.", ("One. ", "redacted:zzz", "Two."), stop_reason="max_tokens"),
        Heard(
            text="Done.",
            thinking="One. Two.",
            blocks=(
                {"type": "thinking", "thinking": "One. ", "signature": sign("One. ")},
                {"type": "redacted_thinking", "data": "redacted:zzz"},
                {"type": "thinking", "thinking": "Two.", "signature": sign("Two.")},
            ),
            completion=5,
            thought=4,
            finish_reason="max_tokens",
        ),
    ),
    (
        Reply(
            "",
            stop_reason="refusal",
            stop_details={"type": "refusal", "category": "bio", "explanation": "It may harm."},
        ),
        Heard(completion=0, thought=0, finish_reason="refusal", refusal="the model refused (bio): It may harm."),
    ),
    (
        Reply("As far as it", stop_reason="model_context_window_exceeded"),
        Heard(text="As far as it", completion=4, thought=0, finish_reason="model_context_window_exceeded"),
    ),
    (
        Reply("Searching.", stop_reason="pause_turn"),
        Heard(text="Searching.", completion=1, thought=0, finish_reason="pause_turn"),
    ),
    (
        Reply("Half", error={"type": "overloaded_error", "message": "Overloaded"}),
        Heard(text="Half", error=ErrorKind.OVERLOADED, message="Overloaded"),
    ),
    (
        Reply("Half", error={"type": "api_error", "message": "Internal server error"}),
        Heard(text="Half", error=ErrorKind.SERVER, message="Internal server error"),
    ),
]


@pytest.mark.parametrize(("reply", "expected"), REPLIES, ids=lambda value: getattr(value, "stop_reason", None))
async def test_replies(reply: Reply, expected: Heard) -> None:
    async with FakeAnthropic(reply) as server:
        expected = expected._replace(model=MODEL, prompt=1, cached=0, cache_write=1)
        assert await hear(server, question()) == expected
        body = server.sent("/v1/messages")[0].json()
        async with FakeAnthropic(reply) as anew:  # with an empty cache
            assert await hear_library(anew, body) == expected


ERRORS = [
    (Refused(401, "authentication_error", "invalid x-api-key"), ErrorKind.AUTH),
    (Refused(403, "permission_error", "Your API key does not have permission."), ErrorKind.AUTH),
    (Refused(402, "billing_error", "There is an issue with your billing."), ErrorKind.QUOTA),
    (Refused(404, "not_found_error", "model: claude-9"), ErrorKind.MODEL_MISSING),
    (Refused(413, "request_too_large", "Request exceeds the maximum size"), ErrorKind.TOO_LARGE),
    (Refused(429, "rate_limit_error", "This request would exceed your rate limit."), ErrorKind.RATE_LIMIT),
    (Refused(400, "invalid_request_error", "messages: at least one message is required"), ErrorKind.BAD_REQUEST),
    (Refused(500, "api_error", "Internal server error"), ErrorKind.SERVER),
    (Refused(529, "overloaded_error", "Overloaded"), ErrorKind.OVERLOADED),
]


@pytest.mark.parametrize(("refused", "kind"), ERRORS, ids=lambda value: getattr(value, "type", None))
async def test_errors_before_the_stream(refused: Refused, kind: ErrorKind) -> None:
    async with FakeAnthropic() as server:
        server.refused = refused
        expected = Heard(error=kind, message=refused.message)
        assert await hear(server, question()) == expected
        assert await hear_library(server, server.requests[-1].json()) == expected


async def test_a_wrong_key_is_refused_to_both() -> None:
    async with FakeAnthropic() as server:
        expected = Heard(error=ErrorKind.AUTH, message="invalid x-api-key")
        assert await hear(server, question(), "sk-ant-other") == expected
        assert await hear_library(server, server.requests[-1].json(), "sk-ant-other") == expected


async def test_later_turns_read_what_the_cache_was_told_to_keep() -> None:
    system = ChatMessage(Role.SYSTEM, "Be brief and kind to everybody.")
    first = ChatMessage(Role.USER, "What is the time?")
    async with FakeAnthropic() as server:
        begun = await hear(server, question(first.text, system))
        assert (begun.prompt, begun.cached, begun.cache_write) == (10, 0, 10)
        request = question("And the date?", system, first, ChatMessage(Role.ASSISTANT, begun.text))
        later = await hear(server, request)
        assert (later.prompt, later.cached, later.cache_write) == (19, 10, 9)
        again = await hear_library(server, server.requests[-1].json())
        assert (again.prompt, again.cached, again.cache_write) == (19, 19, 0)


@pytest.mark.parametrize("effort", [None, *Effort])
@pytest.mark.parametrize("model", [MODEL, "claude-haiku-4-5", "claude-sonnet-4-6", "claude-opus-4-8", "claude-next"])
@pytest.mark.parametrize("max_tokens", [None, 10, 4000])
async def test_no_effort_asks_for_what_the_api_refuses(
    model: str, effort: Effort | None, max_tokens: int | None
) -> None:
    request = question(effort=effort, max_tokens=max_tokens, temperature=0.5)
    async with FakeAnthropic() as server:
        assert (await hear(server, msgspec.structs.replace(request, model=model))).error is None
        sent = server.requests[-1].json()
        assert sent["max_tokens"] == (max_tokens or facts().max_tokens[Kind.ANTHROPIC])
        thinks = sent.get("thinking", {}).get("type") in ("adaptive", "enabled")
        assert thinks or effort in (None, Effort.OFF) or max_tokens == 10 or model == "claude-next"


async def test_limits_and_when_to_come_again() -> None:
    async with FakeAnthropic() as server:
        backend = backend_at(server)
        events = [event async for event in backend.chat(question())]
        assert events[1] == Limits(49, 50, 0.0, 29_000, 30_000, 0.0)
        server.refused = Refused(429, "rate_limit_error", "Slow down.", {"retry-after": "7"})
        _, limits, failed = [event async for event in backend.chat(question())]
        assert isinstance(limits, Limits)
        assert isinstance(failed, Failed)
        assert failed.retry_after_s == 7.0
        await backend.aclose()


async def test_a_prompt_that_is_too_long_tells_its_numbers() -> None:
    async with FakeAnthropic() as server:
        backend = backend_at(server)
        *_, failed = [event async for event in backend.chat(question("word " * 2500))]
        assert isinstance(failed, Failed)
        assert (failed.kind, failed.prompt_tokens, failed.context_window) == (ErrorKind.CONTEXT_OVERFLOW, 2500, 2000)
        await backend.aclose()


async def test_every_page_of_models_as_the_library_reads_them() -> None:
    async with FakeAnthropic(page=2) as server:
        server.models += [entry(f"claude-{number}") for number in range(4)]
        backend = backend_at(server)
        health = await backend.health()
        async with library_at(server) as client:
            listed = [model async for model in client.models.list()]
        assert [model.name for model in health.models] == [model.id for model in listed]
        assert [model.context_window for model in health.models] == [model.max_input_tokens for model in listed]
        assert health.models[0].capabilities == ("vision", "documents", "thinking")
        assert health.models[1].capabilities == ()
        # What the list says of a model is what its replies may have, where nobody says less.
        async with aclosing(backend.chat(question(max_tokens=None))) as stream:
            assert isinstance(await anext(stream), Requested)
            await anext(stream)
        assert server.requests[-1].json()["max_tokens"] == listed[0].max_tokens == 1500
        await backend.aclose()


async def test_the_fake_refuses_what_the_api_refuses() -> None:
    """Each of these would be a fault of the adapter's that no other test sees."""
    async with FakeAnthropic() as server:
        await hear(server, question())
        body = server.requests[-1].json()
        marked = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}
        forged = {"type": "thinking", "thinking": "hm", "signature": sign("something else")}
        for spoiled in (
            {"thinking": {"type": "enabled", "budget_tokens": 500}},
            {"system": [marked] * 4},
            {"messages": [{"role": "assistant", "content": [forged]}]},
        ):
            assert (await hear_library(server, body | spoiled)).error is ErrorKind.BAD_REQUEST
