"""Gemini's `streamGenerateContent`: the key in a header, thoughts as parts, signatures wherever they come."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import msgspec
from msgspec import Struct

from hybridchat.backends import identity
from hybridchat.backends.base import BackendSpec
from hybridchat.backends.decoding import FILTERED, JsonStreamDecoder, OnError, is_set
from hybridchat.backends.facts import effort_fields, takes_sampling
from hybridchat.backends.gemini_request import SignedPart, model_path, request_body, signature_of
from hybridchat.backends.http_backend import HttpBackend, percent_encoded
from hybridchat.backends.identity import Models
from hybridchat.domain.chat import ChatRequest, ModelInfo
from hybridchat.domain.events import Event, Failed, Finished, Refusal, Signature, Started, Text, Thinking, Usage
from hybridchat.domain.text import clean_line
from hybridchat.errors import ErrorKind
from hybridchat.net.client import Client
from hybridchat.net.framing import SseFramer

VERSION = "/v1beta"

_MAX_PAGES = 20
_RUNNING = (None, "", "FINISH_REASON_UNSPECIFIED")  # the last from Vertex AI, until the end

# Why a filter stops a reply, or refuses a question; other reasons are the model's own way to end.
_FILTERS = {
    "SAFETY": "safety",
    "RECITATION": "recitation of a source",
    "LANGUAGE": "an unsupported language",
    "BLOCKLIST": "a word on its blocklist",
    "PROHIBITED_CONTENT": "prohibited content",
    "SPII": "personal data",
    "IMAGE_SAFETY": "safety of images",
    "IMAGE_PROHIBITED_CONTENT": "prohibited content of images",
    "IMAGE_RECITATION": "recitation of an image",
    "MODEL_ARMOR": "Model Armor",
    "JAILBREAK": "an attempt to get round its rules",
    "ESCALATION": "a rule of the provider",
    "PUP_LIMITED_DISABLED": "limits on this account",
}


class _Part(Struct, gc=False, rename="camel"):
    text: str | None = None
    thought: bool = False
    thought_signature: str | None = None


class _Content(Struct, gc=False):
    parts: list[_Part] | None = None


class _Candidate(Struct, gc=False, rename="camel"):
    content: _Content | None = None
    finish_reason: str | None = None
    finish_message: str | None = None
    index: int | None = None


class _UsageMetadata(Struct, gc=False, rename="camel"):
    """Of everything so far, on each chunk. Counts of nothing are left out."""

    prompt_token_count: int | None = None  # cached ones included
    cached_content_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    candidates_token_count: int | None = None  # without thoughts
    thoughts_token_count: int | None = None
    total_token_count: int | None = None


class _PromptFeedback(Struct, gc=False, rename="camel"):
    block_reason: str | None = None
    block_reason_message: str | None = None


class _Chunk(Struct, gc=False, rename="camel"):
    candidates: list[_Candidate] | None = None
    usage_metadata: _UsageMetadata | None = None
    model_version: str | None = None
    prompt_feedback: _PromptFeedback | None = None
    error: msgspec.Raw = msgspec.Raw()


class GeminiDecoder(JsonStreamDecoder[_Chunk]):
    """Server-sent events to our events. The chunk with a finish reason is the last; nothing else marks the end."""

    def __init__(self, on_error: OnError) -> None:
        super().__init__(SseFramer(), _Chunk, on_error)
        self._text_characters = 0
        self._thinking_characters = 0
        self._signed: list[SignedPart] = []

    def _take(self, value: _Chunk, events: list[Event], *, is_repaired: bool = False) -> None:
        if is_set(value.error):
            self._fail(value.error, events)
            return
        if not (value.candidates or value.usage_metadata or value.model_version or value.prompt_feedback):
            self._skip(events)
            return
        if not self.understood:
            self.understood = True
            events.append(Started(value.model_version))
        candidate = next((one for one in value.candidates or () if not one.index), _Candidate())
        for part in (candidate.content.parts if candidate.content else None) or ():
            self._take_part(part, events, is_repaired=is_repaired)
        if value.usage_metadata is not None:
            events.append(_usage(value.usage_metadata))
        feedback = value.prompt_feedback or _PromptFeedback()
        reason = feedback.block_reason if candidate.finish_reason in _RUNNING else candidate.finish_reason
        if reason in _FILTERS or feedback.block_reason:
            events.append(_refusal(reason or "", candidate.finish_message or feedback.block_reason_message))
        if reason == "CONTINUATION":
            self._close(Failed(ErrorKind.CUT_SHORT, "the reply is longer than one request may be", "continue"), events)
        elif reason:
            self._close(Finished(reason, self._skipped), events)

    def _take_part(self, part: _Part, events: list[Event], *, is_repaired: bool) -> None:
        first = len(events)
        thinking, text = (part.text, None) if part.thought else (None, part.text)
        self._pieces(thinking, text, events, is_repaired=is_repaired)
        characters = sum(len(event.text) for event in events[first:] if isinstance(event, Text | Thinking))
        begin = self._thinking_characters if part.thought else self._text_characters
        if part.thought:
            self._thinking_characters += characters
        else:
            self._text_characters += characters
        if part.thought_signature:
            self._signed.append(SignedPart(begin, characters, part.thought_signature, part.thought))
            events.append(Signature(signature_of(self._signed)))


def _usage(usage: _UsageMetadata) -> Usage:
    prompt = usage.prompt_token_count
    if prompt is not None:
        prompt += usage.tool_use_prompt_token_count or 0
    generated = (usage.candidates_token_count, usage.thoughts_token_count)
    counts = [count for count in generated if count is not None]
    if not counts and prompt is not None and usage.total_token_count is not None:
        counts = [usage.total_token_count - prompt]
    return Usage(
        prompt, usage.cached_content_token_count, None, sum(counts) if counts else None, usage.thoughts_token_count
    )


def _refusal(reason: str, message: str | None) -> Refusal:
    words = clean_line(message or "", 200) or _FILTERS.get(reason) or clean_line(reason, 40)
    return Refusal(f"{FILTERED}: {words}")


class _Model(Struct, rename="camel"):
    name: str
    input_token_limit: int | None = None
    supported_generation_methods: list[str] | None = None
    thinking: bool = False


class _Page(Struct, rename="camel"):
    models: list[_Model] = []
    next_page_token: str = ""


async def _list_models(client: Client, spec: BackendSpec) -> list[_Model]:
    """Every page of the list."""
    path = spec.address.endpoint("/models", version=VERSION)
    models: list[_Model] = []
    query = "?pageSize=1000"
    for _ in range(_MAX_PAGES):
        page = identity.as_list(await identity.get_if_there(client, path + query), _Page, spec, path)
        models += page.models
        if not page.next_page_token:
            break
        query = f"?pageSize=1000&pageToken={percent_encoded(page.next_page_token)}"
    return models


def _chats(model: _Model) -> bool:
    """Others embed texts or make pictures."""
    methods = model.supported_generation_methods
    return methods is None or "generateContent" in methods


def _info(model: _Model) -> ModelInfo:
    return ModelInfo(
        model.name.removeprefix("models/"),
        context_window=model.input_token_limit,
        capabilities=("thinking",) if model.thinking else (),
    )


class GeminiBackend(HttpBackend):
    """See `backends.base.Backend`."""

    def chat(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        return self._ask(request, self._prepare, lambda: GeminiDecoder(self._failed))

    def _prepare(self, request: ChatRequest) -> tuple[str, bytes]:
        of_model = self.spec.kind, self.spec.address.host, request.model, request.parameters.effort
        path = self.spec.address.endpoint(model_path(request.model), version=VERSION)
        body = request_body(request, fields=effort_fields(*of_model), may_sample=takes_sampling(*of_model))
        return f"{path}:streamGenerateContent?alt=sse", body

    async def _models(self) -> Models:
        return tuple(_info(model) for model in await _list_models(self._client, self.spec) if _chats(model))
