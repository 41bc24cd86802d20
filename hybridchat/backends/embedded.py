"""The engine that comes with hybridchat: llama.cpp in a child process, on a Unix socket that only we can open."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from importlib.util import find_spec

import msgspec

from hybridchat.backends.base import BackendSpec
from hybridchat.backends.chat_completions import ChatCompletionsBackend
from hybridchat.backends.embedded_server import EmbeddedServer, launch
from hybridchat.backends.engines import Engine, running
from hybridchat.backends.hub import local_models
from hybridchat.backends.processes import birth_of, until
from hybridchat.domain.address import Address, parse_base_url
from hybridchat.domain.chat import ChatRequest, Health, HealthState, Kind
from hybridchat.domain.events import Event, Failed, Finished, Loading, Usage
from hybridchat.errors import BackendError, ErrorKind
from hybridchat.paths import Paths

_LOOK_EVERY_S = 0.05


class EmbeddedBackend:
    """Starts its child at the first need and yields Loading while the model loads; then speaks Chat Completions to it.

    An engine left running by `local up embedded` is used instead of a child when it serves the wanted model.
    One model at a time: another one replaces it as soon as no reply is being written.
    """

    def __init__(self, spec: BackendSpec, paths: Paths, *, context_window: int = 8192) -> None:
        self.spec = spec
        self._paths = paths
        self._context_window = context_window
        self._lock = asyncio.Lock()
        self._current: _Current | None = None
        self._streams = 0

    async def chat(self, request: ChatRequest) -> AsyncGenerator[Event, None]:
        """As Backend.chat; the load's milliseconds are in Usage.load_ms of the reply that waited for it."""
        before = self._current
        try:
            async with aclosing(self._ready(request.model, request.deadline_s)) as loading:
                async for progress in loading:
                    yield progress
        except BackendError as error:
            yield Failed(error.kind, error.message, error.remedy)
            return
        except OSError as error:
            why = f"the embedded engine cannot start: {error.strerror or error}"
            yield Failed(ErrorKind.SERVER, f"{why}: {error.filename}" if error.filename else why, "check that folder")
            return
        current = self._current
        assert current is not None
        load_ms = current.load_ms if current is not before else None
        self._streams += 1
        try:
            async with aclosing(_with_load(current, request, load_ms)) as events:
                async for event in events:
                    yield event
        finally:
            self._streams -= 1

    async def warm(self, model: str) -> None:
        """Loads the model now, so that the first reply does not wait for it. Raises BackendError."""
        async with aclosing(self._ready(model, self.spec.deadline_s)) as loading:
            async for _ in loading:
                pass

    async def health(self) -> Health:
        """Healthy when the extra is installed and a model is here; loads nothing."""
        return await asyncio.to_thread(self._look, self._current)  # macOS tells who lives by a program, `ps`

    def _look(self, current: _Current | None) -> Health:
        loaded = {engine.model for engine in _left_running(self._paths)}
        if current and current.is_alive:
            loaded.add(current.model)
        models = tuple(
            msgspec.structs.replace(model, context_window=self._context_window, loaded=model.name in loaded)
            for model in local_models(self._paths.models_dir)
        )
        if find_spec("xllamacpp") is None:
            state, detail, remedy = HealthState.UNHEALTHY, "not installed", "run: pip install 'hybridchat[embedded]'"
        elif not models:
            state, detail, remedy = HealthState.UNHEALTHY, "no model is here yet", "run: hybridchat models pull"
        else:
            state, detail, remedy = HealthState.HEALTHY, "llama.cpp, in a process of our own", ""
        return Health(state, detail, models, time.monotonic(), remedy)

    async def aclose(self) -> None:
        """Ends the child; an engine that was left running stays."""
        async with self._lock:
            await self._end()

    async def _ready(self, model: str, deadline_s: float) -> AsyncGenerator[Loading, None]:
        """Yields progress until `_current` serves the model. Raises BackendError."""
        end = time.monotonic() + deadline_s
        while self._lock.locked() or (self._streams and self._is_up() and not self._serves(model)):
            yield Loading(f"{model} waits for the engine")
            if time.monotonic() > end:
                raise BackendError(ErrorKind.TIMEOUT, "the embedded engine stayed busy", "stop the other reply first")
            await asyncio.sleep(_LOOK_EVERY_S)
        async with self._lock:
            if self._serves(model):
                return
            await self._end()
            for engine in await asyncio.to_thread(_left_running, self._paths):
                if engine.model == model:
                    self._current = _Current(self.spec, model, parse_base_url(engine.base_url), engine=engine)
                    return
            name = f"embedded-{os.getpid()}-{secrets.token_hex(3)}"
            server = launch(model, self._paths, self._context_window, name)
            try:
                async with aclosing(server.load()) as loading:
                    async for event in loading:
                        yield event
                        if time.monotonic() > end:
                            raise BackendError(ErrorKind.TIMEOUT, f"{model} took too long to load", "raise deadline_s")
                self._current = _Current(self.spec, model, server.address, server=server)
            finally:
                if self._current is None:  # failed, or the user did not wait
                    await server.stop()

    def _is_up(self) -> bool:
        return self._current is not None and self._current.is_alive

    def _serves(self, model: str) -> bool:
        return self._is_up() and self._current is not None and self._current.model == model

    async def _end(self) -> None:
        if self._current:
            current, self._current = self._current, None
            await current.close()


class _Current:
    """The engine that answers now, our child or one left running, and the client that speaks to it."""

    def __init__(
        self,
        spec: BackendSpec,
        model: str,
        address: Address,
        *,
        server: EmbeddedServer | None = None,
        engine: Engine | None = None,
    ) -> None:
        self.model = model
        self.load_ms = server.load_ms if server else None
        self._server = server
        self._engine = engine
        inner = msgspec.structs.replace(spec, kind=Kind.LLAMACPP, address=address, model=model)
        self.backend = ChatCompletionsBackend(inner, server.api_key if server else None)

    @property
    def is_alive(self) -> bool:
        if self._server:
            return self._server.is_alive
        return self._engine is not None and birth_of(self._engine.pid) == self._engine.birth

    async def close(self) -> None:
        await self.backend.aclose()
        if self._server:
            await self._server.stop()


def _left_running(paths: Paths) -> list[Engine]:
    return [engine for engine in running(paths.run_dir) if engine.kind is Kind.EMBEDDED]


async def _with_load(current: _Current, request: ChatRequest, load_ms: float | None) -> AsyncGenerator[Event, None]:
    """The engine's events, the load's time in the usage, and a crash named as one."""
    had_usage = False
    async with aclosing(current.backend.chat(request)) as events:
        async for event in events:
            match event:
                case Usage():
                    had_usage = True
                    event = msgspec.structs.replace(event, load_ms=load_ms)
                case Finished() | Failed() if load_ms is not None and not had_usage:
                    yield Usage(load_ms=load_ms)
            if isinstance(event, Failed) and await until(lambda: not current.is_alive, 0.5 if _broke(event) else 0.0):
                event = Failed(ErrorKind.RESET, "server stopped", "it starts again with the next message")
            yield event


def _broke(event: Failed) -> bool:
    """Whether the connection ended as it does when the process behind it dies; the corpse may come a moment later."""
    return event.kind in (ErrorKind.RESET, ErrorKind.CUT_SHORT, ErrorKind.CONNECT)
