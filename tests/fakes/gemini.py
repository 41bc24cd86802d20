"""Gemini's API as it speaks: keys, model names, parts with thoughts and signatures, filters, its two kinds of errors.

A token is a word here. What the real API would refuse, this one refuses in the same words.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from base64 import b64decode, b64encode, urlsafe_b64decode
from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from tests.fakes.completions import tokens_of
from tests.fakes.http import FakeServer, Request, Responder

KEY = "AIza-fake"
MODEL = "gemini-2.5-pro"
WINDOW = 2000

_URL_SAFE = str.maketrans("+/", "-_")

Json = dict[str, Any]


class Part(NamedTuple):
    """Streamed word by word; with a signature it comes whole."""

    text: str
    is_thought: bool = False
    is_signed: bool = False


class Reply(NamedTuple):
    """What the model says. A `blocked` question gets no candidate; `error` comes after the parts, `bare` or framed."""

    parts: tuple[Part, ...] = (Part("Hello there, how can I help?"),)
    finish_reason: str | None = "STOP"
    finish_message: str | None = None
    blocked: Json | None = None
    error: Json | None = None
    is_bare: bool = False


class Refused(NamedTuple):
    status: int
    name: str
    message: str
    details: tuple[Json, ...] = ()

    def as_json(self) -> Json:
        error = {"code": self.status, "message": self.message, "status": self.name, "details": list(self.details)}
        return {"error": error}


def sign(words: str) -> str:
    """Signatures are bytes, base64 in JSON."""
    return b64encode(hashlib.sha256(words.encode()).digest()).decode()


def entry(name: str, *methods: str, **fields: Any) -> Json:
    known = {"name": f"models/{name}", "version": "1", "displayName": name, "inputTokenLimit": WINDOW}
    known |= {"outputTokenLimit": 500, "supportedGenerationMethods": methods or ["generateContent", "countTokens"]}
    return known | fields


class FakeGemini(FakeServer):
    """`refused` answers the next requests instead; `page` is how many models a page of the list has at most."""

    def __init__(self, reply: Reply | None = None, *, tokens_per_s: float = 0.0, page: int = 1000) -> None:
        super().__init__(self._handle)
        self.reply = reply or Reply()
        self.tokens_per_s = tokens_per_s
        self.page = page
        self.models = [entry(MODEL, thinking=True), entry("text-embedding", "embedContent")]
        self.refused: Refused | None = None
        self._cache: set[tuple[str, ...]] = set()

    async def _handle(self, request: Request, respond: Responder) -> None:
        url = urlsplit(request.path)
        if refused := self.refused or _why_refused(request):
            await respond.whole(refused.as_json(), refused.status)
        elif url.path == "/v1beta/models":
            await respond.whole(self._models(parse_qs(url.query)))
        else:
            await self._stream(_camel(request.json()), url.path.rpartition("/")[2].partition(":")[0], respond)

    def _models(self, query: dict[str, list[str]]) -> Json:
        begin = int(query["pageToken"][0].removesuffix("/+=")) if "pageToken" in query else 0
        end = begin + min(self.page, int(query.get("pageSize", ["50"])[0]))
        more = {"nextPageToken": f"{end}/+="} if end < len(self.models) else {}
        return {"models": self.models[begin:end], **more}

    async def _stream(self, body: Json, model: str, respond: Responder) -> None:
        await respond.begin("text/event-stream")
        async for event in self._events(body):
            chunk = {**event, "modelVersion": f"{model}-001", "responseId": "fake"}
            await respond.chunk(b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\r\n\r\n")
        if error := self.reply.error:
            text = json.dumps({"error": error}, indent=2)
            await respond.chunk(
                text.encode() if self.reply.is_bare else b"data: " + json.dumps({"error": error}).encode()
            )
            await respond.chunk(b"\r\n\r\n")
        await respond.finish()

    async def _events(self, body: Json) -> AsyncIterator[Json]:
        reply, usage = self.reply, self._count_prompt(body)
        if reply.blocked:
            total = {"totalTokenCount": usage["promptTokenCount"]}
            yield {"promptFeedback": reply.blocked, "usageMetadata": usage | total}
            return
        asks_for_thoughts = body.get("generationConfig", {}).get("thinkingConfig", {}).get("includeThoughts")
        for part in reply.parts:
            for piece in (part.text,) if part.is_signed else tokens_of(part.text):
                name = "thoughtsTokenCount" if part.is_thought else "candidatesTokenCount"
                usage = usage | {name: usage.get(name, 0) + len(tokens_of(piece))}
                if part.is_thought and not asks_for_thoughts:
                    continue
                if self.tokens_per_s:
                    await asyncio.sleep(1 / self.tokens_per_s)
                said = {"text": piece} | ({"thought": True} if part.is_thought else {})
                said |= {"thoughtSignature": sign(piece)} if part.is_signed else {}
                yield _chunk({"content": {"role": "model", "parts": [said]}}, usage)
        if not reply.error:
            ended: Json = {"finishReason": reply.finish_reason}
            ended |= {"finishMessage": reply.finish_message} if reply.finish_message else {}
            yield _chunk({"content": {"role": "model", "parts": [{"text": ""}]}, **ended}, usage)

    def _count_prompt(self, body: Json) -> Json:
        """What it has seen before is in its cache without being told to be."""
        texts = [part.get("text", "") for part in _parts(body)]
        seen = max((end for end in range(len(texts) + 1) if tuple(texts[:end]) in self._cache), default=0)
        self._cache.add(tuple(texts))
        cached = sum(len(text.split()) for text in texts[:seen])
        prompt = {"promptTokenCount": sum(len(text.split()) for text in texts)}
        return prompt | ({"cachedContentTokenCount": cached} if cached else {})


def _chunk(candidate: Json, usage: Json) -> Json:
    total = sum(count for name, count in usage.items() if not name.startswith("cached"))
    return {"candidates": [{**candidate, "index": 0}], "usageMetadata": {**usage, "totalTokenCount": total}}


def _parts(body: Json) -> Iterator[Json]:
    yield from body.get("systemInstruction", {}).get("parts", [])
    for content in body["contents"]:
        yield from content["parts"]


def _is_true(part: Json) -> bool:
    """Bytes are taken in either alphabet of base64."""
    signature = part.get("thoughtSignature")
    return signature is None or urlsafe_b64decode(signature.translate(_URL_SAFE)) == b64decode(sign(part["text"]))


def _camel(value: Any) -> Any:
    """Names are taken in both of protobuf's spellings, and the library mixes them."""
    if isinstance(value, list):
        return [_camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {re.sub("_([a-z])", lambda m: m[1].upper(), name): _camel(item) for name, item in value.items()}


def _why_refused(request: Request) -> Refused | None:
    def invalid(message: str, *details: Json) -> Refused:
        return Refused(400, "INVALID_ARGUMENT", message, details)

    url = urlsplit(request.path)
    if request.headers.get("x-goog-api-key") != KEY or "key=" in url.query:
        info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
        return invalid("API key not valid. Please pass a valid API key.", info)
    if request.method == "GET":
        return None
    model, _, method = url.path.rpartition("/")[2].partition(":")
    if not model.startswith("gemini-") or method != "streamGenerateContent":
        message = f"models/{model} is not found for API version v1beta, or is not supported for generateContent."
        return Refused(404, "NOT_FOUND", message)
    body = _camel(request.json())
    if {content["role"] for content in body["contents"]} - {"user", "model"}:
        return invalid("Please use a valid role: user, model.")
    thinking = body.get("generationConfig", {}).get("thinkingConfig", {})
    if {"thinkingBudget", "thinkingLevel"} <= set(thinking):
        return invalid("You can only set only one of thinking budget and thinking level.")
    if not all(_is_true(part) for part in _parts(body)):
        return invalid("Thought signature is not valid")
    if (words := sum(len(part.get("text", "").split()) for part in _parts(body))) > WINDOW:
        return invalid(f"The input token count ({words}) exceeds the maximum number of tokens allowed ({WINDOW}).")
    return None
