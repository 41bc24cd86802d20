"""A first run whose findings and downloads a test decides."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from hybridchat.domain.chat import Kind, Proof, Zone
from hybridchat.domain.peers import Peer
from hybridchat.errors import HybridchatError
from hybridchat.session.setup import Discovery, Found, OfferedModel, PullProgress

OLLAMA = Found(
    id="ollama",
    kind=Kind.OLLAMA,
    base_url="http://127.0.0.1:11434",
    zone=Zone.DEVICE,
    proof=Proof.ASSUMED,
    peer=Peer(pid=812, executable="/usr/bin/python3.11"),
    source="listens on port 11434",
    models=("llama3.2:3b", "qwen3:4b", "gemma3:1b", "phi4-mini"),
    is_healthy=True,
)
VLLM = Found(
    id="vllm",
    kind=Kind.VLLM,
    base_url="http://127.0.0.1:8000",
    zone=Zone.DEVICE,
    proof=Proof.ASSUMED,
    source="listens on port 8000",
    is_healthy=False,
    detail="still loading its model",
)
OPENAI = Found(
    id="openai",
    kind=Kind.OPENAI,
    base_url="https://api.openai.com",
    zone=Zone.MANAGED,
    proof=None,
    source="OPENAI_API_KEY",
    detail="used only after your yes",
    needs_own_yes=True,
)

CATALOG = (
    OfferedModel(
        name="small",
        title="Small 0.6B",
        licence="Apache 2.0",
        size_bytes=639_000_000,
        memory_bytes=1_200_000_000,
        pulled_bytes=100_000_000,
    ),
    OfferedModel(name="tiny", title="Tiny 0.3B", licence="MIT", size_bytes=None, memory_bytes=None),
)


class FakeSetup:
    def __init__(self, found: Sequence[Found] = (OLLAMA, VLLM, OPENAI), notices: Sequence[str] = ()) -> None:
        self.discovery = Discovery(found=tuple(found), notices=tuple(notices))
        self.accepted: list[str] = []
        self.vouched: list[str] = []
        self.pulled: list[str] = []
        self.cancelled: list[str] = []
        self.may_finish = asyncio.Event()
        self.fails_with: HybridchatError | None = None
        self.hub_problem = ""

    async def discover(self) -> Discovery:
        return self.discovery

    async def accept(self, found: Sequence[Found], *, vouched: Sequence[str] = ()) -> None:
        if self.fails_with:
            raise self.fails_with
        self.accepted, self.vouched = [f.id for f in found], list(vouched)

    async def catalog(self) -> tuple[OfferedModel, ...]:
        return tuple(replace(model, problem=self.hub_problem) for model in CATALOG)

    async def pull(self, model: str, on_progress: Callable[[PullProgress], None]) -> None:
        on_progress(PullProgress(done_bytes=319_500_000, total_bytes=639_000_000, bytes_per_s=10_000_000))
        try:
            await self.may_finish.wait()
        except asyncio.CancelledError:
            self.cancelled.append(model)
            raise
        self.pulled.append(model)
