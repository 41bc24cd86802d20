"""Chat Completions, once, for all that speak it: OpenAI and compatibles, vLLM, llama.cpp, the embedded engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import msgspec
from msgspec import Struct

from hybridchat.backends.decoding import JsonStreamDecoder, OnError, is_set
from hybridchat.backends.facts import facts
from hybridchat.backends.http_backend import HttpBackend
from hybridchat.domain.chat import ChatRequest
from hybridchat.domain.events import Event, Failed, Finished, Loading, Started, Usage
from hybridchat.net.framing import SseFramer

PATH = "/chat/completions"

_LOADING_POLL_S = 0.5


class _Delta(Struct, gc=False):
    content: str | None = None
    reasoning: str | None = None  # vLLM, OpenRouter
    reasoning_content: str | None = None  # llama.cpp, DeepSeek
    refusal: str | None = None  # OpenAI: the model's own words, instead of content


class _Choice(Struct, gc=False):
    index: int | None = 0
    delta: _Delta | None = None
    finish_reason: str | None = None


class _PromptDetails(Struct, gc=False):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _CompletionDetails(Struct, gc=False):
    reasoning_tokens: int | None = None


class _Usage(Struct, gc=False):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None


class _Timings(Struct, gc=False):
    """llama.cpp's own counts: a usage where the request was not given one."""

    cache_n: int
    prompt_n: int
    predicted_n: int


class _Chunk(Struct, gc=False):
    choices: list[_Choice] | None = None
    model: str | None = None
    usage: _Usage | None = None
    timings: _Timings | None = None
    error: msgspec.Raw = msgspec.Raw()
    object: str | None = None  # "error" from vLLM before 0.10, with the message beside it
    message: str | None = None


class ChatCompletionsDecoder(JsonStreamDecoder[_Chunk]):
    """Server-sent events to our events."""

    def __init__(self, on_error: OnError) -> None:
        super().__init__(SseFramer(), _Chunk, on_error)
        self._finish_reason: str | None = None

    def _read(self, raw: bytes, events: list[Event]) -> None:
        if len(raw) < 16 and raw.strip() == b"[DONE]" and not self._ended:
            self._close(Finished(self._finish_reason, self._skipped), events)
        else:
            super()._read(raw, events)

    def _take(self, value: _Chunk, events: list[Event], *, is_repaired: bool = False) -> None:
        if is_set(value.error):
            self._fail(value.error, events)
            return
        if value.object == "error":
            self._fail(msgspec.Raw(msgspec.json.encode(value.message)), events)
            return
        if not (value.choices or value.usage or value.timings or value.model):
            if value.choices is None:  # Azure's first chunk has none of them, and nothing to say
                self._skip(events)
            return
        if not self.understood:
            self.understood = True
            events.append(Started(value.model))
        for choice in value.choices or ():
            if choice.index:
                continue
            if delta := choice.delta:
                thinking = delta.reasoning or delta.reasoning_content
                self._pieces(thinking, delta.content or delta.refusal, events, is_repaired=is_repaired)
            self._finish_reason = self._finish_reason or choice.finish_reason
        if value.usage is not None:
            events.append(_usage(value.usage))
        elif value.timings is not None:
            prompt = value.timings.cache_n + value.timings.prompt_n
            events.append(Usage(prompt, value.timings.cache_n, None, value.timings.predicted_n))


def _usage(usage: _Usage) -> Usage:
    prompt = usage.prompt_tokens_details
    completion = usage.completion_tokens_details
    return Usage(
        usage.prompt_tokens,
        prompt.cached_tokens if prompt else None,
        prompt.cache_write_tokens if prompt else None,
        usage.completion_tokens,
        completion.reasoning_tokens if completion else None,
    )


def request_body(request: ChatRequest, max_tokens_name: str) -> bytes:
    """The JSON of a streaming request that asks for its usage."""
    given = request.parameters
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [{"role": message.role, "content": message.text} for message in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    options = {
        "temperature": given.temperature,
        "top_p": given.top_p,
        "seed": given.seed,
        "stop": given.stop or None,
        max_tokens_name: given.max_tokens,
    }
    body |= {name: value for name, value in options.items() if value is not None}
    return msgspec.json.encode(body)


class ChatCompletionsBackend(HttpBackend):
    """See `backends.base.Backend`."""

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        path = self.spec.address.endpoint(PATH)
        body = request_body(request, facts().chat_completions[self.spec.kind].max_tokens)
        waits_until = asyncio.get_running_loop().time() + request.deadline_s
        while True:
            is_loading = False
            reply = self._reply(request, path, body, ChatCompletionsDecoder(self._failed))
            async with aclosing(reply) as events:
                async for event in events:
                    is_loading = _is_loading(event) and asyncio.get_running_loop().time() < waits_until
                    yield Loading(f"{self.spec.id} is loading its model") if is_loading else event
            if not is_loading:
                return
            await asyncio.sleep(_LOADING_POLL_S)


def _is_loading(event: Event) -> bool:
    """llama.cpp answers 503 "Loading model" until it can answer; nothing was generated, so asking again is safe."""
    return isinstance(event, Failed) and event.status == 503 and "loading model" in event.message.lower()
