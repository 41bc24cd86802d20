"""`hybridchat local`: engines of your own, started, left running and ended."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from hybridchat.cli import output
from hybridchat.cli.progress import Progress
from hybridchat.errors import UsageError

if TYPE_CHECKING:
    from hybridchat.backends.engines import Engine
    from hybridchat.domain.events import Loading
    from hybridchat.wiring import Wiring


@click.group("local")
def command() -> None:
    """Start, watch and end engines of your own.

    \b
    hybridchat local up vllm --model Qwen/Qwen3-8B
    hybridchat local status
    hybridchat local down
    """


@command.command("up")
@click.argument("engine", type=click.Choice(["vllm", "embedded"]))
@click.option("--model", metavar="NAME", help="Model to serve: a name or a path.")
@output.json_option
def up(engine: str, model: str | None, as_json: bool) -> None:
    """Start an engine on loopback, wait until it is healthy, add it as a backend and leave it running.

    Ctrl+C before it is healthy ends it.

    \b
    hybridchat local up vllm --model Qwen/Qwen3-8B
    hybridchat local up embedded --model qwen3-0.6b
    """
    from hybridchat import wiring

    wired = wiring.load()
    if model is None:
        model = _default_model(wired, engine)
    with Progress() as progress:
        started = asyncio.run(_start(wired, engine, model, progress))
    _register(wired, started)
    if as_json:
        output.json(started)
    else:
        output.line(f"{started.id} answers with {started.model} at {started.base_url}")


def _default_model(wired: Wiring, engine: str) -> str:
    """The only model that is here. Raises UsageError when there is a choice or none."""
    if engine == "vllm":
        raise UsageError("vLLM needs a model", "add --model NAME")
    from hybridchat.backends.hub import local_models

    names = [model.name for model in local_models(wired.paths.models_dir)]
    if len(names) == 1:
        return names[0]
    if not names:
        raise UsageError("no model is here", "`hybridchat models pull` lists and fetches models")
    raise UsageError("which model?", f"add --model with one of: {', '.join(names)}")


async def _start(wired: Wiring, engine: str, model: str, progress: Progress) -> Engine:
    from hybridchat.backends import engines

    def show(loading: Loading) -> None:
        progress.show(loading.detail, loading.fraction)

    if engine == "vllm":
        return await engines.up_vllm(model, wired.paths, wired.config.vllm, show)
    return await engines.up_embedded(model, wired.paths, wired.config.embedded, show)


def _register(wired: Wiring, engine: Engine) -> None:
    """Into the config, so that chats find it. An entry that already says the same keeps what the user added."""
    from hybridchat.config_edit import add_backend, remove_backend

    file = wired.paths.config_file
    if engine.kind == "embedded":
        if not any(backend.kind == "embedded" for backend in wired.config.backend):
            add_backend(file, {"id": engine.id, "kind": "embedded", "model": engine.model})
        return
    entry = {"id": engine.id, "kind": engine.kind, "base_url": engine.base_url, "model": engine.model, "vouched": True}
    known = next((backend for backend in wired.config.backend if backend.id == engine.id), None)
    if known is not None:
        if (known.kind, known.base_url, known.model) == (engine.kind, engine.base_url, engine.model):
            return
        remove_backend(file, engine.id)
    add_backend(file, entry)


@command.command("down")
@click.argument("engine_id", required=False, metavar="[ID]")
def down(engine_id: str | None) -> None:
    """End an engine that `local up` left running; without an id, all of them.

    \b
    hybridchat local down vllm-8000
    """
    from hybridchat.backends import engines
    from hybridchat.paths import find_paths

    run_dir = find_paths().run_dir
    running = engines.running(run_dir)
    chosen = [engine for engine in running if engine_id in (None, engine.id)]
    if not chosen and engine_id is not None:
        known = ", ".join(engine.id for engine in running) or "none is running"
        raise UsageError(f"no engine {engine_id!r} is running", f"running: {known}")
    for engine in chosen:
        asyncio.run(engines.down(engine, run_dir))
        output.note(f"{engine.id} has ended")
    if not chosen:
        output.note("no engine is running")


@command.command("status")
@output.json_option
def status(as_json: bool) -> None:
    """List the engines that `local up` left running.

    \b
    hybridchat local status --json
    """
    from hybridchat.backends import engines
    from hybridchat.paths import find_paths

    running = engines.running(find_paths().run_dir)
    if as_json:
        output.json(running)
        return
    if not running:
        output.note("no engine is running — `hybridchat local up` starts one")
    output.table(
        ("id", "model", "address", "since", "log"),
        [(e.id, e.model, e.base_url, output.moment(e.started_at), e.log_file) for e in running],
    )
