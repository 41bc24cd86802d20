"""Models for the embedded engine: what is offered, what is here, and pulling one from its hub."""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from hybridchat.config import EmbeddedConfig
from hybridchat.domain.chat import ModelInfo
from hybridchat.errors import BackendError, ErrorKind, Refused, UsageError
from hybridchat.net.audit import Recorder

if TYPE_CHECKING:
    from hybridchat.net.hub import ListedHosts

_COMPUTE_BYTES = 300_000_000  # llama.cpp's buffers beside weights and context, for models of this size
_SPARE_DISK_BYTES = 200_000_000
_REPORT_EVERY_BYTES = 256 << 10
_SHA256 = re.compile(r"[0-9a-f]{64}")


class CatalogModel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
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
        tokens = min(context_window, self.context_window)
        return size_bytes + tokens * self.layers * self.kv_heads * self.head_size * 2 * 2 + _COMPUTE_BYTES


class Catalog(Struct, frozen=True, forbid_unknown_fields=True):
    """`data/models.toml`."""

    storage_hosts: tuple[str, ...]
    model: tuple[CatalogModel, ...]

    def find(self, name: str) -> CatalogModel:
        """Raises UsageError that names what there is."""
        for model in self.model:
            if model.name == name:
                return model
        raise UsageError(f"no model {name} on offer", f"choose one of: {', '.join(m.name for m in self.model)}")


class HubFile(Struct, frozen=True):
    """What the hub says about a model's file; `url` is where its bytes lie, for the next minutes."""

    size_bytes: int
    sha256: str
    url: str


class Pulled(Struct, frozen=True):
    """Progress of a pull, in bytes; `resumed_bytes` of them were here before."""

    done_bytes: int
    total_bytes: int
    resumed_bytes: int = 0


def catalog() -> Catalog:
    """The models on offer, smallest first."""
    path = Path(__file__).parent.parent / "data" / "models.toml"
    return msgspec.toml.decode(path.read_bytes(), type=Catalog)


def local_models(models_dir: Path) -> tuple[ModelInfo, ...]:
    """The GGUF files that are here, by name."""
    files = (file for file in sorted(models_dir.glob("*.gguf")) if file.exists())  # not a link to a disk that is away
    return tuple(ModelInfo(file.stem, size_bytes=_size(file)) for file in files)


def pulled_bytes(name: str, models_dir: Path) -> int:
    """What an unfinished pull of that model has left here; the next one goes on from there."""
    return max((_size(file) for file in models_dir.glob("*.part") if _is_part_of(file, name)), default=0)


def remove(name: str, models_dir: Path) -> int:
    """Deletes a model and anything half pulled of it; returns the bytes freed. Raises UsageError if there is none."""
    found = [file for file in models_dir.glob("*") if file.name == f"{name}.gguf" or _is_part_of(file, name)]
    if not found:
        raise UsageError(f"no model {name} here", "run: hybridchat models")
    freed = sum(file.stat().st_size for file in found)
    for file in found:
        file.unlink()
    return freed


async def look_up(
    model: CatalogModel, config: EmbeddedConfig, recorder: Recorder | None, *, local_only: bool = False
) -> HubFile:
    """Size and checksum as the hub states them. Raises BackendError; Refused under local-only."""
    _allow(config, local_only)
    hosts = _hosts(config)
    await asyncio.to_thread(import_module, "huggingface_hub.file_download")
    _use_our_client(hosts, recorder)
    return await asyncio.to_thread(_look_up, model, config.hub_url)


async def pull(
    model: CatalogModel,
    models_dir: Path,
    config: EmbeddedConfig,
    progress: Callable[[Pulled], None],
    recorder: Recorder | None,
    *,
    local_only: bool = False,
) -> Path:
    """Fetches a model, going on where an earlier pull ended; the file appears only when its checksum is right.

    Cancel the task to stop: what came is kept for the next try. Raises BackendError (hub, network, checksum),
    UsageError (disk too small, extra not installed) and, under local-only, Refused before anything is built.
    """
    target = models_dir / f"{model.name}.gguf"
    if target.exists():
        return target
    hub_file = await look_up(model, config, recorder, local_only=local_only)
    with _alone(model.name, models_dir):
        part = _part_file(model, hub_file, models_dir)
        _require_space(models_dir, hub_file.size_bytes - _size(part))
        if await _fetch(hub_file, part, _hosts(config), progress, recorder) != hub_file.sha256:
            part.unlink()
            raise BackendError(
                ErrorKind.PROTOCOL, f"{model.name} came with a wrong checksum and was thrown away", "pull it again"
            )
        part.replace(target)
    return target


async def _fetch(
    hub_file: HubFile, part: Path, hosts: ListedHosts, progress: Callable[[Pulled], None], recorder: Recorder | None
) -> str:
    """Appends what is missing to `part`; returns the whole's SHA-256. Raises BackendError when it ends too early."""
    from hybridchat.net.hub import storage_stream

    digest = await asyncio.to_thread(_digest_of, part)
    done = resumed = reported = _size(part)
    total = hub_file.size_bytes
    progress(Pulled(done, total, resumed))
    if done == total:
        return digest.hexdigest()
    async with storage_stream(hub_file.url, hosts, recorder, from_byte=done) as reply:
        if reply.status not in (200, 206):
            raise BackendError(ErrorKind.SERVER, f"the hub's storage answered with {reply.status}", "try again later")
        if reply.status == 200:  # it cannot go on in the middle
            digest, done, resumed = hashlib.sha256(), 0, 0
        with part.open("ab" if done else "wb") as file:
            async for chunk in reply.chunks():
                file.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                if done > total:
                    break  # the checksum will say the rest
                if done - reported >= _REPORT_EVERY_BYTES or done >= total:
                    progress(Pulled(done, total, resumed))
                    reported = done
    if done < total:
        raise BackendError(ErrorKind.CUT_SHORT, "the hub ended the transfer too early", "pull again: it goes on there")
    return digest.hexdigest()


@lru_cache(maxsize=1)
def _use_our_client(hosts: ListedHosts, recorder: Recorder | None) -> None:
    """The library has one client for the whole process: it is set once, on the loop's thread."""
    from huggingface_hub import constants, set_client_factory

    from hybridchat.net.hub import library_client

    constants.HF_HUB_DISABLE_XET = True  # its transfers would not go through our client
    constants.HF_HUB_DISABLE_TELEMETRY = True  # to name what runs it, it would ask huggingface.co, whatever our hub is
    set_client_factory(lambda: library_client(hosts, recorder))


def _look_up(model: CatalogModel, hub_url: str) -> HubFile:
    """One request through the hub's library, which knows its addresses and headers."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError

    try:
        url = hf_hub_url(model.repo, model.file, endpoint=hub_url.rstrip("/"))
        found = get_hf_file_metadata(url, token=False, timeout=10)
    except HfHubHTTPError as error:
        raise BackendError(
            ErrorKind.MODEL_MISSING if error.response.status_code in (401, 403, 404) else ErrorKind.SERVER,
            f"{hub_url} does not give {model.repo} ({error.response.status_code})",
            "choose another model, or check hub_url in [embedded]",
        ) from None
    if found.size is None or not found.etag or not _SHA256.fullmatch(found.etag):
        raise BackendError(
            ErrorKind.PROTOCOL, f"{hub_url} states no size and checksum for {model.file}", "check hub_url"
        )
    return HubFile(found.size, found.etag, found.location)


def _allow(config: EmbeddedConfig, local_only: bool) -> None:
    if local_only:
        raise Refused(
            f"a model would be fetched from {config.hub_url}", "leave local-only to pull, or copy the file here"
        )
    if find_spec("huggingface_hub") is None:
        raise UsageError("pulling needs the embedded engine's extra", "run: pip install 'hybridchat[embedded]'")


def _hosts(config: EmbeddedConfig) -> ListedHosts:
    from hybridchat.net.hub import ListedHosts

    return ListedHosts(config.hub_url, catalog().storage_hosts)


@contextmanager
def _alone(name: str, models_dir: Path) -> Iterator[None]:
    """Two pulls of one model would write into one file. Raises UsageError while another process is at it."""
    from filelock import FileLock, Timeout

    models_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with FileLock(models_dir / f".{name}.lock", timeout=0, mode=0o600):
            yield
    except Timeout:
        raise UsageError(f"{name} is being pulled already", "wait for that, or stop it") from None


def _part_file(model: CatalogModel, hub_file: HubFile, models_dir: Path) -> Path:
    """Where an unfinished pull grows. Parts of a version that the hub no longer offers are removed."""
    part = models_dir / f"{model.name}.{hub_file.sha256[:16]}.part"
    for other in models_dir.glob("*.part"):
        if other != part and _is_part_of(other, model.name):
            other.unlink()
    part.touch(mode=0o600)
    return part


def _require_space(folder: Path, needed_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed_bytes + _SPARE_DISK_BYTES:
        raise UsageError(
            f"{folder} has {free / 1e9:.1f} GB free, and {needed_bytes / 1e9:.1f} GB are to come",
            "make room, or choose a smaller model",
        )


def _is_part_of(file: Path, name: str) -> bool:
    return file.suffix == ".part" and file.name.rsplit(".", 2)[0] == name


def _size(file: Path) -> int:
    return file.stat().st_size


def _digest_of(part: Path) -> hashlib._Hash:
    with part.open("rb") as file:
        return hashlib.file_digest(file, "sha256")
