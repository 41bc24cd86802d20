"""Off the record over engines of our own: nor do their logs, sockets and caches hold a word."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from hybridchat.backends import engines
from hybridchat.config import VllmConfig
from hybridchat.paths import Paths
from tests.faults.cli import run
from tests.privacy.traces import traces
from tests.real.conftest import CACHE, VLLM_ENVIRONMENT, vllm_arguments, vllm_python
from tests.real.tiny_model import gguf_model, transformers_model

WORDS = "axolotlasked"


@pytest.fixture
def env(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Whatever an engine keeps for itself is below the test's folder."""
    for name in ("TMPDIR", "XDG_CACHE_HOME"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))
    (home / "models").mkdir(parents=True)
    yield tmp_path
    for engine in engines.running(home / "run"):
        os.killpg(engine.pid, signal.SIGKILL)


async def ask_off_record() -> None:
    done = await run("--debug", "ask", "--off-record", "--local-only", "--max-tokens", "8", stdin=WORDS.encode())
    assert done.code == 0, done.err


@pytest.mark.needs("embedded")
async def test_privacy_25_the_embedded_engine_keeps_nothing(home: Path, env: Path) -> None:
    shutil.copy(gguf_model(CACHE), home / "models" / "tiny.gguf")
    assert (await run("local", "up", "embedded")).code == 0
    await ask_off_record()
    assert any((home / "logs").iterdir()), "its log is there to be looked at"
    assert traces([env], WORDS) == set()
    assert (await run("local", "down")).code == 0
    assert traces([env], WORDS) == set()


@pytest.mark.needs("vllm")
async def test_privacy_25_vllm_keeps_nothing(home: Path, env: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in VLLM_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    config = VllmConfig(command=str(vllm_python()), arguments=tuple(vllm_arguments()))
    engine = await engines.up_vllm(str(transformers_model(CACHE)), Paths(home, home), config, lambda _: None)
    entry = f'id = "v"\nkind = "vllm"\nbase_url = "{engine.base_url}"\nvouched = true\n'
    (home / "config.toml").write_text(f"[[backend]]\n{entry}")
    await ask_off_record()
    assert any((home / "logs").iterdir()), "its log is there to be looked at"
    assert traces([env], WORDS) == set()
