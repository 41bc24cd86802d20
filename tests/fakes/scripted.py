"""A session over a real ledger and backends in this process, whose answers say what they answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hybridchat.backends.base import BackendSpec
from hybridchat.config import Config
from hybridchat.domain.address import parse_base_url
from hybridchat.domain.chat import ChatRequest, Health, HealthState, Kind, ModelInfo, Proof, Zone
from hybridchat.domain.events import Event, Finished, Started, Text, Usage
from hybridchat.ledger.store import Ledger, open_ledger
from hybridchat.session.chat import Session
from hybridchat.session.prices import PriceBook


@dataclass
class Echo:
    """Answers `re: WORDS (N)`, N counted over all backends; with a `gate`, its second half waits for that."""

    spec: BackendSpec
    count: Callable[[], int]
    gate: asyncio.Event | None = None
    requests: list[ChatRequest] = field(default_factory=list)

    async def chat(self, request: ChatRequest) -> AsyncIterator[Event]:
        self.requests.append(request)
        number = self.count()
        yield Started(request.model)
        yield Text(f"re: {request.messages[-1].text}")
        if self.gate is not None:
            await self.gate.wait()
        yield Text(f" ({number})")
        yield Usage(prompt_tokens=5, completion_tokens=2)
        yield Finished("stop")

    async def health(self) -> Health:
        return Health(HealthState.HEALTHY, "scripted", (ModelInfo("small"), ModelInfo("large")))

    async def aclose(self) -> None:
        return None


def echo_spec(name: str, zone: Zone) -> BackendSpec:
    return BackendSpec(
        id=name,
        kind=Kind.OPENAI_COMPATIBLE,
        address=parse_base_url("https://api.example.com" if zone is Zone.MANAGED else "http://127.0.0.1:9"),
        zone=zone,
        proof=None if zone is Zone.MANAGED else Proof.VOUCHED,
        model="small",
    )


class Echoes:
    """`lab` on this machine and `cloud` beyond it."""

    def __init__(self) -> None:
        self.said = 0
        specs = (echo_spec("lab", Zone.DEVICE), echo_spec("cloud", Zone.MANAGED))
        self.backends = {spec.id: Echo(spec, self._count) for spec in specs}

    def _count(self) -> int:
        self.said += 1
        return self.said

    def session(self, ledger: Path | None, *, without: Sequence[str] = ()) -> Session:
        """Not started. The ledger is that file, or in memory."""

        async def open_backend(wanted: BackendSpec) -> Echo:
            return self.backends[wanted.id]

        def opened(on_notice: Callable[[str], None]) -> Ledger:
            return open_ledger(ledger, on_notice)

        return Session(
            config=Config(),
            specs={name: echo.spec for name, echo in self.backends.items() if name not in without},
            open_ledger=opened,
            prices=PriceBook(),
            open_backend=open_backend,
        )
