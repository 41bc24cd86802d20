"""Real engines for the tests: one server of each kind per run; where one cannot run, its tests are left out by name."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from hybridchat.backends.base import Backend, BackendSpec
from hybridchat.backends.registry import make_backend
from hybridchat.domain.address import parse_base_url
from hybridchat.domain.chat import ChatMessage, ChatRequest, Kind, Parameters, Proof, Role, Zone
from hybridchat.net.ports import free_loopback_port
from tests.fakes.recorder import Recorded
from tests.real.tiny_model import CONTEXT, gguf_model, transformers_model

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache"
SHELLS = ("fish", "mandoc", "zsh")
OF_THE_SYSTEM = ("browser", "keyring", *SHELLS)  # where root may not install them, they are missing
START_S = {"llamacpp": 20.0, "vllm": 180.0}


def vllm_python() -> Path:
    """The interpreter that has vLLM, as `scripts/vllm_env` makes it; HYBRIDCHAT_TEST_VLLM names another."""
    return Path(os.environ.get("HYBRIDCHAT_TEST_VLLM") or ROOT / ".venv-vllm" / "bin" / "python")


def browser() -> str | None:
    """A Chromium without a window."""
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


def _why_not(engine: str) -> str | None:
    if engine in ("embedded", "llamacpp"):
        missing = [name for name in ("xllamacpp", "gguf") if find_spec(name) is None]
        return f"not installed: {', '.join(missing)}" if missing else None
    if engine == "keyring":
        missing = [name for name in ("gnome-keyring-daemon", "dbus-run-session") if shutil.which(name) is None]
        return f"no {' and '.join(missing)} here: run scripts/keyring_env" if missing else None
    if engine == "browser":
        return None if browser() else "no Chromium here: run scripts/browser_env"
    if engine in SHELLS:
        return None if shutil.which(engine) else f"no {engine} here: run scripts/shells_env"
    if os.environ.get("HYBRIDCHAT_TEST_VLLM") or (ROOT / ".venv-vllm" / "stamp").exists():
        return None
    return "no vLLM here: run scripts/vllm_env"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "needs(engine): browser, embedded, keyring, llamacpp, vllm or a program must be able to run here"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Everything here waits for engines to start; `needs(engine)` says what it cannot do without."""
    here = Path(__file__).parent
    for item in items:
        if here not in item.path.parents:
            continue
        item.add_marker(pytest.mark.timeout(300))
        for mark in item.iter_markers("needs"):
            why = _why_not(mark.args[0])
            is_optional = mark.args[0] in OF_THE_SYSTEM
            if why and (is_optional or not config.getoption("--require-real")):
                item.add_marker(pytest.mark.skip(reason=why))


class Server:
    """A process group that serves; `base_url` is where."""

    def __init__(self, process: subprocess.Popen[bytes], base_url: str) -> None:
        self.process = process
        self.base_url = base_url

    def get(self, path: str) -> str:
        with urllib.request.urlopen(self.base_url + path, timeout=10) as reply:
            return str(reply.read().decode())

    def kill(self) -> None:
        """The whole group, as `kill -9` does it: vLLM's workers would outlive their leader."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def _serve(kind: str, argv: list[str], port: int, log: Path, **environment: str) -> Server:
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with log.open("wb") as output:  # bytecode halves the next start
        process = subprocess.Popen(
            argv, stdout=output, stderr=output, start_new_session=True, env=inherited | environment, cwd=ROOT
        )
    server = Server(process, f"http://127.0.0.1:{port}")
    end = time.monotonic() + START_S[kind]
    while time.monotonic() < end and process.poll() is None:
        try:
            server.get("/health")
            return server
        except OSError:
            time.sleep(0.1)
    server.kill()
    pytest.fail(f"{kind} did not start:\n{log.read_text(errors='replace')[-3000:]}")


def start_llamacpp(folder: Path) -> Server:
    port = free_loopback_port()
    argv = [sys.executable, "-m", "tests.real.llamacpp_server", str(gguf_model(CACHE)), str(port), str(CONTEXT)]
    return _serve("llamacpp", argv, port, folder / "llamacpp.log")


def vllm_arguments() -> list[str]:
    return ["--max-model-len", str(CONTEXT), "--enforce-eager"]


def start_vllm(folder: Path) -> Server:
    port = free_loopback_port()
    argv = [str(vllm_python()), "-m", "vllm.entrypoints.openai.api_server", "--model", str(transformers_model(CACHE))]
    argv += ["--served-model-name", "tiny", "--host", "127.0.0.1", "--port", str(port), *vllm_arguments()]
    return _serve("vllm", argv, port, folder / "vllm.log", **VLLM_ENVIRONMENT)


VLLM_ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_NO_USAGE_STATS": "1"}


def _session_server(start: Callable[[Path], Server], folder: Path) -> Iterator[Server]:
    server = start(folder)
    yield server
    server.kill()


@pytest.fixture(scope="session")
def llamacpp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from _session_server(start_llamacpp, tmp_path_factory.mktemp("llamacpp"))


@pytest.fixture(scope="session")
def vllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from _session_server(start_vllm, tmp_path_factory.mktemp("vllm"))


Connect = Callable[[Server, Kind], Backend]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Makes backends of servers, and closes them after the test."""
    made: list[Backend] = []

    def connect(server: Server, kind: Kind) -> Backend:
        address = parse_base_url(server.base_url)
        made.append(
            make_backend(
                BackendSpec(id="real", kind=kind, address=address, zone=Zone.DEVICE, proof=Proof.VOUCHED, model="tiny"),
                recorder=Recorded(),
            )
        )
        return made[-1]

    yield connect
    for backend in made:
        await backend.aclose()


def request(text: str = "hello", *, model: str = "tiny", max_tokens: int | None = 32) -> ChatRequest:
    """A question for the tiny model; the answer is the same every time."""
    return ChatRequest(
        model=model,
        messages=(ChatMessage(Role.USER, text),),
        parameters=Parameters(temperature=0.0, seed=1, max_tokens=max_tokens),
    )
