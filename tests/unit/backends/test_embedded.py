"""The embedded backend without its engine: what it says when something is missing."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hybridchat.backends import embedded, embedded_server
from hybridchat.backends.base import BackendSpec
from hybridchat.backends.embedded import EmbeddedBackend
from hybridchat.backends.embedded_worker import Settings
from hybridchat.backends.engines import Engine
from hybridchat.domain.address import Address
from hybridchat.domain.chat import ChatMessage, ChatRequest, HealthState, Kind, Proof, Role, Zone
from hybridchat.domain.events import Failed
from hybridchat.errors import BackendError, ErrorKind
from hybridchat.paths import Paths

SPEC = BackendSpec(
    id="embedded",
    kind=Kind.EMBEDDED,
    address=Address("unix", "", 0, "", is_loopback=True),
    zone=Zone.DEVICE,
    proof=Proof.VERIFIED,
)
REQUEST = ChatRequest(model="tiny", messages=(ChatMessage(Role.USER, "hello"),))


@pytest.fixture
def paths(home: Path) -> Paths:
    home.mkdir()
    return Paths(home, home)


@pytest.fixture
def not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (embedded, embedded_server):
        monkeypatch.setattr(module, "find_spec", lambda name: None)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (embedded, embedded_server):
        monkeypatch.setattr(module, "find_spec", lambda name: object())


def have(paths: Paths, *names: str) -> None:
    paths.models_dir.mkdir()
    for name in names:
        (paths.models_dir / f"{name}.gguf").write_bytes(b"GGUF")


async def test_without_the_extra_it_says_what_to_install(paths: Paths, not_installed: None) -> None:
    backend = EmbeddedBackend(SPEC, paths)
    (failed,) = [event async for event in backend.chat(REQUEST)]

    assert isinstance(failed, Failed)
    assert failed.message == "the embedded engine is not installed"
    assert failed.remedy == "run: pip install 'hybridchat[embedded]'"
    health = await backend.health()
    assert health.state is HealthState.UNHEALTHY
    assert "pip install" in health.remedy


async def test_a_look_never_holds_up_the_interface(
    paths: Paths, installed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []

    def look(run_dir: Path) -> tuple[Engine, ...]:
        threads.append(threading.get_ident())
        return ()

    monkeypatch.setattr(embedded, "running", look)
    await EmbeddedBackend(SPEC, paths).health()
    assert len(threads) == 1 and threading.get_ident() not in threads


async def test_without_the_model_it_says_how_to_get_it(paths: Paths, installed: None) -> None:
    backend = EmbeddedBackend(SPEC, paths)
    (failed,) = [event async for event in backend.chat(REQUEST)]

    assert isinstance(failed, Failed)
    assert failed.kind is ErrorKind.MODEL_MISSING
    assert failed.remedy == "run: hybridchat models pull tiny"
    assert (await backend.health()).state is HealthState.UNHEALTHY


async def test_health_lists_what_is_here_and_asks_for(paths: Paths, installed: None) -> None:
    have(paths, "one", "two")
    health = await EmbeddedBackend(SPEC, paths, context_window=2048).health()

    assert health.state is HealthState.HEALTHY
    seen = [(model.name, model.context_window, model.size_bytes, model.loaded) for model in health.models]
    assert seen == [("one", 2048, 4, False), ("two", 2048, 4, False)]


def test_a_given_file_is_used_as_it_is(paths: Paths, tmp_path: Path) -> None:
    mine = tmp_path / "mine.gguf"
    mine.touch()

    assert embedded_server.model_file(str(mine), paths.models_dir) == mine


DEATHS = [
    pytest.param(
        "srv load_model: loading model\n", -9, ErrorKind.SERVER, "as it does when memory runs out", id="killed"
    ),
    pytest.param(
        "E ggml_aligned_malloc: insufficient memory (attempted to allocate 97656.25 MB)\n"
        "E llama_init_from_model: failed to initialize the context: failed to allocate buffer for kv cache\n",
        1,
        ErrorKind.SERVER,
        "not enough memory for tiny with a context of 4096 tokens",
        id="memory",
    ),
    pytest.param(
        "E llama_model_load: error loading model: tensor 'x' data is not within the file bounds, model is corrupted\n",
        1,
        ErrorKind.MODEL_MISSING,
        "the file of tiny is damaged or not supported (tensor 'x' data is not within the file bounds",
        id="truncated",
    ),
    pytest.param("Illegal instruction\n", 1, ErrorKind.SERVER, "stopped while it was loading tiny", id="unknown"),
]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows tells no signals")
@pytest.mark.parametrize(("log", "code", "kind", "words"), DEATHS)
async def test_death_while_loading_is_explained_in_one_line(
    paths: Paths, log: str, code: int, kind: ErrorKind, words: str
) -> None:
    died = died_with(code)
    log_file = paths.data_dir / "log"
    log_file.write_text(log)
    settings = Settings(model_file="/m/tiny.gguf", model_name="tiny", context_window=4096, socket="/nowhere.sock")
    with pytest.raises(BackendError) as error:
        async for _ in embedded_server.EmbeddedServer(died, settings, log_file).load():
            pytest.fail("it is dead")

    assert error.value.kind is kind
    assert words in error.value.message
    assert error.value.remedy and "\n" not in str(error.value)


def died_with(code: int) -> subprocess.Popen[bytes]:
    end = "import os; os.kill(os.getpid(), 9)" if code == -9 else f"raise SystemExit({code})"
    child = subprocess.Popen([sys.executable, "-c", end])
    assert child.wait() == code
    return child


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no sockets to sweep")
def test_leftovers_of_killed_windows_are_swept(paths: Paths) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    paths.run_dir.mkdir()
    paths.logs_dir.mkdir()
    theirs = paths.run_dir / f"embedded-{dead.pid}-1.sock", paths.logs_dir / f"embedded-{dead.pid}-1.log"
    ours = paths.run_dir / f"embedded-{os.getpid()}-1.sock", paths.logs_dir / "embedded.log"
    for file in theirs + ours:
        file.touch()
    embedded_server._sweep(paths)

    assert [file.exists() for file in theirs + ours] == [False, False, True, True]


async def test_a_folder_that_cannot_be_used_is_one_line(paths: Paths, installed: None) -> None:
    paths.models_dir.mkdir()
    (paths.models_dir / "tiny.gguf").write_bytes(b"GGUF")
    (paths.models_dir / "elsewhere.gguf").symlink_to(paths.models_dir / "a disk that is away")
    paths.logs_dir.write_text("a file where a folder belongs")
    backend = EmbeddedBackend(SPEC, paths)
    assert [model.name for model in (await backend.health()).models] == ["tiny"]
    (failed,) = [event async for event in backend.chat(REQUEST) if isinstance(event, Failed)]
    assert str(paths.logs_dir) in failed.message
    await backend.aclose()
