"""Against a real Ollama, whenever one listens at its usual port; no package registry has it, so nothing starts one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from hybridchat.backends.ollama import OllamaBackend
from hybridchat.backends.ollama_admin import OllamaAdmin
from hybridchat.domain.chat import HealthState, Kind, ModelInfo, Parameters
from hybridchat.domain.events import Failed, Finished, Started, Usage
from hybridchat.errors import ErrorKind
from tests.fakes.recorder import Recorded
from tests.fakes.wire import ask, spec_for, text_of

URL = "http://127.0.0.1:11434"


@pytest.fixture
async def backend() -> AsyncIterator[OllamaBackend]:
    backend = OllamaBackend(spec_for(Kind.OLLAMA, URL), recorder=Recorded())
    health = await backend.health()
    if health.state is not HealthState.HEALTHY:
        await backend.aclose()
        pytest.skip(f"no Ollama at {URL}: {health.detail}")
    yield backend
    await backend.aclose()


@pytest.fixture
async def local_model(backend: OllamaBackend) -> str:
    """The smallest model that is not forwarded."""
    models = [m for m in (await backend.health()).models if not m.remote_host and "embed" not in m.name]
    if not models:
        pytest.skip("this Ollama has no local model")
    smallest: ModelInfo = min(models, key=lambda m: m.size_bytes or 0)
    return smallest.name


async def test_a_local_model_answers_to_its_fail_closed_name(backend: OllamaBackend, local_model: str) -> None:
    request = ask(
        "Say hello.", local_model, parameters=Parameters(max_tokens=16, seed=1), deadline_s=120.0, idle_s=60.0
    )
    events = [event async for event in backend.chat(request)]
    assert isinstance(events[-1], Finished), events[-1]
    assert Started(local_model) in events
    assert text_of(events)
    usage = next(event for event in events if isinstance(event, Usage))
    assert usage.completion_tokens is not None
    assert 0 < usage.completion_tokens <= 17


async def test_a_model_that_is_not_there(backend: OllamaBackend) -> None:
    events = [event async for event in backend.chat(ask(model="no-such-model"))]
    assert isinstance(events[-1], Failed)
    assert events[-1].kind is ErrorKind.MODEL_MISSING


async def test_too_long_a_prompt_is_refused_and_not_truncated(backend: OllamaBackend, local_model: str) -> None:
    request = ask("word " * 4000, local_model, parameters=Parameters(max_tokens=1, num_ctx=512))
    events = [event async for event in backend.chat(request)]
    assert isinstance(events[-1], Failed)
    assert events[-1].kind is ErrorKind.CONTEXT_OVERFLOW
    assert events[-1].context_window == 512


async def test_loading_and_unloading(backend: OllamaBackend, local_model: str) -> None:
    admin = OllamaAdmin(backend.spec, recorder=Recorded())
    await admin.load(local_model)
    assert next(m for m in await admin.models() if m.name == local_model).loaded
    await admin.unload(local_model)
    assert (await admin.show(local_model)).name == local_model
