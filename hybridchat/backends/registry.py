"""From a spec to the backend that speaks its kind. A protocol is imported by `warm_up`, or when it is first needed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from hybridchat.backends.base import Backend, BackendSpec
from hybridchat.domain.chat import Kind
from hybridchat.net import client
from hybridchat.net.audit import Recorder


class Maker(Protocol):
    """How a backend of one kind is made."""

    def __call__(self, spec: BackendSpec, key: str | None = None, *, recorder: Recorder | None = None) -> Backend: ...


def make_backend(spec: BackendSpec, key: str | None = None, *, recorder: Recorder | None = None) -> Backend:
    """Every kind but `embedded`, which needs to know where its files are and is made by the wiring.

    Raises Refused when the device guard is not in place, a local zone has a proxy, or nobody records what leaves the
    device; UsageError for bad certificates.
    """
    if spec.kind is Kind.EMBEDDED:
        raise ValueError("the embedded backend is made with its paths, not here")
    return _protocol(spec.kind)(spec, key, recorder=recorder)


def warm_up(kinds: Iterable[Kind]) -> None:
    """Imports what the first request of these kinds needs: for a thread at start, so that nobody waits for it later."""
    client.warm_up()
    for kind in kinds:
        _protocol(kind)


def _protocol(kind: Kind) -> Maker:
    match kind:
        case Kind.OLLAMA:
            from hybridchat.backends.ollama import OllamaBackend

            return OllamaBackend
        case Kind.ANTHROPIC:
            from hybridchat.backends.anthropic import AnthropicBackend

            return AnthropicBackend
        case Kind.OPENAI_RESPONSES:
            from hybridchat.backends.responses import ResponsesBackend

            return ResponsesBackend
        case Kind.GEMINI:
            from hybridchat.backends.gemini import GeminiBackend

            return GeminiBackend
        case Kind.SIMULATED:
            from hybridchat.backends.simulated import SimulatedBackend

            return lambda spec, key=None, *, recorder=None: SimulatedBackend(spec)
        case _:
            from hybridchat.backends.chat_completions import ChatCompletionsBackend

            return ChatCompletionsBackend
