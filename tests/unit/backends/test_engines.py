"""Engines that are left running: started, found again, ended to the last process, and never mistaken for another's."""

from __future__ import annotations

import asyncio
import mmap
import os
import shlex
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from hybridchat.backends import engines, processes
from hybridchat.backends.engines import Engine
from hybridchat.config import EmbeddedConfig, VllmConfig
from hybridchat.domain.chat import Kind
from hybridchat.domain.events import Loading
from hybridchat.errors import BackendError, ErrorKind, UsageError
from hybridchat.paths import Paths

FAKE = Path(__file__).with_name("fake_vllm.py")


@pytest.fixture
def paths(home: Path) -> Paths:
    return Paths(home, home)


@pytest.fixture
def config(tmp_path: Path) -> VllmConfig:
    program = tmp_path / "vllm"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(FAKE))} "$@"\n')
    program.chmod(0o755)
    return VllmConfig(command=str(program))


@pytest.fixture(autouse=True)
def nothing_left(paths: Paths) -> Iterator[None]:
    yield
    for engine in engines.running(paths.run_dir):
        os.killpg(engine.pid, signal.SIGKILL)


def ignore(_: Loading) -> None:
    """No one watches."""


def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True)


def look_by(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Linux, or by `ps` as on macOS."""
    if way == "proc" and not Path("/proc/self/stat").exists():
        pytest.skip("no /proc here")
    if way == "ps" and shutil.which("ps") is None:
        pytest.skip("no ps here")
    monkeypatch.setattr(processes, "_has_proc", lambda: way == "proc")


def reap(pid: int) -> None:
    """An engine that is left running has no parent that waits for it; here, we are that parent."""
    os.waitpid(pid, 0)


async def test_up_is_healthy_recorded_and_down_leaves_nothing(paths: Paths, config: VllmConfig) -> None:
    seen: list[Loading] = []
    engine = await engines.up_vllm("maker/model", paths, config, seen.append)

    assert (engine.kind, engine.model) == (Kind.VLLM, "maker/model")
    assert engines.running(paths.run_dir) == (engine,)
    assert len(processes.group_members(engine.pid)) == 2, "the server and its worker"
    assert seen
    (record,) = paths.run_dir.iterdir()
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    backend = engine.as_backend()
    assert (backend.kind, backend.base_url, backend.vouched) == ("vllm", engine.base_url, True)

    await engines.down(engine, paths.run_dir)
    assert processes.group_members(engine.pid) == ()
    assert engines.running(paths.run_dir) == ()
    assert list(paths.run_dir.iterdir()) == []


async def test_cancelled_before_it_is_healthy_leaves_nothing(paths: Paths, config: VllmConfig) -> None:
    loading, half = asyncio.Event(), Loading("loading weights", 0.5)
    task = asyncio.create_task(
        engines.up_vllm("slow", paths, config, lambda event: loading.set() if event == half else None)
    )
    await asyncio.wait_for(loading.wait(), 20)
    (engine,) = engines.running(paths.run_dir)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert processes.group_members(engine.pid) == ()
    assert engines.running(paths.run_dir) == ()


async def test_crash_before_it_is_healthy_says_why_and_leaves_nothing(paths: Paths, config: VllmConfig) -> None:
    with pytest.raises(BackendError, match="RuntimeError: no room for the model") as crash:
        await engines.up_vllm("crashes", paths, config, ignore)

    assert crash.value.kind is ErrorKind.SERVER
    assert "vllm-" in crash.value.remedy and "\n" not in str(crash.value)
    assert list(paths.run_dir.iterdir()) == []


async def test_workers_of_a_killed_leader_are_found_and_ended(paths: Paths, config: VllmConfig) -> None:
    engine = await engines.up_vllm("model", paths, config, ignore)
    os.kill(engine.pid, signal.SIGKILL)
    reap(engine.pid)

    assert engines.running(paths.run_dir) == (engine,)
    await engines.down(engine, paths.run_dir)
    assert processes.group_members(engine.pid) == ()


async def test_deaf_engine_is_killed(paths: Paths, config: VllmConfig) -> None:
    engine = await engines.up_vllm("stubborn", paths, config, ignore)
    await processes.end_group(engine.pid, patience_s=0.2)

    assert processes.group_members(engine.pid) == ()


@pytest.mark.parametrize("birth", ["", "other-boot/17", "reused"])
async def test_another_process_with_that_pid_is_left_alone(paths: Paths, birth: str) -> None:
    stranger = sleeper()
    try:
        mark = processes.birth_of(stranger.pid) or ""
        birth = mark.partition("/")[0] + "/1" if birth == "reused" else birth
        engine = Engine(
            id="vllm-1",
            kind=Kind.VLLM,
            model="m",
            base_url="http://127.0.0.1:1",
            pid=stranger.pid,
            birth=birth,
            log_file="",
            started_at="",
        )
        write_record(paths, engine)
        await engines.down(engine, paths.run_dir)
        assert stranger.poll() is None

        write_record(paths, engine)
        assert engines.running(paths.run_dir) == ()
        assert list(paths.run_dir.iterdir()) == [], "its record is gone"
    finally:
        stranger.communicate()


def write_record(paths: Paths, engine: Engine) -> None:
    paths.run_dir.mkdir(parents=True, exist_ok=True)
    (paths.run_dir / f"engine-{engine.id}.json").write_bytes(msgspec.json.encode(engine))


def test_a_record_that_cannot_be_read_is_no_engine(paths: Paths) -> None:
    paths.run_dir.mkdir(parents=True)
    (paths.run_dir / "engine-vllm-1.json").write_text("{")

    assert engines.running(paths.run_dir) == ()


@pytest.mark.parametrize("command", [None, "/nowhere/vllm"])
async def test_without_a_vllm_it_says_what_to_do(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, command: str | None
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UsageError, match=r"\[vllm\] command"):
        await engines.up_vllm("model", paths, VllmConfig(command=command), ignore)


async def test_embedded_needs_its_model(paths: Paths) -> None:
    with pytest.raises(BackendError, match="no model nobody here"):
        await engines.up_embedded("nobody", paths, EmbeddedConfig(), ignore)

    assert engines.running(paths.run_dir) == ()


@pytest.mark.parametrize("way", ["proc", "ps"])
def test_birth_is_stable_and_ends_with_the_process(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    look_by(way, monkeypatch)
    child = sleeper()
    birth = processes.birth_of(child.pid)
    assert birth is not None and birth == processes.birth_of(child.pid) != processes.birth_of(os.getpid())
    assert processes.is_same_boot(birth)

    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert processes.birth_of(child.pid) is None, "a corpse is not alive"
    child.communicate()
    assert processes.birth_of(child.pid) is None


@pytest.mark.parametrize("way", ["proc", "ps"])
def test_members_of_a_group_are_its_living_ones(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    look_by(way, monkeypatch)
    child = sleeper()
    assert processes.group_members(child.pid) == (child.pid,)

    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert processes.group_members(child.pid) == ()
    child.communicate()


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="only Linux tells")
def test_resident_bytes_are_those_of_that_file_alone(tmp_path: Path) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(bytes(1 << 20))
    assert processes.resident_bytes(os.getpid(), file) is None
    with file.open("r+b") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert sum(mapped[:: mmap.PAGESIZE]) == 0  # touches every page
        assert processes.resident_bytes(os.getpid(), file) == 1 << 20


def test_children_get_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "LAB_SECRET", "AWS_SESSION_TOKEN", "VLLM_API_KEY"):
        monkeypatch.setenv(name, "canary")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    environment = processes.child_environment("VLLM_", EXTRA="yes")

    assert "canary" not in environment.values()
    assert environment["EXTRA"] == "yes"
    assert environment["CUDA_VISIBLE_DEVICES"] == "1"
    assert environment["PATH"] == os.environ["PATH"]
