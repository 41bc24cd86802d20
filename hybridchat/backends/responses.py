"""OpenAI's Responses, without storing any, for whoever speaks them: OpenAI, Azure, gateways, vLLM and llama.cpp."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from functools import partial
from typing import Any

import msgspec
from msgspec import Struct

from hybridchat.backends.attachments import Parts, content
from hybridchat.backends.base import BackendSpec
from hybridchat.backends.decoding import FILTERED, REFUSED, JsonStreamDecoder, OnError, is_set
from hybridchat.backends.facts import effort_fields, takes_sampling
from hybridchat.backends.http_backend import HttpBackend
from hybridchat.domain.chat import ChatMessage, ChatRequest, Role
from hybridchat.domain.events import Event, Failed, Finished, Refusal, Signature, Started, Usage
from hybridchat.errors import UsageError
from hybridchat.net.framing import SseFramer

PATH = "/responses"
PARTS = Parts(
    text=lambda text: {"type": "input_text", "text": text},
    image=lambda url: {"type": "input_image", "image_url": url, "detail": "auto"},
    document=lambda name, url: {"type": "input_file", "filename": name, "file_data": url},
)

_TEXT = "response.output_text.delta"
_REFUSAL = "response.refusal.delta"
_THINKING = ("response.reasoning_summary_text.delta", "response.reasoning_text.delta")
_NEW_PART = ("response.output_item.added", "response.reasoning_summary_part.added")
_RUNNING = ("created", "in_progress", "queued")
_FINISH_REASONS = {"completed": "stop", "max_output_tokens": "length"}  # in the words of Chat Completions


class Thought(Struct, tag_field="type", tag="reasoning"):
    """One item of reasoning as it came, to be sent back as it is: what was encrypted only the provider can read."""

    id: str
    encrypted_content: str | None = None
    summary: list[dict[str, str]] = msgspec.field(default_factory=list)


class _InputDetails(Struct, gc=False):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _OutputDetails(Struct, gc=False):
    reasoning_tokens: int | None = None


class _Usage(Struct, gc=False):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: _InputDetails | None = None
    output_tokens_details: _OutputDetails | None = None


class _Incomplete(Struct, gc=False):
    reason: str | None = None


class _Response(Struct, gc=False):
    model: str | None = None
    status: str | None = None
    usage: _Usage | None = None
    incomplete_details: _Incomplete | None = None
    error: msgspec.Raw = msgspec.Raw()


class _Event(Struct, gc=False):
    type: str = ""
    delta: Any = None  # text, where it is one that is read
    response: _Response | None = None
    item: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()
    message: str | None = None  # of an error whose parts lie open
    code: str | None = None
    param: str | None = None


class ResponsesDecoder(JsonStreamDecoder[_Event]):
    """Server-sent events to our events. What the response's `status` says counts, not the name of the last event."""

    def __init__(self, on_error: OnError) -> None:
        super().__init__(SseFramer(), _Event, on_error)
        self._model: str | None = None
        self._has_refused = False
        self._has_text = self._has_thinking = self._is_new_part = False
        self._thoughts: list[Thought] = []

    def _take(self, value: _Event, events: list[Event], *, is_repaired: bool = False) -> None:
        if is_set(value.error):
            self._fail(value.error, events)
            return
        if value.type == "error":
            error = {"message": value.message or "no reason given", "code": value.code, "param": value.param}
            self._fail(msgspec.Raw(msgspec.json.encode(error)), events)
            return
        if not value.type.startswith("response."):
            if value.type != "keepalive":
                self._skip(events)
            return
        self._begin(value.response.model if value.response else None, events)
        if isinstance(value.delta, str):
            self._words(value.type, value.delta, events, is_repaired=is_repaired)
        elif value.type in _NEW_PART:
            self._is_new_part = True
        elif value.type == "response.output_item.done":
            self._sign(value.item, events)
        elif value.response is not None:
            self._end_with(value.response, value.type.rpartition(".")[2], events)

    def _begin(self, model: str | None, events: list[Event]) -> None:
        """llama.cpp names its model at the end alone; then the start is told again, with it."""
        if not self.understood or (model and not self._model):
            self.understood = True
            self._model = model
            events.append(Started(model))

    def _words(self, type_: str, words: str, events: list[Event], *, is_repaired: bool) -> None:
        """Parts of a summary and whole messages come without what separates them."""
        if not words:
            return
        if type_ in (_TEXT, _REFUSAL):
            gap = "\n\n" if self._is_new_part and self._has_text else ""
            self._has_text, self._is_new_part = True, False
            self._pieces(None, gap + words, events, is_repaired=is_repaired)
        elif type_ in _THINKING:
            gap = "\n\n" if self._is_new_part and self._has_thinking else ""
            self._has_thinking, self._is_new_part = True, False
            self._pieces(gap + words, None, events, is_repaired=is_repaired)
        if type_ == _REFUSAL and not self._has_refused:
            self._has_refused = True
            events.append(Refusal(REFUSED))

    def _sign(self, item: msgspec.Raw, events: list[Event]) -> None:
        """After each item of reasoning, so that also a reply that is stopped later can be thought on from here."""
        try:
            thought = msgspec.json.decode(item, type=Thought)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return  # another kind of item, or a damaged one
        if thought.encrypted_content:
            self._thoughts.append(thought)
            events.append(Signature(msgspec.json.encode(self._thoughts).decode()))

    def _end_with(self, response: _Response, event: str, events: list[Event]) -> None:
        status = response.status or event
        if status in _RUNNING:
            return
        if response.usage is not None:
            events.append(_usage(response.usage))
        if status in ("completed", "incomplete"):
            reason = (response.incomplete_details or _Incomplete()).reason if status == "incomplete" else None
            if reason == "content_filter":
                events.append(Refusal(FILTERED))
            reason = reason or status
            self._close(Finished(_FINISH_REASONS.get(reason, reason), self._skipped), events)
        elif is_set(response.error):
            self._fail(response.error, events)
        else:
            self._fail(msgspec.Raw(msgspec.json.encode(f"the response was {status}")), events)


def _usage(usage: _Usage) -> Usage:
    prompt = usage.input_tokens_details or _InputDetails()
    completion = usage.output_tokens_details or _OutputDetails()
    return Usage(
        usage.input_tokens,
        prompt.cached_tokens,
        prompt.cache_write_tokens,
        usage.output_tokens,
        completion.reasoning_tokens,
    )


def request_body(request: ChatRequest, spec: BackendSpec, *, with_summary: bool = True) -> bytes:
    """The JSON of a streaming request; there is no seed in this API.

    Raises UsageError for what cannot go: some attachments, and words to stop at, which this API does not know either.
    """
    given = request.parameters
    if given.stop:
        remedy = 'leave them out, or set kind = "openai" for Chat Completions'
        raise UsageError(f"{spec.id}: the Responses API takes no words to stop at", remedy)
    model = spec.kind, spec.address.host, request.model, given.effort
    may_sample = takes_sampling(*model)
    fields = effort_fields(*model)
    if not with_summary and "reasoning" in fields:
        fields["reasoning"] = {name: value for name, value in fields["reasoning"].items() if name != "summary"}
    options = {
        "temperature": given.temperature if may_sample else None,
        "top_p": given.top_p if may_sample else None,
        "max_output_tokens": given.max_tokens,
    }
    body: dict[str, Any] = {
        "model": request.model,
        "input": [item for message in request.messages for item in _items(message, thinks="include" in fields)],
        "stream": True,
        "store": False,
        **{name: value for name, value in options.items() if value is not None},
        **fields,
    }
    return msgspec.json.encode(body)


def _items(message: ChatMessage, *, thinks: bool) -> Iterator[Any]:
    """The reasoning comes before the reply that it led to; a model that gives none takes none."""
    if thinks and message.role is Role.ASSISTANT:
        yield from _thoughts(message.signature)
    if message.text or message.attachments:
        yield {"type": "message", "role": message.role, "content": content(message, PARTS)}


def _thoughts(signature: str) -> list[Thought]:
    try:
        return msgspec.json.decode(signature, type=list[Thought])
    except msgspec.DecodeError:
        return []  # none, or not this protocol's


class ResponsesBackend(HttpBackend):
    """See `backends.base.Backend`."""

    _may_summarize = True

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        """Summaries of the thinking are for verified organizations; the others are answered without, from then on."""
        with_summary = self._may_summarize
        while True:
            is_refused = False
            prepare = partial(self._prepare, with_summary=with_summary)
            async with aclosing(self._ask(request, prepare, lambda: ResponsesDecoder(self._failed))) as events:
                async for event in events:
                    is_refused = with_summary and _refuses_summaries(event)
                    if not is_refused:
                        yield event
            if not is_refused:
                return
            self._may_summarize = with_summary = False

    def _prepare(self, request: ChatRequest, *, with_summary: bool) -> tuple[str, bytes]:
        return self.spec.address.endpoint(PATH), request_body(request, self.spec, with_summary=with_summary)


def _refuses_summaries(event: Event) -> bool:
    """Nothing was generated, so asking again is safe."""
    return isinstance(event, Failed) and event.status == 400 and "reasoning summar" in event.message.lower()
