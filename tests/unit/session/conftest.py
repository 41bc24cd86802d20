"""A session over an in-memory ledger and backends that answer by script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest

from hybridchat.backends.base import BackendSpec
from hybridchat.config import Config, parse_config
from hybridchat.config.folders import FolderPin
from hybridchat.domain.address import parse_base_url
from hybridchat.domain.chat import ChatRequest, Health, HealthState, Kind, ModelInfo, Proof, Zone
from hybridchat.domain.events import Event, Finished, Started, Text, Usage
from hybridchat.ledger.store import Ledger, open_ledger
from hybridchat.session.budget_file import BudgetFile
from hybridchat.session.chat import Session
from hybridchat.session.events import SessionEvent
from hybridchat.session.prices import PriceBook

parse_config("")  # as every run does before it has threads: msgspec learns a type once, and two at a time crash it

HELLO: tuple[Event, ...] = (
    Started("tiny"),
    Text("Hel"),
    Text("lo"),
    Usage(prompt_tokens=5, completion_tokens=2),
    Finished("stop"),
)


@dataclass
class Scripted:
    """Answers the first requests with `first`, each other with `script`; at an asyncio.Event in one, it waits for the
    test. `most` is how many requests ran at once."""

    spec: BackendSpec
    script: tuple[Event | asyncio.Event, ...] = HELLO
    state: HealthState = HealthState.HEALTHY
    models: tuple[ModelInfo, ...] = ()
    first: list[tuple[Event | asyncio.Event, ...]] = field(default_factory=list)
    requests: list[ChatRequest] = field(default_factory=list)
    was_cancelled: bool = False
    running: int = 0
    most: int = 0

    async def chat(self, request: ChatRequest) -> AsyncIterator[Event]:
        self.requests.append(request)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            for step in self.first.pop(0) if self.first else self.script:
                if isinstance(step, asyncio.Event):
                    await step.wait()
                else:
                    yield step
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise
        finally:
            self.running -= 1

    async def health(self) -> Health:
        return Health(self.state, "scripted", self.models)

    async def aclose(self) -> None:
        return None


def spec(name: str, zone: Zone, **changes: object) -> BackendSpec:
    proof = None if zone is Zone.MANAGED else Proof.VOUCHED
    url = "https://api.example.com" if zone is Zone.MANAGED else "http://127.0.0.1:9"
    fields: dict[str, object] = {
        "id": name,
        "kind": Kind.OPENAI_COMPATIBLE,
        "address": parse_base_url(url),
        "zone": zone,
        "proof": proof,
        "model": "tiny",
    }
    return BackendSpec(**{**fields, **changes})  # type: ignore[arg-type]


async def until(predicate: Callable[[], object]) -> None:
    """Lets the loop run until it holds; the test's own timeout ends what never will."""
    while not predicate():  # noqa: ASYNC110 - the predicates look at plain state, which no event announces
        await asyncio.sleep(0.001)


@dataclass
class World:
    """A session, its scripted backends by id, and everything that it told."""

    session: Session
    ledger: Ledger
    backends: dict[str, Scripted]
    events: list[SessionEvent]

    def told(self, kind: type[Told]) -> list[Told]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries without a wait of the server's own come at once."""
    monkeypatch.setattr("hybridchat.domain.retry.BACKOFF_FIRST_S", 0.0)


Told = TypeVar("Told", bound=SessionEvent)
Build = Callable[..., Awaitable[World]]


@pytest.fixture
async def build() -> AsyncIterator[Build]:
    """`await build(spec, …, config=…, local_only=…, ledger=…)` → a started World, closed after the test."""
    worlds: list[World] = []

    async def make(
        *specs: BackendSpec,
        config: Config | None = None,
        local_only: bool = False,
        ledger: Ledger | None = None,
        budget_file: BudgetFile | None = None,
        look_at_folder: Callable[[], FolderPin] | None = None,
        watch: bool = False,
        config_file: Path | None = None,
    ) -> World:
        backends = {s.id: Scripted(s) for s in specs}

        async def open_backend(wanted: BackendSpec) -> Scripted:
            assert not (local_only and wanted.zone is Zone.MANAGED), "a managed backend was opened"
            return backends[wanted.id]

        ledger = ledger or open_ledger(None)
        session = Session(
            config=config or Config(),
            specs={s.id: s for s in specs},
            open_ledger=lambda _: ledger,
            prices=PriceBook(),
            open_backend=open_backend,
            local_only=local_only,
            look_at_folder=look_at_folder,
            budget_file=budget_file,
            config_file=config_file,
        )
        world = World(session, ledger, backends, [])
        session.listen(world.events.append)
        worlds.append(world)
        await session.start(watch=watch)
        return world

    yield make
    for world in worlds:
        await world.session.close()
