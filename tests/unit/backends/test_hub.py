"""Pulling a model from a local hub: its redirect to storage, resume, checksum, cancel, and what is refused."""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from hybridchat.backends import hub
from hybridchat.backends.hub import CatalogModel, Pulled
from hybridchat.config import EmbeddedConfig
from hybridchat.errors import BackendError, ErrorKind, Refused, UsageError
from tests.fakes.recorder import Recorded

CONTENT = bytes(range(256)) * 8192  # 2 MiB
MODEL = CatalogModel(
    name="small",
    title="Small",
    repo="maker/Small-GGUF",
    file="small-q8.gguf",
    licence="MIT",
    context_window=8192,
    layers=2,
    kv_heads=2,
    head_size=64,
)


class _Handler(BaseHTTPRequestHandler):
    hub: ClassVar[LocalHub]

    def do_HEAD(self) -> None:
        self.hub.asked.append(self)
        if self.hub.status != 302:
            self.send_response(self.hub.status)
            self.send_header("content-length", "0")
        else:
            self.send_response(302)
            self.send_header("location", self.hub.location)
            self.send_header("x-repo-commit", "c0ffee")
            self.send_header("x-linked-size", str(len(CONTENT)))
            self.send_header("x-linked-etag", f'"{self.hub.checksum}"')
        self.end_headers()

    def do_GET(self) -> None:
        self.hub.asked.append(self)
        start = 0
        if "range" in self.headers and self.hub.knows_ranges:
            start = int(self.headers["range"].removeprefix("bytes=").removesuffix("-"))
        self.send_response(206 if start else 200)
        self.send_header("content-length", str(len(CONTENT) - start))
        self.end_headers()
        end = min(len(CONTENT), self.hub.cut_at or len(CONTENT))
        self.wfile.write(self.hub.content[start:end])
        if self.hub.stalls:
            self.wfile.flush()
            self.hub.released.wait(20)
        self.close_connection = True

    def log_message(self, *arguments: Any) -> None:
        """Nothing."""


class LocalHub:
    """Two servers as the real hub has them: one that knows the models and sends on, one that stores the bytes."""

    def __init__(self) -> None:
        handler = type("Handler", (_Handler,), {"hub": self})
        self.front, self.storage = (ThreadingHTTPServer(("127.0.0.1", 0), handler) for _ in range(2))
        self.url = f"http://127.0.0.1:{self.front.server_port}"
        self.location = f"http://127.0.0.1:{self.storage.server_port}/blob?signature=1"
        self.checksum = hashlib.sha256(CONTENT).hexdigest()
        self.content = CONTENT
        self.status = 302
        self.cut_at: int | None = None
        self.knows_ranges = True
        self.stalls = False
        self.released = threading.Event()
        self.asked: list[BaseHTTPRequestHandler] = []
        for server in (self.front, self.storage):
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.released.set()
        for server in (self.front, self.storage):
            server.shutdown()
            server.server_close()


@pytest.fixture
def local_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    local = LocalHub()
    storage = f"127.0.0.1:{local.storage.server_port}"
    monkeypatch.setattr(hub, "catalog", lambda: hub.Catalog((storage,), (MODEL,)))
    yield local
    local.close()


@pytest.fixture
def config(local_hub: LocalHub) -> EmbeddedConfig:
    return EmbeddedConfig(hub_url=local_hub.url)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


def parts(models: Path) -> list[str]:
    return [file.name for file in models.glob("*.part")]


def modes(models: Path) -> tuple[int, set[int]]:
    """Of the folder, and of the files in it."""
    return stat.S_IMODE(models.stat().st_mode), {stat.S_IMODE(file.stat().st_mode) for file in models.iterdir()}


def write_parts(models: Path, *names: str) -> None:
    models.mkdir()
    for name in names:
        (models / name).write_bytes(b"old")


def ignore(_: Pulled) -> None:
    """No one watches."""


async def test_pull_follows_to_storage_and_reports(local_hub: LocalHub, config: EmbeddedConfig, models: Path) -> None:
    seen: list[Pulled] = []
    path = await hub.pull(MODEL, models, config, seen.append, Recorded())

    assert path == models / "small.gguf"
    assert path.read_bytes() == CONTENT
    assert parts(models) == []
    assert seen[0] == Pulled(0, len(CONTENT))
    assert seen[-1] == Pulled(len(CONTENT), len(CONTENT))
    assert [done.done_bytes for done in seen] == sorted(done.done_bytes for done in seen)
    assert len(seen) > 3


async def test_only_we_can_read_what_came(local_hub: LocalHub, config: EmbeddedConfig, models: Path) -> None:
    before = os.umask(0)
    try:
        await hub.pull(MODEL, models, config, ignore, Recorded())
    finally:
        os.umask(before)

    assert modes(models) == (0o700, {0o600})


async def test_no_credentials_and_nothing_about_this_machine(
    local_hub: LocalHub, config: EmbeddedConfig, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_canary")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    await hub.pull(MODEL, models, config, ignore, Recorded())

    assert len(local_hub.asked) == 2
    for request in local_hub.asked:
        assert "authorization" not in request.headers
        assert request.headers["user-agent"].startswith("hybridchat/")
        assert "canary" not in str(request.headers)


async def test_goes_on_where_it_was_cut(local_hub: LocalHub, config: EmbeddedConfig, models: Path) -> None:
    local_hub.cut_at = 700_000
    with pytest.raises(BackendError) as cut:
        await hub.pull(MODEL, models, config, ignore, Recorded())
    assert cut.value.kind in (ErrorKind.RESET, ErrorKind.CUT_SHORT)
    assert not (models / "small.gguf").exists()
    kept = hub.pulled_bytes("small", models)
    assert 0 < kept <= 700_000

    local_hub.cut_at = None
    seen: list[Pulled] = []
    path = await hub.pull(MODEL, models, config, seen.append, Recorded())
    assert path.read_bytes() == CONTENT
    assert seen[0] == Pulled(kept, len(CONTENT), kept)
    assert local_hub.asked[-1].headers["range"] == f"bytes={kept}-"


async def test_starts_over_where_storage_cannot_go_on(
    local_hub: LocalHub, config: EmbeddedConfig, models: Path
) -> None:
    local_hub.cut_at = 700_000
    with pytest.raises(BackendError):
        await hub.pull(MODEL, models, config, ignore, Recorded())
    local_hub.cut_at, local_hub.knows_ranges = None, False

    assert (await hub.pull(MODEL, models, config, ignore, Recorded())).read_bytes() == CONTENT


async def test_cancel_keeps_what_came(local_hub: LocalHub, config: EmbeddedConfig, models: Path) -> None:
    local_hub.cut_at, local_hub.stalls = 1_000_000, True
    came = asyncio.Event()
    task = asyncio.create_task(
        hub.pull(MODEL, models, config, lambda done: came.set() if done.done_bytes else None, Recorded())
    )
    await asyncio.wait_for(came.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert hub.pulled_bytes("small", models) > 0
    assert hub.local_models(models) == ()


async def test_wrong_checksum_is_thrown_away(local_hub: LocalHub, config: EmbeddedConfig, models: Path) -> None:
    local_hub.content = b"x" + CONTENT[1:]
    with pytest.raises(BackendError, match="wrong checksum"):
        await hub.pull(MODEL, models, config, ignore, Recorded())

    assert hub.pulled_bytes("small", models) == 0
    assert hub.local_models(models) == ()


async def test_parts_of_an_older_version_are_removed(local_hub: LocalHub, config: EmbeddedConfig, models: Path) -> None:
    write_parts(models, "small.0123456789abcdef.part", "smaller.0123456789abcdef.part")
    await hub.pull(MODEL, models, config, ignore, Recorded())

    assert parts(models) == ["smaller.0123456789abcdef.part"]


async def test_storage_that_is_not_the_hubs_is_refused(
    local_hub: LocalHub, config: EmbeddedConfig, models: Path
) -> None:
    decoy = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": local_hub}))
    try:
        local_hub.location = f"http://127.0.0.1:{decoy.server_port}/blob"
        with pytest.raises(BackendError) as refused:
            await hub.pull(MODEL, models, config, ignore, Recorded())
    finally:
        decoy.server_close()

    assert refused.value.kind is ErrorKind.REDIRECT
    assert len(local_hub.asked) == 1


@pytest.mark.parametrize(("status", "kind"), [(404, ErrorKind.MODEL_MISSING), (500, ErrorKind.SERVER)])
async def test_hub_that_refuses_is_named(
    local_hub: LocalHub, config: EmbeddedConfig, models: Path, status: int, kind: ErrorKind
) -> None:
    local_hub.status = status
    with pytest.raises(BackendError, match=rf"maker/Small-GGUF \({status}\)") as refused:
        await hub.pull(MODEL, models, config, ignore, Recorded())

    assert refused.value.kind is kind


async def test_unreachable_hub_is_one_line(models: Path, local_hub: LocalHub) -> None:
    local_hub.close()
    with pytest.raises(BackendError, match="nothing listens at") as refused:
        await hub.pull(MODEL, models, EmbeddedConfig(hub_url=local_hub.url), ignore, Recorded())

    assert refused.value.kind is ErrorKind.CONNECT


async def test_hub_without_checksum_is_not_trusted(local_hub: LocalHub, config: EmbeddedConfig, models: Path) -> None:
    local_hub.checksum = "abc"
    with pytest.raises(BackendError, match="no size and checksum"):
        await hub.pull(MODEL, models, config, ignore, Recorded())


async def test_look_ups_at_once_share_the_librarys_client(local_hub: LocalHub, config: EmbeddedConfig) -> None:
    recorded = Recorded()
    found = await asyncio.gather(*(hub.look_up(MODEL, config, recorded) for _ in range(8)))

    assert {file.size_bytes for file in found} == {len(CONTENT)}
    assert [left.errand.purpose for left in recorded.departures] == ["pull"] * 8


async def test_local_only_asks_nobody(local_hub: LocalHub, config: EmbeddedConfig, models: Path) -> None:
    with pytest.raises(Refused):
        await hub.pull(MODEL, models, config, ignore, Recorded(), local_only=True)
    with pytest.raises(Refused):
        await hub.look_up(MODEL, config, Recorded(), local_only=True)

    assert local_hub.asked == []


async def test_full_disk_is_said_before_anything_comes(
    local_hub: LocalHub, config: EmbeddedConfig, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1_000_000}))
    with pytest.raises(UsageError, match="GB free"):
        await hub.pull(MODEL, models, config, ignore, Recorded())

    assert len(local_hub.asked) == 1


async def test_one_pull_of_a_model_at_a_time(local_hub: LocalHub, config: EmbeddedConfig, models: Path) -> None:
    local_hub.cut_at, local_hub.stalls = 1_000_000, True
    came = asyncio.Event()
    first = asyncio.create_task(
        hub.pull(MODEL, models, config, lambda done: came.set() if done.done_bytes else None, Recorded())
    )
    await asyncio.wait_for(came.wait(), 10)
    with pytest.raises(UsageError, match="already"):
        await hub.pull(MODEL, models, config, ignore, Recorded())
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first


def test_remove_takes_the_model_and_its_parts(tmp_path: Path) -> None:
    (tmp_path / "small.gguf").write_bytes(b"12345")
    (tmp_path / "small.0123456789abcdef.part").write_bytes(b"123")
    (tmp_path / "smaller.gguf").write_bytes(b"1")

    assert hub.remove("small", tmp_path) == 8
    assert [model.name for model in hub.local_models(tmp_path)] == ["smaller"]
    with pytest.raises(UsageError, match=r"no model small here"):
        hub.remove("small", tmp_path)


def test_catalog_is_sound() -> None:
    offered = hub.catalog()

    assert len({model.name for model in offered.model}) == len(offered.model) >= 3
    assert all(model.file.endswith(".gguf") and model.licence for model in offered.model)
    assert offered.find("qwen3-0.6b").repo == "Qwen/Qwen3-0.6B-GGUF"
    with pytest.raises(UsageError, match=r"qwen3-0\.6b"):
        offered.find("nobody")


def test_memory_is_weights_context_and_room_to_compute() -> None:
    # 2 layers × 2 heads × 64 values, keys and values of two bytes each: 1,024 bytes a token
    assert MODEL.memory_bytes(5_000_000, 1000) == 5_000_000 + 1000 * 1024 + 300_000_000
    assert MODEL.memory_bytes(0, 1_000_000) == MODEL.memory_bytes(0, MODEL.context_window)


def test_names_of_models_cannot_leave_the_folder() -> None:
    for model in hub.catalog().model:
        assert msgspec.json.encode(model.name).decode().strip('"') == Path(model.name).name
