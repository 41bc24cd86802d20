"""Models for the embedded engine: what is offered, what is here, and pulling one from its hub."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from hybridchat.config import EmbeddedConfig
from hybridchat.domain.chat import ModelInfo


class CatalogModel(Struct, frozen=True, kw_only=True):
    """One open-weight model of `data/models.toml`. Its size and checksum come from the hub."""

    name: str  # what `pull`, `rm` and backends call it; its file is models/NAME.gguf
    title: str
    repo: str
    file: str
    licence: str
    context_window: int  # tokens that it was trained for
    layers: int
    kv_heads: int
    head_size: int

    def memory_bytes(self, size_bytes: int, context_window: int) -> int:
        """What it needs with a context of that many tokens: weights, f16 keys and values, and 300 MB to compute in."""
        raise NotImplementedError


class HubFile(Struct, frozen=True):
    """What the hub says about a model's file."""

    size_bytes: int
    sha256: str
    commit: str


class Pulled(Struct, frozen=True):
    """Progress of a pull, in bytes; `resumed_bytes` of them were here before."""

    done_bytes: int
    total_bytes: int
    resumed_bytes: int = 0


def catalog() -> tuple[CatalogModel, ...]:
    """The models on offer, smallest first."""
    raise NotImplementedError


def local_models(models_dir: Path) -> tuple[ModelInfo, ...]:
    """The GGUF files that are here, by name."""
    raise NotImplementedError


def remove(name: str, models_dir: Path) -> int:
    """Deletes a model and anything half pulled of it; returns the bytes freed. Raises UsageError if there is none."""
    raise NotImplementedError


async def look_up(model: CatalogModel, config: EmbeddedConfig, *, local_only: bool = False) -> HubFile:
    """Size and checksum as the hub states them. Raises BackendError; Refused under local-only."""
    raise NotImplementedError


async def pull(
    model: CatalogModel,
    models_dir: Path,
    config: EmbeddedConfig,
    progress: Callable[[Pulled], None],
    *,
    local_only: bool = False,
) -> Path:
    """Fetches a model, going on where an earlier pull ended; the file appears only when its checksum is right.

    Cancel the task to stop: what came is kept for the next try. Raises BackendError (hub, network, checksum),
    UsageError (disk too small, extra not installed) and, under local-only, Refused before anything is built.
    """
    raise NotImplementedError
