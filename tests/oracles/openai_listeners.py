"""One request to a fake OpenAI, as our adapters hear the answer and as OpenAI's own library does."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any, NamedTuple

import httpx2
import openai

from hybridchat.backends.registry import make_backend
from hybridchat.domain.chat import ChatMessage, ChatRequest, Kind, Parameters, Role, Zone
from hybridchat.domain.events import Event, Failed, Finished, Refusal, Started, Usage
from hybridchat.errors import ErrorKind
from tests.fakes.openai import KEY, PLAIN, FakeOpenAI
from tests.fakes.recorder import Recorded
from tests.fakes.wire import spec_for, text_of, thinking_of

Json = dict[str, Any]


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
    backend = make_backend(spec_for(kind, server.url, zone=Zone.MANAGED, proof=None), key, recorder=Recorded())
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
    plain = httpx2.AsyncClient(verify=False, trust_env=False)  # the authorities' certificates take it 40 ms to read
    return openai.AsyncOpenAI(api_key=key, base_url=f"{server.url}/v1", max_retries=0, http_client=plain)


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
