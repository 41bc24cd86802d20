"""Models and engines: which engine is meant, what the config says afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hybridchat.backends import engines
from hybridchat.backends.engines import Engine
from hybridchat.domain.chat import Kind
from hybridchat.domain.events import Loading
from hybridchat.errors import BackendError, ErrorKind
from tests.fakes.ollama import FakeOllama
from tests.faults.cli import configure
from tests.unit.backends.test_hub import CONTENT, LocalHub, local_hub
from tests.unit.cli.conftest import Cli, Said

__all__ = ["local_hub"]  # the fixture


def engine(kind: Kind, model: str) -> Engine:
    is_vllm = kind is Kind.VLLM
    return Engine(
        id="vllm-8123" if is_vllm else "embedded",
        kind=kind,
        model=model,
        base_url="http://127.0.0.1:8123" if is_vllm else "unix:///tmp/x.sock",
        pid=1,
        birth="x",
        log_file="/tmp/x.log",
        started_at="2026-11-21T09:30:00.000Z",
    )


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Engine]:
    """Engines that would run, in place of real ones."""
    alive: list[Engine] = []

    async def up_vllm(model: str, paths: object, config: object, progress: engines.Progress) -> Engine:
        if model == "broken":
            raise BackendError(ErrorKind.SERVER, "vLLM stopped before it was ready", "see the log")
        progress(Loading("loading weights", 0.5))
        alive.append(engine(Kind.VLLM, model))
        return alive[-1]

    async def up_embedded(model: str, paths: object, config: object, progress: engines.Progress) -> Engine:
        alive.append(engine(Kind.EMBEDDED, model))
        return alive[-1]

    async def down(gone: Engine, run_dir: Path) -> None:
        alive.remove(gone)

    monkeypatch.setattr(engines, "up_vllm", up_vllm)
    monkeypatch.setattr(engines, "up_embedded", up_embedded)
    monkeypatch.setattr(engines, "down", down)
    monkeypatch.setattr(engines, "running", lambda run_dir: tuple(alive))
    return alive


def backends(cli: Cli) -> dict[str, dict[str, object]]:
    return {row["id"]: row for row in cli("backends", "list", "--json").json}


def test_vllm_is_a_backend_while_it_runs(cli: Cli, started: list[Engine]) -> None:
    said = cli("local", "up", "vllm", "--model", "tiny")
    assert said == (0, "vllm-8123 answers with tiny at http://127.0.0.1:8123\n", "loading weights 50%\n")
    assert (backends(cli)["vllm-8123"]["model"], backends(cli)["vllm-8123"]["proof"]) == ("tiny", "vouched")
    assert cli("local", "status", "--json").json[0]["id"] == "vllm-8123"
    assert "vllm-8123" in cli("local", "status").out
    assert cli("local", "up", "vllm", "--model", "other").code == 0
    assert backends(cli)["vllm-8123"]["model"] == "other"
    started.pop()
    assert cli("local", "down", "nope").err == ("hybridchat: no engine 'nope' is running — running: vllm-8123\n")
    assert cli("local", "down") == (0, "", "vllm-8123 has ended\n")
    assert backends(cli) == {}
    assert cli("local", "down").err == "no engine is running\n"
    assert cli("local", "status").err == "no engine is running — `hybridchat local up` starts one\n"


def test_a_start_that_fails_leaves_no_backend(cli: Cli, started: list[Engine]) -> None:
    said = cli("local", "up", "vllm", "--model", "broken")
    assert said == (1, "", "hybridchat: vLLM stopped before it was ready — see the log\n")
    assert backends(cli) == {}
    assert cli("local", "up", "vllm").err == "hybridchat: vLLM needs a model — add --model NAME\n"


def test_embedded_takes_the_only_model_that_is_here(cli: Cli, started: list[Engine], home: Path) -> None:
    assert "no model is here" in cli("local", "up", "embedded").err
    models = home / "models"
    models.mkdir(parents=True)
    (models / "tiny.gguf").write_bytes(b"GGUF")
    assert cli("local", "up", "embedded").code == 0
    assert backends(cli)["embedded"]["proof"] == "verified"
    assert cli("local", "unload", "tiny").err == "embedded has unloaded tiny\n"
    assert cli("local", "unload", "tiny").err == "tiny is not loaded\n"
    assert cli("local", "load", "tiny").code == 0
    assert cli("local", "down").code == 0
    assert list(backends(cli)) == ["embedded"]
    (models / "large.gguf").write_bytes(b"GGUF")
    said = cli("local", "up", "embedded")
    assert (said.code, said.err) == (2, "hybridchat: which model? — add --model with one of: large, tiny\n")


def test_models_of_the_embedded_engine(cli: Cli, home: Path) -> None:
    models = home / "models"
    models.mkdir(parents=True)
    (models / "tiny.gguf").write_bytes(b"GGUF")
    assert cli("models", "show", "tiny", "--json").json["size_bytes"] == 4
    assert "4 B" in cli("models", "rm", "tiny").err
    assert not (models / "tiny.gguf").exists()
    assert cli("models", "rm", "tiny").code == 2
    assert cli("models", "show", "qwen3-0.6b", "--backend", "nope").code == 2


def test_a_model_from_its_hub_becomes_a_backend(cli: Cli, home: Path, local_hub: LocalHub) -> None:
    configure(home, f'# mine\n[embedded]\nhub_url = "{local_hub.url}"\n')
    (offered,) = cli("models", "pull", "--json").json
    assert (offered["name"], offered["licence"], offered["size_bytes"]) == ("small", "MIT", len(CONTENT))
    assert offered["memory_bytes"] > len(CONTENT)
    assert "2.1 MB" in cli("models", "pull").out
    assert cli("models", "show", "small", "--json").json["repo"] == "maker/Small-GGUF"

    pulled = cli("models", "pull", "small")
    assert (pulled.code, pulled.out) == (0, "")
    assert pulled.err.splitlines()[-1].endswith("100%")
    assert (home / "models" / "small.gguf").read_bytes() == CONTENT
    assert backends(cli)["embedded"]["model"] == "small"
    assert (home / "config.toml").read_text().startswith("# mine\n")

    absent = cli("models", "pull", "large")
    assert (absent.code, absent.err) == (
        2,
        "hybridchat: the embedded engine has no model 'large' — it knows: small\n",
    )


def test_a_hub_that_fails_is_one_line(cli: Cli, home: Path, local_hub: LocalHub) -> None:
    configure(home, f'[embedded]\nhub_url = "{local_hub.url}"\n')
    local_hub.status = 503
    said = cli("models", "pull", "small")
    assert (said.code, said.err.count("\n")) == (1, 1)
    assert local_hub.url in said.err
    assert cli("models", "pull", "--json").json[0]["size_bytes"] is None


@pytest.fixture
async def ollama(home: Path) -> AsyncIterator[FakeOllama]:
    async with FakeOllama() as fake:
        configure(home, f'[[backend]]\nid = "box"\nkind = "ollama"\nbase_url = "{fake.url}"\nmodel = "tiny"\n')
        yield fake


async def test_models_of_an_ollama(cli: Cli, ollama: FakeOllama) -> None:
    async def call(*arguments: str) -> Said:
        return await asyncio.to_thread(cli, *arguments)

    rows = {row["model"]: row for row in (await call("models", "--json")).json}
    assert (rows["tiny:latest"]["zone"], rows["tiny:latest"]["backend"]) == ("device", "box")
    stub = rows["harmless:latest"]
    assert (stub["zone"], stub["proof"], stub["remote_host"]) == ("managed", None, "http://127.0.0.1:21999")
    assert "managed, forwarded to http://127.0.0.1:21999" in (await call("models")).out
    assert (await call("models", "show", "tiny", "--json")).json["name"] == "tiny"
    pulled = await call("models", "pull", "tiny")
    assert (pulled.code, pulled.out) == (0, "")
    assert "100%" in pulled.err
    assert (await call("models", "rm", "tiny2")).err == "removed tiny2 from box\n"
    assert (await call("models", "rm", "absent")).code == 1
    assert (await call("local", "load", "tiny", "--keep-alive", "60")).code == 0
    assert (await call("local", "unload", "tiny")).err == "box has unloaded tiny\n"
    loads = [request.json() for request in ollama.sent("/api/chat")]
    assert [load["keep_alive"] for load in loads] == [60.0, 0]
    assert {load["model"] for load in loads} == {"tiny:latest:local"}


def test_the_backend_of_a_vllm_that_died_is_taken_out(cli: Cli, home: Path, started: list[Engine]) -> None:
    assert cli("local", "up", "vllm", "--model", "m").code == 0
    with (home / "config.toml").open("a") as config:
        config.write('\n[[backend]]\nid = "vllm-mine"\nkind = "vllm"\nbase_url = "http://127.0.0.1:8123"\n')
    started.clear()  # it crashed
    assert cli("local", "down").err == "vllm-8123 had died; its backend is out of the config\n"
    assert "vllm-mine" in cli("backends", "list").out
    assert "vllm-8123" not in cli("backends", "list").out
