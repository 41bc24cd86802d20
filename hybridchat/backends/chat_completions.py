"""Chat Completions, once, for all that speak it: OpenAI and compatibles, vLLM, llama.cpp, the embedded engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from hybridchat.backends.attachments import Parts, content
from hybridchat.backends.decoding import FILTERED, REFUSED, JsonStreamDecoder, OnError, is_set
from hybridchat.backends.facts import effort_fields, facts, takes_sampling
from hybridchat.backends.failures import failed_from
from hybridchat.backends.http_backend import HttpBackend
from hybridchat.config.providers import hosts_with_usage_unasked
from hybridchat.domain.chat import ChatRequest, Kind
from hybridchat.domain.events import Event, Failed, Finished, Loading, Refusal, Requested, Started, Usage
from hybridchat.errors import UsageError
from hybridchat.net.framing import SseFramer

PATH = "/chat/completions"

_LOADING_POLL_S = 0.5


class _Part(Struct, gc=False):
    """Mistral's thinking models send lists of these: words, or thoughts that are made of words again."""

    text: str | None = None
    thinking: list[_Part] | None = None


class _Delta(Struct, gc=False):
    content: str | list[_Part] | None = None
    reasoning: str | None = None  # vLLM, OpenRouter
    reasoning_content: str | None = None  # llama.cpp, DeepSeek
    refusal: str | None = None  # OpenAI: the model's own words, instead of content


class _Choice(Struct, gc=False):
    index: int | None = 0
    delta: _Delta | None = None
    message: _Delta | None = None  # of an answer that comes whole, from a server that does not stream
    finish_reason: str | None = None


class _PromptDetails(Struct, gc=False):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _CompletionDetails(Struct, gc=False):
    reasoning_tokens: int | None = None


class _Usage(Struct, gc=False):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None


class _Timings(Struct, gc=False):
    """llama.cpp's own counts: a usage where the request was not given one."""

    cache_n: int
    prompt_n: int
    predicted_n: int
    prompt_ms: float | None = None


class _Metrics(Struct, gc=False):
    """vLLM's, with --enable-per-request-metrics."""

    queue_time_ms: float | None = None


class _GroqUsage(Struct, gc=False):
    queue_time: float | None = None  # s, as the next
    prompt_time: float | None = None


class _Groq(Struct, gc=False):
    usage: _GroqUsage | None = None


class _Chunk(Struct, gc=False):
    choices: list[_Choice] | None = None
    model: str | None = None
    usage: _Usage | None = None
    timings: _Timings | None = None
    metrics: _Metrics | None = None
    x_groq: _Groq | None = None
    error: msgspec.Raw = msgspec.Raw()
    object: str | None = None  # "error" from vLLM before 0.10, with the message beside it
    message: str | None = None


class ChatCompletionsDecoder(JsonStreamDecoder[_Chunk]):
    """Server-sent events to our events."""

    def __init__(self, on_error: OnError) -> None:
        super().__init__(SseFramer(), _Chunk, on_error)
        self._finish_reason: str | None = None
        self._has_refused = False
        self._usage = Usage()

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
        if not (value.choices or value.usage or value.timings or value.model or value.x_groq or value.metrics):
            if value.choices is None:  # Azure's first chunk has none of them, and nothing to say
                self._skip(events)
            return
        is_first, is_whole = not self.understood, False
        if is_first:
            self.understood = True
            events.append(Started(value.model))
        for choice in value.choices or ():
            if choice.index:
                continue
            is_whole = is_first and choice.delta is None and choice.message is not None
            said = choice.message if is_whole else choice.delta  # some repeat in each event all that came so far
            if said is not None:
                self._take_delta(said, events, is_repaired=is_repaired)
            if choice.finish_reason and not self._finish_reason:
                self._finish_reason = choice.finish_reason
                if choice.finish_reason == "content_filter":
                    events.append(Refusal(FILTERED))
        usage = _timed(_counted(self._usage, value), value)
        if usage != self._usage:
            self._usage = usage
            events.append(usage)
        if is_whole:
            self._close(Finished(self._finish_reason, self._skipped), events)

    def _take_delta(self, delta: _Delta, events: list[Event], *, is_repaired: bool) -> None:
        thinking, text = delta.reasoning or delta.reasoning_content, delta.content
        if isinstance(text, list):
            thinking = "".join(thought.text or "" for part in text for thought in part.thinking or ())
            text = "".join(part.text or "" for part in text)
        self._pieces(thinking, text or delta.refusal, events, is_repaired=is_repaired)
        if delta.refusal and not self._has_refused:
            self._has_refused = True
            events.append(Refusal(REFUSED))


def _counted(so_far: Usage, value: _Chunk) -> Usage:
    if value.usage is not None:
        return replace(_usage(value.usage), queue_ms=so_far.queue_ms, prompt_ms=so_far.prompt_ms)
    if (timings := value.timings) is None:
        return so_far
    prompt = timings.cache_n + timings.prompt_n
    return Usage(prompt, timings.cache_n, None, timings.predicted_n)


def _timed(usage: Usage, value: _Chunk) -> Usage:
    """With what this chunk tells of times; they may come before the counts, with them or after."""
    groq = value.x_groq and value.x_groq.usage
    queue_ms = value.metrics.queue_time_ms if value.metrics else groq and _ms(groq.queue_time)
    prompt_ms = value.timings.prompt_ms if value.timings else groq and _ms(groq.prompt_time)
    return replace(
        usage,
        queue_ms=usage.queue_ms if queue_ms is None else queue_ms,
        prompt_ms=usage.prompt_ms if prompt_ms is None else prompt_ms,
    )


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000


def _usage(usage: _Usage) -> Usage:
    prompt = usage.prompt_tokens_details
    completion = usage.completion_tokens_details
    return Usage(
        usage.prompt_tokens,
        prompt.cached_tokens if prompt else None,
        prompt.cache_write_tokens if prompt else None,
        _with_thinking(usage),
        completion.reasoning_tokens if completion else None,
    )


def _with_thinking(usage: _Usage) -> int | None:
    """xAI counts its reasoning beside the completion, and only the total says so."""
    prompt, completion, total = usage.prompt_tokens, usage.completion_tokens, usage.total_tokens
    reasoning = usage.completion_tokens_details and usage.completion_tokens_details.reasoning_tokens
    if prompt is None or completion is None or total is None or not reasoning:
        return completion
    return completion + reasoning if prompt + completion + reasoning == total else completion


PARTS = Parts(
    text=lambda text: {"type": "text", "text": text},
    image=lambda url: {"type": "image_url", "image_url": {"url": url}},
    document=lambda name, url: {"type": "file", "file": {"filename": name, "file_data": url}},
)


def request_body(request: ChatRequest, kind: Kind, host: str) -> bytes:
    """The JSON of a streaming request that gets its usage. Raises UsageError for an attachment that cannot go."""
    given, dialect = request.parameters, facts().chat_completions[kind]
    model = kind, host, request.model, given.effort
    parts = PARTS if dialect.documents else replace(PARTS, document=None)
    may_sample = takes_sampling(*model)
    options = {
        "temperature": given.temperature if may_sample else None,
        "top_p": given.top_p if may_sample else None,
        "seed": given.seed,
        "stop": given.stop or None,
        dialect.max_tokens: given.max_tokens,
    }
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [{"role": message.role, "content": content(message, parts)} for message in request.messages],
        "stream": True,
        **({"stream_options": {"include_usage": True}} if host not in hosts_with_usage_unasked() else {}),
        **{name: value for name, value in options.items() if value is not None},
        **effort_fields(*model),
    }
    return msgspec.json.encode(body)


class ChatCompletionsBackend(HttpBackend):
    """See `backends.base.Backend`."""

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        path = self.spec.address.endpoint(PATH)
        try:
            body = request_body(request, self.spec.kind, self.spec.address.host)
        except UsageError as error:
            yield failed_from(error)
            return
        waits_until = asyncio.get_running_loop().time() + request.deadline_s
        tries = 0
        while True:
            tries += 1
            is_loading = False
            reply = self._reply(request, path, body, ChatCompletionsDecoder(self._failed))
            async with aclosing(reply) as events:
                async for event in events:
                    if isinstance(event, Requested) and tries > 1:
                        continue  # the same again: it is kept once
                    is_loading = _is_loading(event) and asyncio.get_running_loop().time() < waits_until
                    yield Loading(f"{self.spec.id} is loading its model") if is_loading else event
            if not is_loading:
                return
            await asyncio.sleep(_LOADING_POLL_S)


def _is_loading(event: Event) -> bool:
    """llama.cpp answers 503 "Loading model" until it can answer; nothing was generated, so asking again is safe."""
    return isinstance(event, Failed) and event.status == 503 and "loading model" in event.message.lower()
