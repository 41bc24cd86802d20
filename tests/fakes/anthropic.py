"""Anthropic's Messages as its API speaks them: keys, versions, limits, the prompt cache, signed thinking, refusals.

A token is a word here. What the real API would refuse, this one refuses in the same words.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from tests.fakes.completions import tokens_of
from tests.fakes.http import FakeServer, Request, Responder

KEY = "sk-ant-fake"
MODEL = "claude-opus-5"
VERSIONS = ("2023-06-01", NEWEST := "2026-10-21")
WINDOW = 2000
MAX_TOKENS = 1500
LIMITS = {
    "anthropic-ratelimit-requests-limit": "50",
    "anthropic-ratelimit-requests-remaining": "49",
    "anthropic-ratelimit-requests-reset": "2020-01-01T00:00:00Z",
    "anthropic-ratelimit-tokens-limit": "30000",
    "anthropic-ratelimit-tokens-remaining": "29000",
    "anthropic-ratelimit-tokens-reset": "2020-01-01T00:00:00Z",
    "request-id": "req_fake",
}

Json = dict[str, Any]


class Reply(NamedTuple):
    """What the model says. `thoughts` that begin with "redacted:" come as such blocks; `error` comes after the text."""

    text: str = "Hello there, how can I help?"
    thoughts: tuple[str, ...] = ()
    stop_reason: str = "end_turn"
    stop_details: Json | None = None
    error: Json | None = None


class Refused(NamedTuple):
    status: int
    type: str
    message: str
    headers: Mapping[str, str] = MappingProxyType({})
    details: Json | None = None


def sign(thinking: str) -> str:
    return hashlib.sha256(thinking.encode()).hexdigest()


def entry(name: str, **fields: Any) -> Json:
    """One of the model list; `fields` in place of what this says."""
    yes, no = {"supported": True}, {"supported": False}
    abilities = dict.fromkeys(
        ("batch", "citations", "code_execution", "pdf_input", "server_tools", "structured_outputs"), no
    )
    known = {
        "type": "model",
        "id": name,
        "display_name": name,
        "created_at": "2026-01-01T00:00:00Z",
        "lifecycle": "active",
        "max_input_tokens": WINDOW,
        "max_tokens": MAX_TOKENS,
        "capabilities": {**abilities, "image_input": yes, "pdf_input": yes, "thinking": {**yes, "types": {}}},
    }
    return known | fields


class FakeAnthropic(FakeServer):
    """`refused` answers the next requests instead; `page` is how many models a page of the list has at most."""

    def __init__(self, reply: Reply | None = None, *, tokens_per_s: float = 0.0, page: int = 1000) -> None:
        super().__init__(self._handle)
        self.reply = reply or Reply()
        self.tokens_per_s = tokens_per_s
        self.page = page
        self.models = [entry(MODEL), entry("claude-haiku-4-5", max_input_tokens=None, capabilities=None)]
        self.refused: Refused | None = None
        self._cache: set[tuple[str, ...]] = set()

    async def _handle(self, request: Request, respond: Responder) -> None:
        url = urlsplit(request.path)
        if refused := self.refused or _why_refused(request):
            error = {"type": refused.type, "message": refused.message, "details": refused.details}
            body = {"type": "error", "error": error, "request_id": "req_fake"}
            await respond.whole(body, refused.status, headers={**LIMITS, **refused.headers})
        elif url.path == "/v1/models":
            await respond.whole(self._models(parse_qs(url.query)))
        else:
            await self._stream(request.json(), respond)

    def _models(self, query: dict[str, list[str]]) -> Json:
        limit = min(self.page, int(query.get("limit", ["20"])[0]))
        names = [model["id"] for model in self.models]
        begin = names.index(query["after_id"][0]) + 1 if "after_id" in query else 0
        data = self.models[begin : begin + limit]
        return {
            "data": data,
            "has_more": begin + limit < len(names),
            "first_id": data[0]["id"] if data else None,
            "last_id": data[-1]["id"] if data else None,
        }

    async def _stream(self, body: Json, respond: Responder) -> None:
        await respond.begin("text/event-stream; charset=utf-8", LIMITS)
        async for event in self._events(body):
            await respond.chunk(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
        await respond.finish()

    async def _events(self, body: Json) -> AsyncIterator[Json]:
        reply, prompt = self.reply, self._count_prompt(body)
        thought = sum(len(tokens_of(thinking)) for thinking in reply.thoughts)
        yield {"type": "message_start", "message": _message(body["model"], prompt | {"output_tokens": 1})}
        yield {"type": "ping"}
        for index, block in enumerate((*reply.thoughts, *([reply.text] if reply.text else []))):
            for event in _block(index, block, is_text=index == len(reply.thoughts)):
                if self.tokens_per_s and event["type"] == "content_block_delta":
                    await asyncio.sleep(1 / self.tokens_per_s)
                yield event
        if reply.error:
            yield {"type": "error", "error": reply.error, "request_id": "req_fake"}
            return
        usage = prompt | {
            "output_tokens": thought + len(tokens_of(reply.text)),
            "output_tokens_details": {"thinking_tokens": thought},
        }
        stopped = {"stop_reason": reply.stop_reason, "stop_sequence": None, "stop_details": reply.stop_details}
        yield {"type": "message_delta", "delta": stopped, "usage": usage}
        yield {"type": "message_stop"}

    def _count_prompt(self, body: Json) -> Json:
        """What comes from the cache is the longest marked beginning that was marked before."""
        blocks = list(_blocks(body))
        texts = [json.dumps({**block, "cache_control": None}, sort_keys=True) for block in blocks]
        words = [len(str(block.get("text", "")).split()) for block in blocks]
        marks = [at for at, block in enumerate(blocks, 1) if block.get("cache_control")]
        marked = marks[-1] if marks else 0
        read = max((end for end in range(marked + 1) if tuple(texts[:end]) in self._cache), default=0)
        self._cache |= {tuple(texts[:end]) for end in marks}
        return {
            "input_tokens": sum(words[marked:]),
            "cache_creation_input_tokens": sum(words[read:marked]),
            "cache_read_input_tokens": sum(words[:read]),
        }


def _message(model: str, usage: Json) -> Json:
    return {
        "id": "msg_fake",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }


def _block(index: int, words: str, *, is_text: bool) -> Iterator[Json]:
    kind = "text" if is_text else "thinking"
    begun: Json = {"type": kind, kind: ""} | ({} if is_text else {"signature": ""})
    deltas: list[Json] = [{"type": f"{kind}_delta", kind: token} for token in tokens_of(words)]
    if words.startswith("redacted:"):
        begun, deltas = {"type": "redacted_thinking", "data": words}, []
    elif not is_text:
        deltas.append({"type": "signature_delta", "signature": sign(words)})
    yield {"type": "content_block_start", "index": index, "content_block": begun}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


def _blocks(body: Json) -> Iterator[Json]:
    yield from body.get("system", [])
    for message in body["messages"]:
        yield from message["content"]


def _why_refused(request: Request) -> Refused | None:
    def invalid(message: str) -> Refused:
        return Refused(400, "invalid_request_error", message)

    if KEY not in (request.headers.get("x-api-key"), request.headers.get("authorization", "").removeprefix("Bearer ")):
        return Refused(401, "authentication_error", "invalid x-api-key")
    if request.headers.get("anthropic-version") not in VERSIONS:
        return invalid("anthropic-version: header is required")
    if request.method == "GET":
        return None
    body = request.json()
    if not body["model"].startswith("claude-"):
        return Refused(404, "not_found_error", f"model: {body['model']}")
    if "max_tokens" not in body:
        return invalid("max_tokens: Field required")
    thinking, blocks = body.get("thinking", {}), list(_blocks(body))
    if thinking.get("budget_tokens", 0) >= body["max_tokens"]:
        return invalid("`max_tokens` must be greater than `thinking.budget_tokens`.")
    if request.headers["anthropic-version"] == NEWEST and "temperature" in body:
        return invalid("temperature: Extra inputs are not permitted")
    if thinking.get("type") in ("enabled", "adaptive") and "temperature" in body:
        return invalid("`temperature` may only be set to 1 when thinking is enabled or in adaptive mode.")
    if (marks := sum("cache_control" in block for block in blocks)) > 4:
        return invalid(f"A maximum of 4 blocks with cache_control may be provided. Found {marks}.")
    if any(block["type"] == "thinking" and block["signature"] != sign(block["thinking"]) for block in blocks):
        return invalid("messages.1.content.0: Invalid `signature` in `thinking` block")
    if (words := sum(len(str(block.get("text", "")).split()) for block in blocks)) > WINDOW:
        return invalid(f"prompt is too long: {words} tokens > {WINDOW} maximum")
    return None
