"""Managing an Ollama's models through its own client library, over our guarded transport.

Lists come from our own protocol code: the library's types drop the fields that tell of forwarding.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from hybridchat.backends.base import BackendSpec, policy_of
from hybridchat.backends.failures import failed
from hybridchat.backends.ollama import list_models, refuse_cloud_name
from hybridchat.domain.chat import ModelInfo
from hybridchat.domain.privacy import fail_closed_name, is_cloud_name
from hybridchat.errors import BackendError, Refused
from hybridchat.net.audit import Recorder
from hybridchat.net.client import open_client

if TYPE_CHECKING:
    from ollama import AsyncClient

QUICK_S = 30.0


class PullStep(Struct, frozen=True):
    """How far a pull is: bytes over all layers that the server has named so far; total None until it names one."""

    detail: str
    done_bytes: int = 0
    total_bytes: int | None = None


class ModelCard(Struct, frozen=True):
    """What `/api/show` says of a model. Unknown is None or empty."""

    name: str
    family: str | None = None
    parameter_size: str | None = None
    quantization: str | None = None
    context_window: int | None = None  # the most that the model can, in tokens
    capabilities: tuple[str, ...] = ()
    licence: str = ""
    parameters: str = ""


class OllamaAdmin:
    """One Ollama's models. All methods raise BackendError with a remedy, and Refused for what a local zone forbids."""

    def __init__(self, spec: BackendSpec, key: str | None = None, *, recorder: Recorder | None = None) -> None:
        self.spec = spec
        self._key = key
        self._recorder = recorder
        self._policy = policy_of(spec, key)

    async def models(self) -> tuple[ModelInfo, ...]:
        """Everything pulled, with what is loaded and what forwards."""
        client = open_client(self._policy, self._recorder)
        try:
            return await list_models(client, self.spec.num_ctx)
        finally:
            await client.aclose()

    async def show(self, model: str) -> ModelCard:
        async with self._library() as client, asyncio.timeout(QUICK_S):
            shown = await client.show(self._wire_name(model))
        details = shown.details
        windows = [value for name, value in (shown.modelinfo or {}).items() if name.endswith(".context_length")]
        return ModelCard(
            model,
            family=details.family if details else None,
            parameter_size=details.parameter_size if details else None,
            quantization=details.quantization_level if details else None,
            context_window=windows[0] if windows else None,
            capabilities=tuple(shown.capabilities or ()),
            licence=shown.license or "",
            parameters=shown.parameters or "",
        )

    async def pull(self, model: str) -> AsyncGenerator[PullStep, None]:
        """Downloads onto the server's machine. Closing it stops the download; Ollama resumes it at the next pull."""
        self._refuse_forwarding(model)
        layers: dict[str, tuple[int, int]] = {}
        async with self._library() as client:
            async for step in await client.pull(model, stream=True):
                if step.digest and step.total:
                    layers[step.digest] = (step.completed or 0, step.total)
                done = sum(done for done, _ in layers.values())
                total = sum(total for _, total in layers.values())
                yield PullStep(step.status or "", done, total or None)

    async def delete(self, model: str) -> None:
        async with self._library() as client, asyncio.timeout(QUICK_S):
            await client.delete(model)

    async def load(self, model: str, *, keep_alive: str | float | None = None) -> None:
        """Brings the model into memory and keeps it there, e.g. "30m"; None is the server's default, -1 for ever."""
        async with self._library() as client:
            await client.chat(self._wire_name(model), messages=[], keep_alive=keep_alive, options=self._options())

    async def unload(self, model: str) -> None:
        async with self._library() as client, asyncio.timeout(QUICK_S):
            await client.chat(self._wire_name(model), messages=[], keep_alive=0)

    def _options(self) -> dict[str, int] | None:
        return {"num_ctx": self.spec.num_ctx} if self.spec.num_ctx else None

    def _wire_name(self, model: str) -> str:
        self._refuse_forwarding(model)
        return fail_closed_name(model) if self.spec.zone.is_local else model

    def _refuse_forwarding(self, model: str) -> None:
        if self.spec.zone.is_local and is_cloud_name(model):
            refusal = refuse_cloud_name(model)
            raise Refused(refusal.message, refusal.remedy)

    @asynccontextmanager
    async def _library(self) -> AsyncIterator[AsyncClient]:
        """The library's client. Host, redirects, proxies and keys are given, so that it takes none from elsewhere."""
        from hybridchat.net.http import GuardedTransport, share_http_library

        share_http_library()
        from ollama import AsyncClient

        address = self.spec.address
        client = AsyncClient(
            host=address.origin + address.path,
            transport=GuardedTransport(self._policy, self._recorder, "models"),
            trust_env=False,
            follow_redirects=False,
            timeout=self.spec.deadline_s,
        )
        try:
            with self._explained():
                yield client
        finally:
            await client.close()  # type: ignore[no-untyped-call]

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """The library's errors as ours."""
        from ollama import ResponseError

        from hybridchat.net.failures import explain
        from hybridchat.net.http import LIBRARY_ERRORS

        try:
            yield
        except ResponseError as error:
            status = error.status_code if error.status_code > 0 else None
            body = msgspec.json.encode({"error": error.error})
            event = failed(body, backend=self.spec.id, status=status, secret=self._key)
            raise BackendError(event.kind, event.message, event.remedy, status=status) from None
        except LIBRARY_ERRORS as error:
            raise explain(error, self.spec.address) from None
