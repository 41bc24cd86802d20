"""The engine that comes with hybridchat: llama.cpp in a child process of our own, on a Unix socket that only we can open."""

from __future__ import annotations

from collections.abc import AsyncIterator

from hybridchat.backends.base import BackendSpec
from hybridchat.domain.chat import ChatRequest, Health
from hybridchat.domain.events import Event
from hybridchat.paths import Paths


class EmbeddedBackend:
    """Starts its child at the first need and yields Loading while the model loads; then speaks Chat Completions to it.

    An engine left running by `local up embedded` is used instead of a child when it serves the wanted model.
    """

    def __init__(self, spec: BackendSpec, paths: Paths, *, context_window: int = 8192) -> None:
        self.spec = spec
        raise NotImplementedError

    def chat(self, request: ChatRequest) -> AsyncIterator[Event]:
        """As Backend.chat; the load's milliseconds are in Usage.load_ms."""
        raise NotImplementedError

    async def warm(self, model: str) -> None:
        """Loads the model now, so that the first reply does not wait for it. Raises BackendError or UsageError."""
        raise NotImplementedError

    async def health(self) -> Health:
        """Healthy when the extra is installed and a model is here; loads nothing."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """Ends the child; an engine that was left running stays."""
        raise NotImplementedError
