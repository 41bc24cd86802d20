"""Engines that `hybridchat local` starts and leaves running: their records, their life and their end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from hybridchat.config import EmbeddedConfig, VllmConfig
from hybridchat.domain.events import Loading
from hybridchat.paths import Paths

Progress = Callable[[Loading], None]


class Engine(Struct, frozen=True, kw_only=True):
    """One engine that was left running, as its record under `run/` tells; `id` is also the id of its backend."""

    id: str  # "embedded" or "vllm-PORT"
    kind: str  # vllm | embedded
    model: str
    base_url: str  # http://127.0.0.1:PORT or unix:///PATH
    pid: int  # leads its own process group
    birth: str  # the process's start mark, so that a reused pid is never taken for it
    log_file: str
    started_at: str  # UTC, ISO 8601


def running(run_dir: Path) -> tuple[Engine, ...]:
    """The engines that are still alive; records of dead ones are removed."""
    raise NotImplementedError


async def up_vllm(model: str, paths: Paths, config: VllmConfig, progress: Progress) -> Engine:
    """Starts vLLM on a free loopback port and returns when it is healthy.

    Raises UsageError without a vLLM to run, BackendError when it dies first (with the log's last word). Cancelled
    or failed, its whole process group is gone before this returns.
    """
    raise NotImplementedError


async def up_embedded(model: str, paths: Paths, config: EmbeddedConfig, progress: Progress) -> Engine:
    """Starts the embedded engine so that every hybridchat uses it, in place of one that was left running before.

    `model` is the name of a pulled model, or a path of a GGUF file. Raises as `up_vllm`.
    """
    raise NotImplementedError


async def down(engine: Engine, run_dir: Path) -> None:
    """Ends the engine's whole process group (TERM, then KILL) and removes its record; a dead one is no error."""
    raise NotImplementedError
