"""A vLLM-like server that paces its tokens and stamps them, on the clock that the terminal's reader uses.

The prompt says what to stream: `tokens=500 rate=100 tag=w` answers with 500 tokens, 100 a second, named w0000, w0001, …
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
import time
from collections.abc import Iterator
from typing import Any

from tests.fakes.http import FakeServer, Request, Responder

MODEL = "paced"
PLAIN: dict[str, dict[str, Any]] = {
    "/version": {"version": "0.0.0"},
    "/health": {},
    "/v1/models": {"object": "list", "data": [{"id": MODEL, "object": "model", "max_model_len": 1_000_000}]},
}


def markdown_tokens(count: int, tag: str) -> Iterator[str]:
    """Prose, a list and code by turns; each token is one word that appears once."""
    for number in range(count):
        word, place = f"{tag}{number:04d}", number % 60
        if place == 0:
            yield f"\n\n## {word}\n\n"
        elif 24 <= place < 40 and place % 4 == 0:
            yield ("\n\n" if place == 24 else "\n") + f"- **{word}** "
        elif place == 40:
            yield f"\n\n```python\n{word} = "
        elif place == 59:
            yield f"{word}\n```\n"
        elif place > 40 and place % 4 == 3:
            yield f"{word}\n"
        elif place > 40:
            yield f"{word} + "
        else:
            yield f"{word} "


class PacedServer:
    """Runs in a thread of its own. Use as a context manager; times are time.monotonic()."""

    def __init__(self) -> None:
        self.arrived_at: list[float] = []  # requests for a reply, wholly read
        self.sent_at: dict[str, float] = {}  # word → when it was written
        self.url = ""
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._serve()), daemon=True)

    def __enter__(self) -> PacedServer:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()

    async def _serve(self) -> None:
        async with FakeServer(self._answer) as server:
            self.url = server.url
            self._ready.set()
            await self._stop.wait()

    async def _answer(self, request: Request, respond: Responder) -> None:
        if request.path == "/v1/chat/completions":
            self.arrived_at.append(time.monotonic())
            await self._stream(request.json()["messages"][-1]["content"], respond)
        else:
            await respond.whole(PLAIN.get(request.path, {"detail": "Not Found"}), 200 if request.path in PLAIN else 404)

    async def _stream(self, prompt: str, respond: Responder) -> None:
        wish = re.search(r"tokens=(\d+) rate=(\d+) tag=(\w)", prompt)
        count, rate, tag = (int(wish[1]), int(wish[2]), wish[3]) if wish else (1, 1000, "w")
        await respond.begin("text/event-stream")
        start = time.monotonic()
        for number, token in enumerate(markdown_tokens(count, tag)):
            await asyncio.sleep(max(0.0, start + number / rate - time.monotonic()))
            self.sent_at[f"{tag}{number:04d}"] = time.monotonic()
            await respond.chunk(_event([{"index": 0, "delta": {"content": token}, "finish_reason": None}]))
        await respond.chunk(_event([{"index": 0, "delta": {}, "finish_reason": "stop"}]))
        await respond.chunk(_event([], usage={"prompt_tokens": 10, "completion_tokens": count}))
        await respond.chunk(b"data: [DONE]\n\n")
        await respond.finish()


def _event(choices: list[dict[str, Any]], **more: object) -> bytes:
    event = {"id": "x", "object": "chat.completion.chunk", "model": MODEL, "choices": choices, **more}
    return b"data: %b\n\n" % json.dumps(event).encode()
