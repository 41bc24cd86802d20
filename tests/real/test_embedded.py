"""The embedded engine, end to end: its process, its socket, its crash and its end."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from hybridchat.backends.base import BackendSpec
from hybridchat.backends.chat_completions import ChatCompletionsBackend
from hybridchat.backends.embedded import EmbeddedBackend
from hybridchat.backends.processes import birth_of, until
from hybridchat.domain.address import Address
from hybridchat.domain.chat import HealthState, Kind, Proof, Zone
from hybridchat.domain.events import Event, Failed, Finished, Loading, Requested, Text, Usage
from hybridchat.errors import ErrorKind
from hybridchat.paths import Paths
from tests.real.conftest import CACHE, ROOT, request
from tests.real.tiny_model import gguf_model

pytestmark = pytest.mark.needs("embedded")
SPEC = BackendSpec(
    id="embedded",
    kind=Kind.EMBEDDED,
    address=Address("unix", "", 0, "", is_loopback=True),
    zone=Zone.DEVICE,
    proof=Proof.VERIFIED,
    model="tiny",
)


@pytest.fixture
def paths(home: Path) -> Paths:
    paths = Paths(home, home)
    paths.models_dir.mkdir(parents=True)
    for name in ("tiny", "other"):
        shutil.copy(gguf_model(CACHE), paths.models_dir / f"{name}.gguf")
    return paths


@pytest.fixture
async def embedded(paths: Paths) -> AsyncIterator[EmbeddedBackend]:
    backend = EmbeddedBackend(SPEC, paths, context_window=4096)
    yield backend
    await backend.aclose()


def workers() -> list[int]:
    """Engine processes that are children of this test."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and birth_of(int(entry.name)):
            status = (entry / "status").read_text()
            command = (entry / "cmdline").read_bytes()
            if f"PPid:\t{os.getpid()}\n" in status and b"embedded_worker" in command:
                found.append(int(entry.name))
    return found


def environment_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


def usage_of(events: list[Event]) -> Usage:
    return [event for event in events if isinstance(event, Usage)][-1]


async def test_first_reply_loads_and_says_how_long(embedded: EmbeddedBackend) -> None:
    first = [event async for event in embedded.chat(request())]
    second = [event async for event in embedded.chat(request())]

    assert isinstance(first[0], Loading)
    assert first[-1] == Finished("length")
    load_ms = usage_of(first).load_ms
    assert load_ms is not None and load_ms > 0
    assert usage_of(first).completion_tokens == 32
    assert not any(isinstance(event, Loading) for event in second)
    assert usage_of(second).load_ms is None


async def test_only_we_can_open_its_socket_and_log(embedded: EmbeddedBackend, paths: Paths) -> None:
    await embedded.warm("tiny")

    (socket,) = paths.run_dir.glob("*.sock")
    (log,) = paths.logs_dir.glob("*.log")
    assert stat.S_ISSOCK(socket.stat().st_mode)
    assert stat.S_IMODE(socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(paths.run_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


async def test_keys_do_not_reach_the_engine(embedded: EmbeddedBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "canary")
    await embedded.warm("tiny")

    (pid,) = workers()
    assert b"canary" not in environment_of(pid)


async def test_crash_mid_stream_keeps_the_text_and_the_next_message_restarts_it(embedded: EmbeddedBackend) -> None:
    text, last = "", None
    async with aclosing(embedded.chat(request(max_tokens=None))) as events:
        async for event in events:
            if isinstance(event, Text):
                if not text:
                    os.kill(workers()[0], signal.SIGKILL)
                text += event.text
            last = event
    assert text
    assert isinstance(last, Failed)
    assert (last.kind, last.message) == (ErrorKind.RESET, "server stopped")

    again = [event async for event in embedded.chat(request())]
    assert again[-1] == Finished("length")
    assert usage_of(again).load_ms


async def test_another_model_replaces_the_first(embedded: EmbeddedBackend) -> None:
    await embedded.warm("tiny")
    (before,) = workers()
    events = [event async for event in embedded.chat(request(model="other"))]

    assert events[-1] == Finished("length")
    assert workers() != [before]
    assert len(workers()) == 1
    loaded = {model.name: model.loaded for model in (await embedded.health()).models}
    assert loaded == {"tiny": False, "other": True}


async def test_two_first_messages_at_once_share_one_engine(embedded: EmbeddedBackend) -> None:
    replies = await asyncio.gather(*(collect(embedded.chat(request()), []) for _ in range(2)))

    assert [reply[-1] for reply in replies] == [Finished("length")] * 2
    assert len(workers()) == 1
    assert all(usage_of(reply).load_ms for reply in replies), "both waited for the load: neither is a warm reply"


async def test_another_model_waits_for_the_reply_that_is_being_written(embedded: EmbeddedBackend) -> None:
    waiting: list[Event] = []
    async with aclosing(embedded.chat(request(max_tokens=None))) as events:
        async for event in events:
            if isinstance(event, Text):
                break
        other = asyncio.create_task(collect(embedded.chat(request(model="other")), waiting))
        assert await until(lambda: Loading("other waits for the engine") in waiting, 10.0)
    assert (await other)[-1] == Finished("length")


async def collect(events: AsyncIterator[Event], into: list[Event]) -> list[Event]:
    async for event in events:
        into.append(event)
    return into


async def test_closing_leaves_nothing(embedded: EmbeddedBackend, paths: Paths) -> None:
    await embedded.warm("tiny")
    await embedded.aclose()

    assert workers() == []
    assert list(paths.run_dir.iterdir()) == []


async def test_giving_up_while_it_loads_leaves_nothing(embedded: EmbeddedBackend, paths: Paths) -> None:
    async with aclosing(embedded.chat(request())) as events:
        async for event in events:
            assert isinstance(event, Loading)
            break

    assert workers() == []
    assert list(paths.run_dir.iterdir()) == []


async def test_damaged_file_is_named_in_one_line(embedded: EmbeddedBackend, paths: Paths) -> None:
    whole = (paths.models_dir / "tiny.gguf").read_bytes()
    for content in (b"", b"garbage", whole[: len(whole) // 2]):
        (paths.models_dir / "tiny.gguf").write_bytes(content)
        events = [event async for event in embedded.chat(request())]

        failed = events[-1]
        assert isinstance(failed, Failed)
        assert failed.kind is ErrorKind.MODEL_MISSING
        assert "tiny is damaged" in failed.message and "\n" not in failed.message
        assert failed.remedy == "run: hybridchat models rm tiny, then pull it again"
    assert workers() == []


async def test_long_home_still_gets_a_socket(home: Path, paths: Paths) -> None:
    far = Paths(home, home / ("x" * 120))
    shutil.copytree(paths.models_dir, far.models_dir)
    backend = EmbeddedBackend(SPEC, far, context_window=1024)
    try:
        events = [event async for event in backend.chat(request())]
        assert events[-1] == Finished("length")
        assert backend._current is not None
        folder = Path(backend._current.backend.spec.address.path).parent
        assert (folder.stat().st_mode & 0o777, folder.name[:11]) == (0o700, "hybridchat-")
    finally:
        await backend.aclose()
    assert not folder.exists()


HOLD = """
import asyncio, sys
from pathlib import Path
from hybridchat.backends.embedded import EmbeddedBackend
from hybridchat.paths import Paths
from tests.real.test_embedded import SPEC

async def hold():
    backend = EmbeddedBackend(SPEC, Paths(Path(sys.argv[1]), Path(sys.argv[1])), context_window=1024)
    await backend.warm("tiny")
    print(backend._current._server.process.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(hold())
"""


async def test_killed_hybridchat_leaves_no_engine(paths: Paths, embedded: EmbeddedBackend) -> None:
    window = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLD, str(paths.data_dir), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert window.stdout is not None
    pid = int(await window.stdout.readline())
    assert birth_of(pid) is not None
    window.kill()
    await window.communicate()

    assert await until(lambda: birth_of(pid) is None, 10.0)
    assert len(list(paths.run_dir.glob("*.sock"))) == 1
    await embedded.warm("tiny")
    assert len(list(paths.run_dir.glob("*.sock"))) == 1, "the next start clears up"


async def test_worker_ends_with_its_input(embedded: EmbeddedBackend) -> None:
    """Where the kernel does not tell it of its parent's death, as on macOS."""
    await embedded.warm("tiny")
    (pid,) = workers()
    assert embedded._current is not None and embedded._current._server is not None
    stdin = embedded._current._server.process.stdin
    assert stdin is not None
    stdin.close()

    assert await until(lambda: birth_of(pid) is None, 10.0)


async def test_health_loads_nothing(embedded: EmbeddedBackend) -> None:
    health = await embedded.health()

    assert health.state is HealthState.HEALTHY
    assert {model.name for model in health.models} == {"tiny", "other"}
    assert workers() == []


async def test_without_unix_sockets_it_is_loopback_with_a_key(
    embedded: EmbeddedBackend, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows."""
    monkeypatch.setattr("hybridchat.backends.embedded_server.sys.platform", "win32")
    events = [event async for event in embedded.chat(request())]
    monkeypatch.undo()

    assert events[-1] == Finished("length")
    assert embedded._current is not None and embedded._current._server is not None
    assert embedded._current._server.api_key
    stranger = ChatCompletionsBackend(embedded._current.backend.spec)
    requested, refused = [event async for event in stranger.chat(request())]
    await stranger.aclose()
    assert isinstance(requested, Requested)
    assert isinstance(refused, Failed)
    assert refused.kind is ErrorKind.AUTH
