"""`hybridchat local`: engines of your own, started, left running and ended."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hybridchat.cli import output
from hybridchat.cli.engines import engine_option, find_ollama
from hybridchat.cli.groups import DefaultGroup
from hybridchat.cli.known import BACKEND, MODEL
from hybridchat.cli.progress import Progress
from hybridchat.cli.running import run
from hybridchat.cli.store import load_recorded, load_wiring
from hybridchat.errors import UsageError

if TYPE_CHECKING:
    from hybridchat.backends.engines import Engine
    from hybridchat.domain.events import Loading
    from hybridchat.wiring import Wiring


@click.group("local", cls=DefaultGroup, default="status")
def command() -> None:
    """Start, list (the default) and end engines of your own.

    \b
    hybridchat local up vllm --model Qwen/Qwen3-8B
    hybridchat local status
    hybridchat local down
    """


@command.command("up")
@click.argument("engine", type=click.Choice(["vllm", "embedded"]))
@click.option("--model", type=MODEL, metavar="NAME", help="Model to serve: a name or a path.")
@output.json_option
def up(engine: str, model: str | None, as_json: bool) -> None:
    """Start an engine on loopback, wait until it is healthy, add it as a backend and leave it running.

    Ctrl+C before it is healthy ends it.

    \b
    hybridchat local up vllm --model Qwen/Qwen3-8B
    hybridchat local up embedded --model qwen3-0.6b
    """

    wired = load_wiring()
    if model is None:
        model = _default_model(wired, engine)
    if engine == "vllm" and not Path(model).expanduser().is_dir():
        wired.require_leave(f"vLLM may fetch {model}")
    with Progress() as progress:
        started = run(_start(wired, engine, model, progress))
    _register(wired, started)
    if as_json:
        output.json(started)
    else:
        output.line(f"{started.id} answers with {started.model} at {started.base_url}")


def _default_model(wired: Wiring, engine: str) -> str:
    """The only model that is here. Raises UsageError when there is a choice or none."""
    if engine == "vllm":
        raise UsageError("vLLM needs a model", "add --model NAME")
    names = _embedded_models(wired)
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
    """Into the config, so that chats find it. An embedded backend that is there already stays as it is."""
    from hybridchat.config_edit import add_backend

    file, entry = wired.paths.config_file, engine.as_backend()
    if any(backend.kind == "embedded" == entry.kind for backend in wired.config.backend):
        return
    values = {name: getattr(entry, name) for name in ("id", "kind", "base_url", "model", "vouched")}
    add_backend(file, {name: value for name, value in values.items() if value}, replace=True)


def _left_behind(running: Sequence[Engine]) -> list[str]:
    """Backends that `local up` wrote for a vLLM which has died since: such an id is the port that it had."""

    alive = {engine.id for engine in running}
    ours = [b for b in load_wiring().config.backend if b.base_url == f"http://127.0.0.1:{b.id.removeprefix('vllm-')}"]
    return [backend.id for backend in ours if backend.kind == "vllm" and backend.id not in alive]


def _unregister(backend_id: str) -> None:
    """A vLLM's port is its own only while it runs; the embedded backend starts its engine whenever it is needed."""
    from hybridchat.config_edit import remove_backend
    from hybridchat.paths import find_paths

    try:
        remove_backend(find_paths().config_file, backend_id)
    except UsageError as error:  # gone already, or a config that only its author can mend
        output.note(str(error))


@command.command("down")
@click.argument("engine_id", type=BACKEND, required=False, metavar="[ID]")
def down(engine_id: str | None) -> None:
    """End an engine that `local up` left running and take its backend out again; without an id, all of them.

    \b
    hybridchat local down vllm-8000
    """
    from hybridchat.backends import engines
    from hybridchat.paths import find_paths

    run_dir = find_paths().run_dir
    running = engines.running(run_dir)
    chosen = [engine for engine in running if engine_id in (None, engine.id)]
    dead = [backend_id for backend_id in _left_behind(running) if engine_id in (None, backend_id)]
    if not chosen and not dead and engine_id is not None:
        known = ", ".join(engine.id for engine in running) or "none is running"
        raise UsageError(f"no engine {engine_id!r} is running", f"running: {known}")
    for engine in chosen:
        run(engines.down(engine, run_dir))
        if engine.kind == "vllm":
            _unregister(engine.id)
        output.note(f"{engine.id} has ended")
    for backend_id in dead:
        _unregister(backend_id)
        output.note(f"{backend_id} had died; its backend is out of the config")
    if not chosen and not dead:
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


@command.command("load")
@click.argument("model", type=MODEL)
@engine_option
@click.option("--keep-alive", metavar="TIME", help="Ollama: how long it stays without use, like 30m; -1 for ever.")
def load(model: str, backend_id: str | None, keep_alive: str | None) -> None:
    """Load a model into memory now, so that the first reply does not wait for it.

    \b
    hybridchat local load qwen3:8b --keep-alive 1h
    """
    wired = load_recorded()
    ollama = find_ollama(wired, model, backend_id, _embedded_models(wired))
    with Progress() as progress:
        if ollama is None:
            _register(wired, run(_start(wired, "embedded", model, progress)))
            return

        async def load_it() -> None:
            admin = await wired.open_ollama_admin(ollama)
            await admin.load(model, keep_alive=_seconds(keep_alive))

        progress.show(f"{ollama.id} loads {model}")
        run(load_it())


def _seconds(keep_alive: str | None) -> str | float | None:
    """A bare number is seconds; `30m` is Ollama's to read."""
    try:
        return None if keep_alive is None else float(keep_alive)
    except ValueError:
        return keep_alive


@command.command("unload")
@click.argument("model", type=MODEL)
@engine_option
def unload(model: str, backend_id: str | None) -> None:
    """Take a model out of memory.

    \b
    hybridchat local unload qwen3:8b
    """
    from hybridchat.backends import engines

    wired = load_recorded()
    ollama = find_ollama(wired, model, backend_id, _embedded_models(wired))
    if ollama is not None:

        async def unload_it() -> None:
            await (await wired.open_ollama_admin(ollama)).unload(model)

        run(unload_it())
        output.note(f"{ollama.id} has unloaded {model}")
        return
    for engine in engines.running(wired.paths.run_dir):
        if engine.kind == "embedded" and engine.model == model:
            run(engines.down(engine, wired.paths.run_dir))
            output.note(f"{engine.id} has unloaded {model}")
            return
    output.note(f"{model} is not loaded")


def _embedded_models(wired: Wiring) -> list[str]:
    from hybridchat.backends.hub import local_models

    return [model.name for model in local_models(wired.paths.models_dir)]
