"""OpenAI's Chat Completions and Responses as its API speaks them: keys, limits, the cache, reasoning, refusals.

A token is a word here. What the real API would refuse, this one refuses in the same words.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from tests.fakes.completions import tokens_of
from tests.fakes.http import FakeServer, Request, Responder

KEY = "sk-fake"
PLAIN, REASONING = "gpt-4.1", "gpt-5.4"
MODELS = (PLAIN, REASONING)
EFFORTS = ("none", "low", "medium", "high", "xhigh")
WINDOW = 2000
LIMITS = {
    "x-ratelimit-limit-requests": "5000",
    "x-ratelimit-remaining-requests": "4999",
    "x-ratelimit-reset-requests": "12ms",
    "x-ratelimit-limit-tokens": "800000",
    "x-ratelimit-remaining-tokens": "799986",
    "x-ratelimit-reset-tokens": "6m0s",
    "x-request-id": "req_fake",
}

Json = dict[str, Any]


class Reply(NamedTuple):
    """What the model says. `thoughts` are the parts of a summary; Chat Completions only counts them.

    `finish_reason` is in the words of Chat Completions. `error` comes after the text: as an event of its own, or with
    `fails` as the end of a response that failed.
    """

    text: str = "Hello there, how can I help?"
    thoughts: tuple[str, ...] = ()
    refusal: str = ""
    finish_reason: str = "stop"
    error: Json | None = None
    fails: bool = False


class Refused(NamedTuple):
    status: int
    message: str
    code: str | None = None
    param: str | None = None
    type: str = "invalid_request_error"
    headers: Mapping[str, str] = MappingProxyType({})


def encrypt(thoughts: tuple[str, ...]) -> str:
    return hashlib.sha256("\n".join(thoughts).encode()).hexdigest()


class FakeOpenAI(FakeServer):
    """`refused` answers the next requests instead; `verified` organizations may have summaries of the reasoning."""

    def __init__(self, reply: Reply | None = None, *, tokens_per_s: float = 0.0, verified: bool = True) -> None:
        super().__init__(self._handle)
        self.reply = reply or Reply()
        self.tokens_per_s = tokens_per_s
        self.verified = verified
        self.refused: Refused | None = None
        self.streams: list[bytes] = []  # the body of each stream, as it was sent
        self._cache: set[tuple[str, ...]] = set()

    async def _handle(self, request: Request, respond: Responder) -> None:
        if refused := self.refused or self._why_refused(request):
            error = {"message": refused.message, "type": refused.type, "param": refused.param, "code": refused.code}
            await respond.whole({"error": error}, refused.status, headers={**LIMITS, **refused.headers})
        elif request.path == "/v1/models":
            data = [{"id": name, "object": "model", "created": 0, "owned_by": "openai"} for name in MODELS]
            await respond.whole({"object": "list", "data": data})
        elif request.path == "/v1/responses":
            await self._stream(respond, self._respond(request.json()))
        else:
            await self._stream(respond, self._complete(request.json()))

    async def _stream(self, respond: Responder, events: Iterator[Json]) -> None:
        await respond.begin("text/event-stream; charset=utf-8", LIMITS)
        self.streams.append(b"")
        async for frame in self._frames(events):
            self.streams[-1] += frame
            await respond.chunk(frame)
        await respond.finish()

    async def _frames(self, events: Iterator[Json]) -> AsyncIterator[bytes]:
        is_named = False
        for event in events:
            if self.tokens_per_s and _is_word(event):
                await asyncio.sleep(1 / self.tokens_per_s)
            is_named = "type" in event
            name = f"event: {event['type']}\n" if is_named else ""
            yield f"{name}data: {json.dumps(event)}\n\n".encode()
        if not is_named:
            yield b"data: [DONE]\n\n"

    def _complete(self, body: Json) -> Iterator[Json]:
        reply = self.reply
        usage = self._usage(body["messages"])
        chunk = {"id": "chatcmpl-fake", "object": "chat.completion.chunk", "created": 0, "model": body["model"]}

        def of(delta: Json, finish_reason: str | None = None) -> Json:
            return {**chunk, "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}], "usage": None}

        yield of({"role": "assistant", "content": "", "refusal": None})
        yield from (of({"content": token}) for token in tokens_of(reply.text))
        if reply.error:
            yield {"error": reply.error}
            return
        yield from (of({"refusal": token}) for token in tokens_of(reply.refusal))
        yield of({}, reply.finish_reason)
        if body.get("stream_options", {}).get("include_usage"):
            counts = {
                "prompt_tokens": usage.prompt,
                "completion_tokens": usage.completion,
                "total_tokens": usage.prompt + usage.completion,
                "prompt_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.written},
                "completion_tokens_details": {"reasoning_tokens": usage.thought},
            }
            yield {**chunk, "choices": [], "usage": counts}

    def _respond(self, body: Json) -> Iterator[Json]:
        for number, event in enumerate(self._response_events(body)):
            yield {"sequence_number": number, **event}

    def _response_events(self, body: Json) -> Iterator[Json]:
        reply, usage = self.reply, self._usage(body["input"])
        response = {"id": "resp_fake", "object": "response", "created_at": 0, "model": body["model"], "output": []}
        running = response | {"status": "in_progress", "error": None, "incomplete_details": None, "usage": None}
        yield {"type": "response.created", "response": running}
        yield {"type": "response.in_progress", "response": running}
        items = []
        if reply.thoughts:
            items.append(_reasoning(reply.thoughts, is_encrypted="include" in body))
            yield from _reasoning_events(reply.thoughts, items[-1], has_summary="summary" in body["reasoning"])
        items.append(_message(reply))
        yield from _message_events(reply, items[-1], len(items) - 1)
        if reply.error and not reply.fails:
            yield {"type": "error", **reply.error}
            return
        status, reason = ("failed", None) if reply.error else _STATUS[reply.finish_reason]
        counts = {
            "input_tokens": usage.prompt,
            "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": usage.written},
            "output_tokens": usage.completion,
            "output_tokens_details": {"reasoning_tokens": usage.thought},
            "total_tokens": usage.prompt + usage.completion,
        }
        ended = {
            "status": status,
            "error": reply.error,
            "incomplete_details": {"reason": reason} if reason else None,
            "usage": None if reply.error else counts,
            "output": items,
        }
        yield {"type": f"response.{status}", "response": response | ended}

    def _usage(self, messages: list[Json]) -> _Counts:
        """What comes from the cache is the longest beginning that came before, message by message."""
        texts = tuple(json.dumps(message, sort_keys=True) for message in messages)
        words = [_count_words(message) for message in messages]
        read = max((end for end in range(len(texts) + 1) if texts[:end] in self._cache), default=0)
        self._cache |= {texts[:end] for end in range(len(texts) + 1)}
        thought = sum(len(tokens_of(part)) for part in self.reply.thoughts)
        completion = thought + len(tokens_of(self.reply.text)) + len(tokens_of(self.reply.refusal))
        return _Counts(sum(words), sum(words[:read]), sum(words[read:]), completion, thought)

    def _why_refused(self, request: Request) -> Refused | None:
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return Refused(401, "Incorrect API key provided: sk-***.", "invalid_api_key")
        if request.method == "GET":
            return None
        body = request.json()
        if body["model"] not in MODELS:
            return Refused(404, f"The model `{body['model']}` does not exist.", "model_not_found")
        if words := self._is_too_long(body):
            message = f"This model's maximum context length is {WINDOW} tokens. However, your messages resulted in "
            return Refused(400, f"{message}{words} tokens.", "context_length_exceeded", "messages")
        return _unsupported(body) or (None if self.verified else _unverified(body))

    def _is_too_long(self, body: Json) -> int:
        words = sum(map(_count_words, body.get("messages") or body["input"]))
        return words if words > WINDOW else 0


class _Counts(NamedTuple):
    prompt: int
    cached: int
    written: int
    completion: int  # thought included
    thought: int


_STATUS = {
    "stop": ("completed", None),
    "length": ("incomplete", "max_output_tokens"),
    "content_filter": ("incomplete", "content_filter"),
}


def _count_words(message: Json) -> int:
    content = message.get("content", "")
    parts = [{"text": content}] if isinstance(content, str) else content
    return sum(len(str(part.get("text", "")).split()) for part in parts)


def _is_word(event: Json) -> bool:
    return "delta" in event or any(choice["delta"].get("content") for choice in event.get("choices", ()))


def _reasoning(thoughts: tuple[str, ...], *, is_encrypted: bool) -> Json:
    summary = [{"type": "summary_text", "text": thought} for thought in thoughts]
    item: Json = {"id": "rs_fake", "type": "reasoning", "summary": summary}
    return item | {"encrypted_content": encrypt(thoughts)} if is_encrypted else item


def _reasoning_events(thoughts: tuple[str, ...], item: Json, *, has_summary: bool) -> Iterator[Json]:
    place = {"output_index": 0, "item_id": item["id"]}
    yield {"type": "response.output_item.added", "output_index": 0, "item": {**item, "summary": []}}
    for number, thought in enumerate(thoughts if has_summary else ()):
        at, empty = {**place, "summary_index": number}, {"type": "summary_text", "text": ""}
        yield {"type": "response.reasoning_summary_part.added", **at, "part": empty}
        for token in tokens_of(thought):
            yield {"type": "response.reasoning_summary_text.delta", **at, "delta": token}
        yield {"type": "response.reasoning_summary_text.done", **at, "text": thought}
        yield {"type": "response.reasoning_summary_part.done", **at, "part": item["summary"][number]}
    yield {"type": "response.output_item.done", "output_index": 0, "item": item}


def _message(reply: Reply) -> Json:
    parts: list[Json] = []
    if reply.text:
        parts.append({"type": "output_text", "text": reply.text, "annotations": []})
    if reply.refusal:
        parts.append({"type": "refusal", "refusal": reply.refusal})
    return {"id": "msg_fake", "type": "message", "role": "assistant", "status": "completed", "content": parts}


def _message_events(reply: Reply, item: Json, index: int) -> Iterator[Json]:
    yield {"type": "response.output_item.added", "output_index": index, "item": {**item, "content": []}}
    for number, part in enumerate(item["content"]):
        name, words = ("refusal", reply.refusal) if part["type"] == "refusal" else ("output_text", reply.text)
        at = {"output_index": index, "item_id": item["id"], "content_index": number}
        yield {"type": "response.content_part.added", **at, "part": part}
        for token in tokens_of(words):
            yield {"type": f"response.{name}.delta", **at, "delta": token}
        yield {"type": "response.content_part.done", **at, "part": part}
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _unsupported(body: Json) -> Refused | None:
    """What the model, or any model, would not take."""

    def invalid(message: str, param: str, code: str = "unsupported_parameter") -> Refused:
        return Refused(400, message, code, param)

    reasons = body["model"] == REASONING
    reasoning = body.get("reasoning", {})
    effort = body.get("reasoning_effort", reasoning.get("effort"))
    if "messages" in body and reasons and "max_tokens" in body:
        return invalid("Unsupported parameter: 'max_tokens' is not supported with this model.", "max_tokens")
    for name in ("reasoning_effort", "reasoning", "include"):
        if name in body and not reasons:
            return invalid(f"Unsupported parameter: '{name}' is not supported with this model.", name)
    if effort is not None and effort not in EFFORTS:
        message = f"Unsupported value: '{effort}' is not supported with the '{body['model']}' model."
        return invalid(message, "reasoning.effort", "unsupported_value")
    for name in ("temperature", "top_p"):
        if name in body and reasons and effort != "none":
            return invalid(f"Unsupported parameter: '{name}' is not supported with this model.", name)
    for item in body.get("input", ()):
        summary = tuple(part["text"] for part in item.get("summary", ()))
        if item.get("type") == "reasoning" and item.get("encrypted_content") != encrypt(summary):
            message = "The encrypted content could not be verified."
            return invalid(message, "input", "invalid_encrypted_content")
    return None


def _unverified(body: Json) -> Refused | None:
    if "summary" not in body.get("reasoning", {}):
        return None
    message = "Your organization must be verified to generate reasoning summaries. Please go to your settings."
    return Refused(400, message, "unsupported_value", "reasoning.summary")
