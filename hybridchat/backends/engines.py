"""Engines that `hybridchat local` starts and leaves running: their records, their life and their end."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from hybridchat.backends import processes, vllm_server
from hybridchat.backends.embedded_server import is_healthy, launch, remove_socket
from hybridchat.config import BackendConfig, EmbeddedConfig, VllmConfig
from hybridchat.domain.address import parse_base_url
from hybridchat.domain.chat import Kind, Zone
from hybridchat.domain.events import Loading
from hybridchat.domain.text import clean_line
from hybridchat.errors import BackendError, ErrorKind, UsageError
from hybridchat.net.client import Policy, open_client
from hybridchat.net.ports import free_loopback_port
from hybridchat.paths import Paths

Progress = Callable[[Loading], None]
_LOOK_EVERY_S = 0.25
_START_PATIENCE_S = 2.0  # of ending one that never was ready: it has nothing to finish


class Engine(Struct, frozen=True, kw_only=True):
    """One engine that was left running, as its record under `run/` tells; `id` is also the id of its backend."""

    id: str  # "embedded" or "vllm-PORT"
    kind: Kind  # vllm | embedded
    model: str
    base_url: str  # http://127.0.0.1:PORT or unix:///PATH
    pid: int  # leads its own process group
    birth: str  # the process's start mark, so that a reused pid is never taken for it
    log_file: str
    started_at: str  # UTC, ISO 8601

    def as_backend(self) -> BackendConfig:
        """The `[[backend]]` by which everything else uses it: we started it here, so it is vouched for."""
        if self.kind is Kind.EMBEDDED:
            return BackendConfig(id=self.id, kind="embedded", model=self.model)
        return BackendConfig(id=self.id, kind="vllm", base_url=self.base_url, model=self.model, vouched=True)


def running(run_dir: Path) -> tuple[Engine, ...]:
    """The engines that are alive, by id; records of dead ones are removed."""
    engines = []
    for record in sorted(run_dir.glob("engine-*.json")):
        try:
            engine = msgspec.json.decode(record.read_bytes(), type=Engine)
        except (OSError, msgspec.MsgspecError):
            continue
        if _is_alive(engine):
            engines.append(engine)
        else:
            _forget(engine, run_dir)
    return tuple(engines)


async def up_vllm(model: str, paths: Paths, config: VllmConfig, progress: Progress) -> Engine:
    """Starts vLLM on a free loopback port and returns when it is healthy.

    Raises UsageError without a vLLM to run, BackendError when it dies first (with the log's last word). Cancelled
    or failed, its whole process group is gone before this returns.
    """
    _require_posix()
    port = free_loopback_port()
    log_file = paths.logs_dir / f"vllm-{port}.log"
    child = _start(vllm_server.command(model, port, config), log_file)
    name, url = vllm_server.served_name(model), f"http://127.0.0.1:{port}"
    engine = _describe(f"vllm-{port}", Kind.VLLM, name, url, child, log_file)
    return await _leave_running(engine, child, paths.run_dir, lambda: _vllm_ready(engine, child, progress))


async def up_embedded(model: str, paths: Paths, config: EmbeddedConfig, progress: Progress) -> Engine:
    """Starts the embedded engine so that every hybridchat uses it, in place of one that was left running before.

    `model` is the name of a pulled model, or a path of a GGUF file. Raises BackendError as `up_vllm` does.
    """
    _require_posix()
    for before in running(paths.run_dir):
        if before.kind is Kind.EMBEDDED:
            if before.model == model:
                return before
            await down(before, paths.run_dir)
    server = launch(model, paths, config.context_window, "embedded", detached=True)

    async def ready() -> None:
        async for loading in server.load():
            progress(loading)

    url = f"unix://{server.address.path}"
    engine = _describe("embedded", Kind.EMBEDDED, model, url, server.process, server.log_file)
    return await _leave_running(engine, server.process, paths.run_dir, ready)


async def down(engine: Engine, run_dir: Path, patience_s: float = 10.0) -> None:
    """Ends the engine's whole process group (TERM, KILL after `patience_s`) and its record; a dead one is no error."""
    if _is_alive(engine):
        await processes.end_group(engine.pid, patience_s)
    _forget(engine, run_dir)


def _is_alive(engine: Engine) -> bool:
    """Whether any of the engine's own processes lives.

    Its leader may be dead while its workers live on: then the group is still its own, because no pid is given out
    anew while a group bears it.
    """
    birth = processes.birth_of(engine.pid)
    if birth is not None:
        return birth == engine.birth
    return processes.is_same_boot(engine.birth) and bool(processes.group_members(engine.pid))


async def _leave_running(
    engine: Engine, child: subprocess.Popen[bytes], run_dir: Path, ready: Callable[[], Awaitable[None]]
) -> Engine:
    """Records a new engine at once, so that even a start that is killed can be found and ended; then waits for it."""
    try:
        _record(engine, run_dir)
        await ready()
    except BaseException:  # a cancelled or failed start leaves nothing behind
        await asyncio.shield(down(engine, run_dir, _START_PATIENCE_S))
        raise
    finally:
        processes.leave_running(child)
    return engine


def _describe(
    engine_id: str, kind: Kind, model: str, base_url: str, child: subprocess.Popen[bytes], log_file: Path
) -> Engine:
    return Engine(
        id=engine_id,
        kind=kind,
        model=model,
        base_url=base_url,
        pid=child.pid,
        birth=processes.birth_of(child.pid) or "",
        log_file=str(log_file),
        started_at=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    )


async def _vllm_ready(engine: Engine, child: subprocess.Popen[bytes], progress: Progress) -> None:
    """Reports what the log says until /health does. Raises BackendError when the server dies first."""
    log_file = Path(engine.log_file)
    client = open_client(Policy(zone=Zone.DEVICE, address=parse_base_url(engine.base_url)))
    try:
        shown = None
        while child.poll() is not None or not await is_healthy(client):
            if child.poll() is not None:
                raise _vllm_died(log_file)
            loading = vllm_server.progress(processes.log_tail(log_file))
            if loading != shown:
                progress(shown := loading)
            await asyncio.sleep(_LOOK_EVERY_S)
    finally:
        await client.aclose()


def _vllm_died(log_file: Path) -> BackendError:
    reason = clean_line(vllm_server.reason(processes.log_tail(log_file, 1 << 20)))
    what = "vLLM stopped before it was ready"
    return BackendError(ErrorKind.SERVER, f"{what}: {reason}" if reason else what, f"see {log_file}")


def _start(argv: list[str], log_file: Path) -> subprocess.Popen[bytes]:
    try:
        return processes.start(argv, log_file, vllm_server.environment())
    except OSError as error:
        raise UsageError(
            f"vLLM could not be started: {argv[0]}: {error.strerror}", "check [vllm] command in the config"
        ) from None


def _record(engine: Engine, run_dir: Path) -> None:
    run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = _record_file(engine.id, run_dir)
    unfinished = file.with_suffix(f".{os.getpid()}")
    unfinished.touch(mode=0o600)
    unfinished.write_bytes(msgspec.json.encode(engine))
    unfinished.replace(file)


def _forget(engine: Engine, run_dir: Path) -> None:
    """Removes its record, and the socket that a killed engine left behind."""
    address = parse_base_url(engine.base_url)
    if address.scheme == "unix":
        remove_socket(Path(address.path))
    _record_file(engine.id, run_dir).unlink(missing_ok=True)


def _record_file(engine_id: str, run_dir: Path) -> Path:
    return run_dir / f"engine-{engine_id}.json"


def _require_posix() -> None:
    if sys.platform == "win32":
        raise UsageError(
            "an engine can be left running on Linux and macOS only", "the embedded engine starts by itself in a chat"
        )
