"""What a chunk of each protocol costs before it is an event: framing, JSON and decoding, CPU of this process."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from hybridchat.backends.anthropic import AnthropicDecoder
from hybridchat.backends.chat_completions import ChatCompletionsDecoder
from hybridchat.backends.gemini import GeminiDecoder
from hybridchat.backends.ollama import OllamaDecoder
from hybridchat.backends.responses import ResponsesDecoder
from hybridchat.backends.streaming import Decoder
from hybridchat.domain.events import Failed, Text
from hybridchat.errors import ErrorKind
from scripts.benchmarks.measure import Row, median

CHUNKS = 20_000
RUNS = 5
BUDGET_US = 25
WORD = "Grüße, world "


def rows() -> Iterator[Row]:
    for protocol, (make, event) in PROTOCOLS.items():
        costs_us = [cost_us(make(), event) for _ in range(RUNS)]
        yield Row(f"decoding one chunk, {protocol}", median(costs_us), "µs", BUDGET_US, CHUNKS)


def cost_us(decoder: Decoder, event: bytes) -> float:
    start = time.process_time()
    pieces = sum(isinstance(out, Text) for _ in range(CHUNKS) for out in decoder.feed(event))
    spent_s = time.process_time() - start
    if pieces != CHUNKS:
        raise RuntimeError(f"{pieces} of {CHUNKS} chunks gave text")
    return spent_s / CHUNKS * 1e6


def _broken(body: bytes) -> Failed:
    return Failed(ErrorKind.SERVER, body.decode())


def _sse(event: dict[str, Any], name: str = "") -> bytes:
    line = f"event: {name}\n" if name else ""
    return f"{line}data: {json.dumps(event, ensure_ascii=False)}\n\n".encode()


_CHAT = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "m",
    "system_fingerprint": "fp",
    "choices": [{"index": 0, "delta": {"content": WORD}, "logprobs": None, "finish_reason": None}],
}
_RESPONSES = {
    "type": "response.output_text.delta",
    "item_id": "msg_1",
    "output_index": 0,
    "content_index": 0,
    "delta": WORD,
    "sequence_number": 7,
    "logprobs": [],
}
_MESSAGES = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": WORD}}
_GEMINI = {
    "candidates": [{"content": {"parts": [{"text": WORD}], "role": "model"}, "index": 0}],
    "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 4, "totalTokenCount": 13},
    "modelVersion": "m",
}
_OLLAMA = {
    "model": "m",
    "created_at": "2026-01-01T00:00:00Z",
    "done": False,
    "message": {"role": "assistant", "content": WORD},
}

PROTOCOLS: dict[str, tuple[Callable[[], Decoder], bytes]] = {
    "Chat Completions": (lambda: ChatCompletionsDecoder(_broken), _sse(_CHAT)),
    "OpenAI Responses": (lambda: ResponsesDecoder(_broken), _sse(_RESPONSES, "response.output_text.delta")),
    "Anthropic Messages": (lambda: AnthropicDecoder(_broken), _sse(_MESSAGES, "content_block_delta")),
    "Gemini": (lambda: GeminiDecoder(_broken), _sse(_GEMINI)),
    "Ollama": (lambda: OllamaDecoder(_broken, may_forward=False), json.dumps(_OLLAMA).encode() + b"\n"),
}
