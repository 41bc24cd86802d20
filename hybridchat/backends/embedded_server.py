"""Starting the embedded engine's process and waiting for its model: for the backend, and for `local up embedded`."""

from __future__ import annotations

import asyncio
import re
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import msgspec

from hybridchat.backends import processes
from hybridchat.backends.embedded_worker import Settings
from hybridchat.domain.address import Address
from hybridchat.domain.chat import Zone
from hybridchat.domain.events import Loading
from hybridchat.domain.text import clean_line
from hybridchat.errors import BackendError, ErrorKind
from hybridchat.net.client import Client, Policy, open_client
from hybridchat.net.ports import free_loopback_port
from hybridchat.paths import Paths

_LONGEST_SOCKET_PATH = 100  # bytes; the kernel's limit is 108 on Linux, 104 on macOS
_LOOK_EVERY_S = 0.1
_KILLED = -9
_OUT_OF_MEMORY = re.compile(r"failed to allocate|insufficient memory|unable to allocate|out of memory|bad_alloc", re.I)
_NO_MODEL = re.compile(r"failed to load model from|not within the file bounds|corrupted|unknown model architecture")
_LESS_MEMORY = "take a smaller model, or lower context_window in [embedded]"
_OWN_FOLDER = "hybridchat-"  # begins the name of a folder made for one socket


def model_file(model: str, models_dir: Path) -> Path:
    """The file of a pulled model, or of a path that was given. Raises BackendError(MODEL_MISSING)."""
    path = Path(model).expanduser() if model.endswith(".gguf") else models_dir / f"{model}.gguf"
    if not path.is_file():
        raise BackendError(ErrorKind.MODEL_MISSING, f"no model {model} here", f"run: hybridchat models pull {model}")
    return path


class EmbeddedServer:
    """One worker process with one model. Made by `launch`; `load` waits until it answers."""

    def __init__(self, process: subprocess.Popen[bytes], settings: Settings, log_file: Path) -> None:
        self.process = process
        self.model = settings.model_name
        self.load_ms: float | None = None
        self.log_file = log_file
        self._settings = settings
        self._file = Path(settings.model_file)
        self._began = time.monotonic()

    @property
    def api_key(self) -> str | None:
        """Only we know it; None on a Unix socket, which only we can open."""
        return self._settings.api_key

    @property
    def address(self) -> Address:
        if self._settings.socket:
            return Address("unix", "", 0, self._settings.socket, is_loopback=True)
        return Address("http", "127.0.0.1", self._settings.port or 0, "", is_loopback=True)

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    async def load(self) -> AsyncGenerator[Loading, None]:
        """Yields progress until the model answers. Raises BackendError with the engine's reason when it dies first."""
        client = open_client(Policy(zone=Zone.DEVICE, address=self.address))
        try:
            while not self.is_alive or not await is_healthy(client):
                if not self.is_alive:
                    raise self._why_it_died()
                yield self._progress()
                await asyncio.sleep(_LOOK_EVERY_S)
        finally:
            await client.aclose()
        self.load_ms = (time.monotonic() - self._began) * 1000

    def _progress(self) -> Loading:
        """How much of the file is in memory, where the kernel tells (Linux)."""
        resident = processes.resident_bytes(self.process.pid, self._file)
        if resident is None:
            return Loading(f"loading {self.model}")
        fraction = min(resident / self._file.stat().st_size, 1.0)
        return Loading(f"loading {self.model}", fraction) if fraction < 0.99 else Loading(f"warming up {self.model}")

    def _why_it_died(self) -> BackendError:
        log, name = processes.log_tail(self.log_file), self.model
        if self.process.poll() == _KILLED:
            what = f"the system ended the embedded engine while it was loading {name}, as it does when memory runs out"
            return BackendError(ErrorKind.SERVER, what, _LESS_MEMORY)
        if _OUT_OF_MEMORY.search(log):
            what = f"not enough memory for {name} with a context of {self._settings.context_window} tokens"
            return BackendError(ErrorKind.SERVER, what, _LESS_MEMORY)
        if _NO_MODEL.search(log):
            reason = re.findall(r"error loading model: (.+)", log)
            detail = clean_line(reason[-1]) if reason else "it is no GGUF model"
            what = f"the file of {name} is damaged or not supported ({detail})"
            return BackendError(ErrorKind.MODEL_MISSING, what, f"run: hybridchat models rm {name}, then pull it again")
        what = f"the embedded engine stopped while it was loading {name}"
        return BackendError(ErrorKind.SERVER, what, f"see {self.log_file}")

    async def stop(self) -> None:
        """Ends the process at once (it keeps nothing) and removes its socket; the log of a crash stays."""
        if self.is_alive:
            self.log_file.unlink(missing_ok=True)
        self.process.kill()
        if self._settings.socket:
            remove_socket(Path(self._settings.socket))
        if self.process.stdin:
            with suppress(OSError):
                self.process.stdin.close()
        await asyncio.to_thread(self.process.wait)


def launch(model: str, paths: Paths, context_window: int, name: str, *, detached: bool = False) -> EmbeddedServer:
    """Starts a worker whose socket and log are called `name`. Raises BackendError: not installed, no such model."""
    if find_spec("xllamacpp") is None:
        raise BackendError(
            ErrorKind.CONNECT, "the embedded engine is not installed", "run: pip install 'hybridchat[embedded]'"
        )
    file = model_file(model, paths.models_dir)
    _sweep(paths)
    settings = Settings(model_file=str(file), model_name=model, context_window=context_window, detached=detached)
    settings = _with_place(settings, paths.run_dir, name)
    package_root = str(Path(__file__).parents[2])
    log_file = paths.logs_dir / f"{name}.log"
    process = processes.start(
        [sys.executable, "-P", "-m", "hybridchat.backends.embedded_worker"],
        log_file,
        processes.child_environment(PYTHONPATH=package_root),
        stdin=subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(settings) + b"\n")
    process.stdin.flush()
    if detached:
        process.stdin.close()
    return EmbeddedServer(process, settings, log_file)


def _sweep(paths: Paths) -> None:
    """Removes sockets and logs of windows that were killed; their engines died with them."""
    if sys.platform == "win32":
        return
    for file in (*paths.run_dir.glob("embedded-*-*.sock"), *paths.logs_dir.glob("embedded-*-*.log")):
        pid = file.name.split("-")[1]
        if pid.isdigit() and processes.birth_of(int(pid)) is None:
            file.unlink(missing_ok=True)


def _with_place(settings: Settings, run_dir: Path, name: str) -> Settings:
    """Where the worker listens: a socket in a folder that only we can enter, or (Windows) loopback with a key."""
    if sys.platform == "win32":
        return msgspec.structs.replace(settings, port=free_loopback_port(), api_key=secrets.token_urlsafe(32))
    run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    run_dir.chmod(0o700)
    socket = run_dir / f"{name}.sock"
    if len(bytes(socket)) > _LONGEST_SOCKET_PATH:
        socket = Path(tempfile.mkdtemp(prefix=_OWN_FOLDER)) / "engine.sock"  # llama.cpp knows a socket by this ending
    socket.unlink(missing_ok=True)
    return msgspec.structs.replace(settings, socket=str(socket))


def remove_socket(socket: Path) -> None:
    """A killed engine leaves its socket behind, and the folder that was made for it alone."""
    socket.unlink(missing_ok=True)
    if socket.parent.name.startswith(_OWN_FOLDER):
        with suppress(OSError):
            socket.parent.rmdir()


async def is_healthy(client: Client) -> bool:
    """Whether the server behind `client` says that it can answer (llama.cpp and vLLM alike)."""
    try:
        async with client.stream("GET", "/health", idle_s=5.0) as reply:
            return reply.status == 200
    except BackendError:
        return False
