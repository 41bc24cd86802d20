"""A paced Chat Completions server: `python -m tests.fakes.completions --port 8001 --tokens-per-s 100`.

It streams `TEXT` (markdown with headings, lists, a table and code) one token per event, again and again up to `tokens`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import time
from collections.abc import Sequence
from typing import Any

from tests.fakes.http import FakeServer, Request, Responder

TEXT = """# A heading

A paragraph with **bold**, *emphasis* and `code`, long enough to wrap on a narrow terminal.

- first
- second
  - nested, with a [link](https://example.invalid/)

| engine | tokens |
|--------|-------:|
| one    |    100 |

```python
def answer(question: str) -> str:
    return question[::-1]
```

"""


def tokens_of(text: str) -> list[str]:
    return re.findall(r"\s*\S+|\s+", text)


TOKENS = tokens_of(TEXT)
RATE_LIMITS = {
    "x-ratelimit-limit-requests": "5000",
    "x-ratelimit-remaining-requests": "4999",
    "x-ratelimit-reset-requests": "12ms",
    "x-ratelimit-limit-tokens": "40000",
    "x-ratelimit-remaining-tokens": "39000",
    "x-ratelimit-reset-tokens": "6m0s",
}


class FakeCompletions(FakeServer):
    """`delay_s` to the first token, then `tokens_per_s` (0: at full speed), `tokens` in all (None: one `text`).

    The first requests are refused: for each wait in `limited`, one is told to come again after so many seconds.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        model: str = "fake",
        text: str = TEXT,
        tokens_per_s: float = 0.0,
        delay_s: float = 0.0,
        tokens: int | None = None,
        with_usage: bool = True,
        owned_by: str = "fake",
        limited: Sequence[int] = (),
    ) -> None:
        super().__init__(self._handle, port)
        self.model = model
        self.tokens_per_s = tokens_per_s
        self.delay_s = delay_s
        self.texts = tokens_of(text)
        self.tokens = len(self.texts) if tokens is None else tokens
        self.with_usage = with_usage
        self.owned_by = owned_by
        self.limited = list(limited)
        self.first_byte_at: list[float] = []  # time.perf_counter() when each chat request had arrived

    async def _handle(self, request: Request, respond: Responder) -> None:
        if request.path.endswith("/v1/models"):
            entry = {"id": self.model, "object": "model", "owned_by": self.owned_by, "max_model_len": 8192}
            await respond.whole({"object": "list", "data": [entry]})
        elif request.path.endswith("/v1/chat/completions"):
            self.first_byte_at.append(time.perf_counter())
            if self.limited:
                error = {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"}
                headers = {"retry-after": str(self.limited.pop(0))}
                await respond.whole({"error": error}, status=429, headers=headers)
            else:
                await self._stream(request, respond)
        else:
            await respond.whole({"error": {"message": "not found", "type": "not_found", "code": 404}}, status=404)

    async def _stream(self, request: Request, respond: Responder) -> None:
        await respond.begin("text/event-stream", RATE_LIMITS)
        await respond.chunk(self._event({"role": "assistant", "content": ""}))
        loop = asyncio.get_running_loop()
        begun_at = loop.time() + self.delay_s
        await asyncio.sleep(self.delay_s)
        for index in range(self.tokens):
            if self.tokens_per_s:
                await asyncio.sleep(max(0.0, begun_at + index / self.tokens_per_s - loop.time()))
            await respond.chunk(self._event({"content": self.texts[index % len(self.texts)]}))
        await respond.chunk(self._event({}, finish_reason="stop"))
        if self.with_usage:
            words = sum(len(str(message["content"]).split()) for message in request.json()["messages"])
            usage = {"prompt_tokens": words, "completion_tokens": self.tokens, "total_tokens": words + self.tokens}
            await respond.chunk(_sse({"model": self.model, "choices": [], "usage": usage}))
        await respond.chunk(b"data: [DONE]\n\n")
        await respond.finish()

    def _event(self, delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        return _sse(
            {"id": "chatcmpl-fake", "object": "chat.completion.chunk", "model": self.model, "choices": [choice]}
        )


def _sse(value: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


async def serve(arguments: argparse.Namespace) -> None:
    server = FakeCompletions(
        port=arguments.port,
        model=arguments.model,
        tokens_per_s=arguments.tokens_per_s,
        delay_s=arguments.delay_s,
        tokens=arguments.tokens,
        limited=arguments.limited,
    )
    async with server:
        print(server.url, flush=True)
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--model", default="fake")
    parser.add_argument("--tokens-per-s", type=float, default=100.0)
    parser.add_argument("--delay-s", type=float, default=0.0)
    parser.add_argument("--tokens", type=int, default=None)
    parser.add_argument("--limited", type=int, nargs="*", default=())
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
