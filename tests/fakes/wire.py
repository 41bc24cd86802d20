"""Each streaming protocol as the tests write it, so that one fault is tried on all of them."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec

from hybridchat.backends.base import Backend, BackendSpec
from hybridchat.backends.embedded import EmbeddedBackend
from hybridchat.backends.engines import Engine
from hybridchat.backends.processes import birth_of
from hybridchat.backends.registry import make_backend
from hybridchat.domain.address import parse_base_url
from hybridchat.domain.chat import ChatMessage, ChatRequest, Kind, Proof, Role, Zone
from hybridchat.domain.events import Event, Text, Thinking
from hybridchat.paths import find_paths
from tests.fakes.http import FakeServer, Request, Responder
from tests.fakes.recorder import Recorded


class Wire(NamedTuple):
    kind: Kind
    path: str
    content_type: str
    frame: Callable[[bytes], bytes]  # a JSON text as one event
    value: Callable[[str, str], dict[str, Any]]  # text, thinking → the event's value
    end: tuple[bytes, ...]  # the events that end a reply properly

    def piece(self, text: str = "", thinking: str = "") -> bytes:
        return self.frame(json.dumps(self.value(text, thinking), ensure_ascii=False).encode())

    def error(self, message: str) -> bytes:
        return self.frame(
            json.dumps({"error": message} if self is OLLAMA else {"error": {"message": message}}).encode()
        )

    def reply(self, *texts: str) -> bytes:
        return b"".join([*map(self.piece, texts), *self.end])


def _sse(data: bytes) -> bytes:
    return b"data: " + data + b"\n\n"


def _line(data: bytes) -> bytes:
    return data + b"\n"


CHAT_COMPLETIONS = Wire(
    Kind.OPENAI_COMPATIBLE,
    "/v1/chat/completions",
    "text/event-stream",
    _sse,
    lambda text, thinking: {
        "model": "m",
        "choices": [{"index": 0, "delta": {"content": text, "reasoning": thinking}, "finish_reason": None}],
    },
    (_sse(b'{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'), _sse(b"[DONE]")),
)

OLLAMA = Wire(
    Kind.OLLAMA,
    "/api/chat",
    "application/x-ndjson",
    _line,
    lambda text, thinking: {"model": "m", "message": {"role": "assistant", "content": text, "thinking": thinking}},
    (_line(b'{"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop"}'),),
)

ANTHROPIC = Wire(
    Kind.ANTHROPIC,
    "/v1/messages",
    "text/event-stream",
    _sse,
    lambda text, thinking: {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "thinking_delta", "thinking": thinking} if thinking else {"type": "text_delta", "text": text},
    },
    (
        _sse(b'{"type":"message_delta","delta":{"stop_reason":"stop","stop_sequence":null}}'),
        _sse(b'{"type":"message_stop"}'),
    ),
)

RESPONSES = Wire(
    Kind.OPENAI_RESPONSES,
    "/v1/responses",
    "text/event-stream",
    _sse,
    lambda text, thinking: {
        "type": "response.reasoning_text.delta" if thinking else "response.output_text.delta",
        "delta": thinking or text,
    },
    (_sse(b'{"type":"response.completed","response":{"status":"completed","model":null}}'),),
)

GEMINI = Wire(
    Kind.GEMINI,
    "/v1beta/models/m:streamGenerateContent?alt=sse",
    "text/event-stream",
    _sse,
    lambda text, thinking: {
        "candidates": [
            {"content": {"role": "model", "parts": [{"text": thinking or text, "thought": bool(thinking)}]}}
        ],
        "modelVersion": "m",
    },
    (_sse(b'{"candidates":[{"finishReason":"stop"}]}'),),
)

EMBEDDED = CHAT_COMPLETIONS._replace(kind=Kind.EMBEDDED)

WIRES = (CHAT_COMPLETIONS, RESPONSES, OLLAMA, ANTHROPIC, GEMINI)

Script = Callable[[Responder], Awaitable[None]]


def scripted(wire: Wire, script: Script) -> FakeServer:
    """A server whose chat does what the script says; it knows no other path."""

    async def handle(request: Request, respond: Responder) -> None:
        if request.path == wire.path:
            await script(respond)
        else:
            await respond.whole({"error": "not found"}, status=404)

    return FakeServer(handle)


def spec_for(kind: Kind, url: str, **fields: Any) -> BackendSpec:
    """A backend called "it", in the device zone unless `fields` say otherwise."""
    fields = {"zone": Zone.DEVICE, "proof": Proof.VOUCHED, **fields}
    return BackendSpec(id="it", kind=kind, address=parse_base_url(url), **fields)


def ask(text: str = "hello", model: str = "m", **fields: Any) -> ChatRequest:
    return ChatRequest(model, (ChatMessage(Role.USER, text),), **fields)


def open_backend(spec: BackendSpec) -> Backend:
    """As make_backend; for the embedded kind the server counts as an engine of "m" that was left running."""
    if spec.kind is not Kind.EMBEDDED:
        return make_backend(spec, recorder=Recorded())
    paths, pid = find_paths(), os.getpid()
    engine = Engine(
        id="embedded",
        kind=spec.kind,
        model="m",
        base_url=spec.address.origin,
        pid=pid,
        birth=birth_of(pid) or "",
        log_file="",
        started_at="",
    )
    paths.run_dir.mkdir(parents=True, exist_ok=True)
    (paths.run_dir / "engine-embedded.json").write_bytes(msgspec.json.encode(engine))
    return EmbeddedBackend(spec, paths)


async def collect(
    backend: Backend, request: ChatRequest | None = None, heard: asyncio.Event | None = None
) -> list[Event]:
    """Every event of one reply; `heard` is set at its first text."""
    events: list[Event] = []
    try:
        async for event in backend.chat(request or ask()):
            events.append(event)
            if heard and isinstance(event, Text):
                heard.set()
    finally:
        await backend.aclose()
    return events


async def run(
    wire: Wire,
    script: Script,
    request: ChatRequest | None = None,
    heard: asyncio.Event | None = None,
    **fields: Any,
) -> list[Event]:
    """The events of one request to a scripted server."""
    async with scripted(wire, script) as server:
        return await collect(open_backend(spec_for(wire.kind, server.url, **fields)), request, heard)


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Text))


def thinking_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Thinking))
