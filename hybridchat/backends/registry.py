"""From a spec to the backend that speaks its kind. Each protocol is imported when it is first needed."""

from __future__ import annotations

from hybridchat.backends.base import Backend, BackendSpec
from hybridchat.domain.chat import Kind


def make_backend(spec: BackendSpec, key: str | None = None) -> Backend:
    """Every kind but `embedded`, which needs to know where its files are and is made by the wiring.

    Raises Refused when the device guard is not in place or a local zone has a proxy; UsageError for bad certificates.
    """
    match spec.kind:
        case Kind.OLLAMA:
            from hybridchat.backends.ollama import OllamaBackend

            return OllamaBackend(spec, key)
        case Kind.ANTHROPIC:
            from hybridchat.backends.anthropic import AnthropicBackend

            return AnthropicBackend(spec, key)
        case Kind.OPENAI_RESPONSES:
            from hybridchat.backends.responses import ResponsesBackend

            return ResponsesBackend(spec, key)
        case Kind.GEMINI:
            from hybridchat.backends.gemini import GeminiBackend

            return GeminiBackend(spec, key)
        case Kind.SIMULATED:
            from hybridchat.backends.simulated import SimulatedBackend

            return SimulatedBackend(spec)
        case Kind.EMBEDDED:
            raise ValueError("the embedded backend is made with its paths, not here")
        case _:
            from hybridchat.backends.chat_completions import ChatCompletionsBackend

            return ChatCompletionsBackend(spec, key)
