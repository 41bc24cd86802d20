"""`local up`: the real vLLM and the embedded engine, left running and ended, with a look at the process table."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from hybridchat.backends import engines
from hybridchat.backends.base import BackendSpec
from hybridchat.backends.chat_completions import ChatCompletionsBackend
from hybridchat.backends.embedded import EmbeddedBackend
from hybridchat.backends.processes import birth_of, group_members, until
from hybridchat.config import EmbeddedConfig, VllmConfig
from hybridchat.domain.address import parse_base_url
from hybridchat.domain.chat import Kind, Proof, Zone
from hybridchat.domain.events import Finished, Loading
from hybridchat.errors import BackendError
from hybridchat.paths import Paths
from tests.fakes.recorder import Recorded
from tests.real.conftest import CACHE, VLLM_ENVIRONMENT, request, vllm_arguments, vllm_python
from tests.real.test_embedded import SPEC
from tests.real.tiny_model import gguf_model, transformers_model


@pytest.fixture
def paths(home: Path) -> Iterator[Paths]:
    paths = Paths(home, home)
    paths.models_dir.mkdir(parents=True)
    for name in ("tiny", "other"):
        shutil.copy(gguf_model(CACHE), paths.models_dir / f"{name}.gguf")
    yield paths
    for engine in engines.running(paths.run_dir):
        os.killpg(engine.pid, signal.SIGKILL)


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> VllmConfig:
    for name, value in VLLM_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return VllmConfig(command=str(vllm_python()), arguments=tuple(vllm_arguments()))


def ignore(_: Loading) -> None:
    """No one watches."""


@pytest.mark.needs("vllm")
async def test_vllm_up_answers_and_down_leaves_no_process(paths: Paths, config: VllmConfig) -> None:
    seen: list[Loading] = []
    model = transformers_model(CACHE)
    engine = await engines.up_vllm(str(model), paths, config, seen.append)
    assert {"starting the engine", "loading weights"} & {loading.detail for loading in seen}
    members = group_members(engine.pid)
    assert len(members) >= 3, "the server, its EngineCore, its worker"

    spec = BackendSpec(
        id=engine.id,
        kind=Kind.VLLM,
        address=parse_base_url(engine.base_url),
        zone=Zone.DEVICE,
        proof=Proof.VOUCHED,
        model=engine.model,
    )
    backend = ChatCompletionsBackend(spec, recorder=Recorded())
    events = [event async for event in backend.chat(request(model=model.name))]
    await backend.aclose()
    assert events[-1] == Finished("length")

    await engines.down(engine, paths.run_dir)
    assert [pid for pid in members if birth_of(pid)] == []
    assert engines.running(paths.run_dir) == ()


@pytest.mark.needs("vllm")
async def test_vllm_cancelled_while_it_loads_leaves_no_process(paths: Paths, config: VllmConfig) -> None:
    task = asyncio.create_task(engines.up_vllm(str(transformers_model(CACHE)), paths, config, ignore))
    members: tuple[int, ...] = ()

    def has_workers() -> bool:
        nonlocal members
        for engine in engines.running(paths.run_dir):
            members = group_members(engine.pid)
        return len(members) >= 3

    assert await until(has_workers, 120.0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [pid for pid in members if birth_of(pid)] == []
    assert engines.running(paths.run_dir) == ()


@pytest.mark.needs("vllm")
async def test_vllm_that_cannot_start_says_why(paths: Paths, config: VllmConfig, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "nothing-of-the-kind"}')
    with pytest.raises(BackendError, match=r"vLLM stopped before it was ready: .*nothing-of-the-kind") as stopped:
        await engines.up_vllm(str(tmp_path), paths, config, ignore)

    assert "\n" not in str(stopped.value)
    assert engines.running(paths.run_dir) == ()


@pytest.mark.needs("embedded")
async def test_embedded_left_running_serves_every_hybridchat(paths: Paths) -> None:
    engine = await engines.up_embedded("tiny", paths, EmbeddedConfig(), ignore)
    assert engines.running(paths.run_dir) == (engine,)
    assert await engines.up_embedded("tiny", paths, EmbeddedConfig(), ignore) == engine

    backend = EmbeddedBackend(SPEC, paths)
    events = [event async for event in backend.chat(request())]
    await backend.aclose()
    assert events[-1] == Finished("length")
    assert not any(isinstance(event, Loading) for event in events)
    assert birth_of(engine.pid) == engine.birth, "closing the backend left it running"

    replaced = await engines.up_embedded("other", paths, EmbeddedConfig(), ignore)
    assert birth_of(engine.pid) != engine.birth
    await engines.down(replaced, paths.run_dir)
    assert group_members(replaced.pid) == ()
    assert list(paths.run_dir.iterdir()) == []
