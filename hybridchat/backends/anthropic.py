"""Anthropic's Messages, for whoever speaks them: Anthropic itself, gateways, vLLM and llama.cpp."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import msgspec
from msgspec import Struct

from hybridchat.backends import identity
from hybridchat.backends.anthropic_request import Thought, request_body, signature_of
from hybridchat.backends.base import BackendSpec
from hybridchat.backends.decoding import REFUSED, JsonStreamDecoder, OnError, is_set
from hybridchat.backends.facts import effort_fields, facts, takes_sampling
from hybridchat.backends.http_backend import HttpBackend, percent_encoded
from hybridchat.backends.identity import Models
from hybridchat.domain.chat import ChatRequest, ModelInfo
from hybridchat.domain.events import Event, Finished, Refusal, Signature, Started, Thinking, Usage
from hybridchat.domain.text import clean_line
from hybridchat.net.audit import Recorder
from hybridchat.net.client import Client
from hybridchat.net.framing import SseFramer

PATH = "/messages"
VERSION = "2023-06-01"

_MAX_PAGES = 20


class _OutputDetails(Struct, gc=False):
    thinking_tokens: int | None = None


class _CacheCreation(Struct, gc=False):
    ephemeral_1h_input_tokens: int | None = None  # the rest is kept for five minutes


class _Usage(Struct, gc=False):
    """Cumulative: a count that comes again replaces the one before."""

    input_tokens: int | None = None  # without what the cache wrote or read
    cache_creation_input_tokens: int | None = None
    cache_creation: _CacheCreation | None = None
    cache_read_input_tokens: int | None = None
    output_tokens: int | None = None  # thinking included
    output_tokens_details: _OutputDetails | None = None


class _Message(Struct, gc=False):
    model: str | None = None
    usage: _Usage | None = None


class _Block(Struct, gc=False):
    """The start of a content block. Only redacted thinking comes whole; some servers put first words here too."""

    type: str = ""
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None


class _StopDetails(Struct, gc=False):
    category: str | None = None
    explanation: str | None = None


class _Delta(Struct, gc=False):
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    stop_reason: str | None = None
    stop_details: _StopDetails | None = None


class _Event(Struct, gc=False):
    type: str = ""
    message: _Message | None = None
    content_block: _Block | None = None
    delta: _Delta | None = None
    usage: _Usage | None = None
    error: msgspec.Raw = msgspec.Raw()


class AnthropicDecoder(JsonStreamDecoder[_Event]):
    """Server-sent events to our events."""

    def __init__(self, on_error: OnError) -> None:
        super().__init__(SseFramer(), _Event, on_error)
        self._usage = _Usage()
        self._stop_reason: str | None = None
        self._thoughts: list[Thought] = []  # those that a later turn has to bring along

    def _take(self, value: _Event, events: list[Event], *, is_repaired: bool = False) -> None:
        match value:
            case _Event(type="content_block_delta", delta=_Delta() as delta):
                self._begin(None, events)
                self._words(delta.thinking, delta.text, delta.signature, events, is_repaired=is_repaired)
            case _Event(type="content_block_start", content_block=_Block() as block):
                self._begin(None, events)
                if block.type.endswith("thinking"):
                    self._thoughts.append(Thought(redacted=block.data or ""))
                self._words(block.thinking, block.text, block.signature, events, is_repaired=is_repaired)
            case _Event(type="content_block_stop"):
                self._sign(events)
            case _Event(type="message_start", message=_Message() as message):
                self._begin(message.model, events)
                self._count(message.usage, events, is_final=False)
            case _Event(type="message_delta", delta=_Delta() as delta):
                self._begin(None, events)
                self._stop_reason = self._stop_reason or delta.stop_reason
                if delta.stop_reason == "refusal":
                    events.append(_refusal(delta.stop_details or _StopDetails()))
                self._count(value.usage, events, is_final=True)
            case _Event(type="message_stop"):
                self._close(Finished(self._stop_reason, self._skipped), events)
            case _Event(type="ping"):
                pass
            case _ if is_set(value.error):
                self._fail(value.error, events)
            case _:
                self._skip(events)

    def _begin(self, model: str | None, events: list[Event]) -> None:
        if not self.understood:
            self.understood = True
            events.append(Started(model))

    def _words(
        self, thinking: str | None, text: str | None, signature: str | None, events: list[Event], *, is_repaired: bool
    ) -> None:
        before = len(events)
        self._pieces(thinking, text, events, is_repaired=is_repaired)
        if self._thoughts and (thinking or signature):
            thought = self._thoughts[-1]
            thought.characters += sum(len(event.text) for event in events[before:] if isinstance(event, Thinking))
            thought.signature += signature or ""

    def _sign(self, events: list[Event]) -> None:
        """After each block, so that also a reply that is stopped later can be thought on from here."""
        if any(thought.signature or thought.redacted for thought in self._thoughts):
            events.append(Signature(signature_of(self._thoughts)))

    def _count(self, usage: _Usage | None, events: list[Event], *, is_final: bool) -> None:
        if usage is None:
            return
        for name in _Usage.__struct_fields__:
            if (count := getattr(usage, name)) is not None:
                setattr(self._usage, name, count)
        events.append(_told(self._usage, is_final=is_final))


def _told(usage: _Usage, *, is_final: bool) -> Usage:
    """What was generated is known at the end alone: the first event tells the one token that it began with."""
    prompt = usage.input_tokens
    if prompt is not None:
        prompt += (usage.cache_creation_input_tokens or 0) + (usage.cache_read_input_tokens or 0)
    details = usage.output_tokens_details
    return Usage(
        prompt,
        usage.cache_read_input_tokens,
        usage.cache_creation_input_tokens,
        usage.output_tokens if is_final else None,
        details.thinking_tokens if details and is_final else None,
        cache_write_1h_tokens=usage.cache_creation.ephemeral_1h_input_tokens if usage.cache_creation else None,
    )


def _refusal(details: _StopDetails) -> Refusal:
    about = f" ({clean_line(details.category, 40)})" if details.category else ""
    words = clean_line(details.explanation or "", 200)
    return Refusal(f"{REFUSED}{about}: {words}" if words else f"{REFUSED}{about}")


class _Support(Struct, frozen=True):
    supported: bool = False


class _Capabilities(Struct, frozen=True):
    image_input: _Support = _Support()
    pdf_input: _Support = _Support()
    thinking: _Support = _Support()


class _Model(Struct):
    id: str
    max_input_tokens: int | None = None
    max_tokens: int | None = None
    capabilities: _Capabilities | None = None


class _Page(Struct):
    data: list[_Model] = []
    has_more: bool = False
    last_id: str | None = None


async def _list_models(client: Client, spec: BackendSpec) -> list[_Model]:
    """Every page of the list. A compatible server without one offers no model that we know of."""
    path = spec.address.endpoint("/models")
    models: list[_Model] = []
    query = "?limit=1000"
    for _ in range(_MAX_PAGES):
        page = identity.as_list(await identity.get_if_there(client, path + query), _Page, spec, path)
        models += page.data
        if not page.has_more or not page.last_id:
            break
        query = f"?limit=1000&after_id={percent_encoded(page.last_id)}"
    return models


def _info(model: _Model) -> ModelInfo:
    has = model.capabilities or _Capabilities()
    abilities = {"vision": has.image_input, "documents": has.pdf_input, "thinking": has.thinking}
    return ModelInfo(
        model.id,
        context_window=model.max_input_tokens,
        capabilities=tuple(name for name, ability in abilities.items() if ability.supported),
        sees=model.capabilities.image_input.supported if model.capabilities else None,
    )


class AnthropicBackend(HttpBackend):
    """See `backends.base.Backend`."""

    def __init__(self, spec: BackendSpec, key: str | None = None, *, recorder: Recorder | None = None) -> None:
        super().__init__(spec, key, {"anthropic-version": VERSION}, recorder=recorder)
        self._most_tokens: dict[str, int] = {}  # per model that the last list had, what a reply may have

    def chat(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        return self._ask(request, self._prepare, lambda: AnthropicDecoder(self._failed))

    def _prepare(self, request: ChatRequest) -> tuple[str, bytes]:
        of_model = self.spec.kind, self.spec.address.host, request.model, request.parameters.effort
        most = self._most_tokens.get(request.model) or facts().max_tokens[self.spec.kind]
        body = request_body(
            request,
            max_tokens=request.parameters.max_tokens or most,
            fields=effort_fields(*of_model),
            may_sample=takes_sampling(*of_model),
        )
        return self.spec.address.endpoint(PATH), body

    async def _models(self) -> Models:
        models = await _list_models(self._client, self.spec)
        self._most_tokens = {model.id: model.max_tokens for model in models if model.max_tokens}
        return tuple(map(_info, models))
