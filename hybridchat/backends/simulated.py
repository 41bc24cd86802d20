"""The demo's backends: a fixed script of answers at a steady pace, offline, and labelled as what they are."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncGenerator

from msgspec import Struct

from hybridchat.backends.base import BackendSpec
from hybridchat.domain.chat import ChatRequest, Health, HealthState, ModelInfo, Role
from hybridchat.domain.events import Event, Finished, Started, Text, Usage

LABEL = "simulated"

_ANSWERS = (
    """## Simulated reply

Nothing was computed and nothing left this machine: this text comes with hybridchat, so that you can see it work.

- **Enter** sends, **Esc** stops a reply and keeps what came
- the line over the composer says *where* Enter will send, and why
  - local first, as long as a local backend is healthy
- the panel counts what it measured, and says when that is too little
""",
    """### A table and some code (simulated)

| side    | computes                | costs            |
|---------|-------------------------|------------------|
| local   | your own machine        | energy, hardware |
| managed | a provider you pay      | per token        |

```python
def choose(privacy: str, healthy_local: bool) -> str:
    if privacy == "local_only" or healthy_local:
        return "local"
    return "managed"
```

> Ask again for the next part of the script.
""",
    """### Last part of the script (simulated)

1. Point hybridchat at an engine you already run, or let it bring one.
2. Chat; every reply leaves its latency and its cost in a ledger of yours.
3. Compare both sides with your own numbers.

Run `hybridchat` without `demo` to begin.
""",
)


class Pace(Struct, frozen=True):
    """`delay_s` to the first token, then `tokens_per_s`."""

    delay_s: float = 0.25
    tokens_per_s: float = 60.0


class SimulatedBackend:
    """See `backends.base.Backend`. Its token counts are the script's words, its timing is `pace`."""

    def __init__(self, spec: BackendSpec, pace: Pace | None = None) -> None:
        self.spec = spec
        self._pace = pace or (Pace() if spec.zone.is_local else Pace(delay_s=0.6, tokens_per_s=90.0))

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        turn = sum(message.role is Role.USER for message in request.messages)
        tokens = re.findall(r"\s*\S+|\s+$", _ANSWERS[(turn - 1) % len(_ANSWERS)])
        loop = asyncio.get_running_loop()
        begun_at = loop.time() + self._pace.delay_s
        yield Started(self.spec.model or LABEL)
        for index, token in enumerate(tokens):
            await asyncio.sleep(max(0.0, begun_at + index / self._pace.tokens_per_s - loop.time()))
            yield Text(token)
        prompt_tokens = sum(len(message.text.split()) for message in request.messages)
        yield Usage(prompt_tokens=prompt_tokens, completion_tokens=len(tokens))
        yield Finished("stop")

    async def health(self) -> Health:
        return Health(HealthState.HEALTHY, LABEL, (ModelInfo(self.spec.model or LABEL),), time.monotonic())

    async def aclose(self) -> None:
        """Nothing is open."""
