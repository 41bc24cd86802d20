"""`hybridchat models`: what every backend offers; pulling, showing and removing where the engine is the user's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from msgspec import Struct

from hybridchat.cli import output
from hybridchat.cli.engines import engine_option, find_ollama
from hybridchat.cli.groups import DefaultGroup
from hybridchat.cli.known import MODEL
from hybridchat.cli.progress import Progress
from hybridchat.cli.running import run
from hybridchat.cli.store import load_recorded
from hybridchat.domain.chat import Proof, Zone

if TYPE_CHECKING:
    from hybridchat.backends.base import BackendSpec
    from hybridchat.session.chat import Session
    from hybridchat.session.setup import OfferedModel, PullProgress
    from hybridchat.wiring import Wiring


class Row(Struct, frozen=True):
    """One model of one backend. Unknown is None."""

    backend: str
    model: str
    zone: Zone
    proof: Proof | None
    context_window: int | None
    size_bytes: int | None
    loaded: bool | None
    remote_host: str | None


@click.group("models", cls=DefaultGroup, default="list")
def command() -> None:
    """List the models of every backend (the default); pull, show or remove those of your own engines.

    \b
    hybridchat models
    hybridchat models pull qwen3-0.6b
    """


@command.command("list")
@output.json_option
def list_models(as_json: bool) -> None:
    """List the models of every backend: who computes, context window, size, loaded or not.

    \b
    hybridchat models list --json
    """

    rows, silent = run(collect(load_recorded().open_session()))
    for backend, detail in silent:
        output.note(f"{backend}: {detail}")
    if as_json:
        output.json(rows)
        return
    if not rows and not silent:
        output.note("no backend is configured — run `hybridchat` to set one up, or `hybridchat backends add`")
    output.table(
        ("backend", "model", "zone", "proof", "context", "size", "loaded"),
        [(r.backend, r.model, _where(r), r.proof, r.context_window, output.size(r.size_bytes), r.loaded) for r in rows],
    )


def _where(row: Row) -> str:
    return f"{row.zone}, forwarded to {row.remote_host}" if row.remote_host else row.zone


async def collect(session: Session) -> tuple[list[Row], list[tuple[str, str]]]:
    """The models, and (backend, why) for those that named none. Asks managed backends too, and closes the session."""
    rows: list[Row] = []
    silent: list[tuple[str, str]] = []
    try:
        await session.check_health()
        for backend in session.fleet.specs:
            health = session.health(backend)
            if not health.models:
                silent.append((backend, str(health)))
            for model in health.models:
                at = session.candidate(backend, model.name)
                rows.append(
                    Row(
                        backend,
                        model.name,
                        at.zone,
                        at.proof,
                        model.context_window,
                        model.size_bytes,
                        model.loaded,
                        at.remote_host,
                    )
                )
    finally:
        await session.close()
    return rows, silent


@command.command("pull")
@click.argument("name", required=False, metavar="[NAME]")
@engine_option
@output.json_option
def pull(name: str | None, backend_id: str | None, as_json: bool) -> None:
    """Fetch a model for the embedded engine or an Ollama; without NAME, list what the embedded engine can get.

    Ctrl+C stops; the next pull goes on there.

    \b
    hybridchat models pull
    hybridchat models pull qwen3-0.6b
    hybridchat models pull qwen3:8b --backend ollama
    """
    wired = load_recorded()
    if name is None:
        _print_offered(run(wired.open_setup().catalog()), as_json=as_json)
        return
    from hybridchat.backends.hub import catalog

    wired.require_leave("a pull fetches from the network")
    ollama = find_ollama(wired, name, backend_id, [model.name for model in catalog().model])
    with Progress() as progress:
        run(_pull(wired, name, ollama, progress))


def _print_offered(offered: tuple[OfferedModel, ...], *, as_json: bool) -> None:
    for problem in dict.fromkeys(m.problem for m in offered if m.problem):  # one hub, one reason
        output.note(f"sizes are unknown: {problem}")
    if as_json:
        output.json(offered)
        return
    output.table(
        ("name", "title", "licence", "download", "memory"),
        [(m.name, m.title, m.licence, output.size(m.size_bytes), output.size(m.memory_bytes)) for m in offered],
    )


async def _pull(wired: Wiring, name: str, ollama: BackendSpec | None, progress: Progress) -> None:
    if ollama is not None:
        admin = await wired.open_ollama_admin(ollama)
        async for step in admin.pull(name):
            progress.show(f"{name}: {step.detail}", _share(step.done_bytes, step.total_bytes))
        return

    def show(step: PullProgress) -> None:
        progress.show(f"{name}: {step.detail or 'downloading'}", _share(step.done_bytes, step.total_bytes))

    await wired.open_setup().pull(name, show)


def _share(done_bytes: int, total_bytes: int | None) -> float | None:
    return done_bytes / total_bytes if total_bytes else None


@command.command("rm")
@click.argument("name", type=MODEL)
@engine_option
def remove(name: str, backend_id: str | None) -> None:
    """Delete a model of the embedded engine or of an Ollama from the disk.

    \b
    hybridchat models rm qwen3-0.6b
    """
    from hybridchat.backends import hub

    wired = load_recorded()
    models_dir = wired.paths.models_dir
    ollama = find_ollama(wired, name, backend_id, [model.name for model in hub.local_models(models_dir)])
    if ollama is None:
        freed = hub.remove(name, models_dir)
        output.note(f"removed {name}, {output.size(freed)}")
        return

    async def delete() -> None:
        await (await wired.open_ollama_admin(ollama)).delete(name)

    run(delete())
    output.note(f"removed {name} from {ollama.id}")


@command.command("show")
@click.argument("name", type=MODEL)
@engine_option
@output.json_option
def show(name: str, backend_id: str | None, as_json: bool) -> None:
    """Show what the embedded engine's catalog or an Ollama knows of a model.

    \b
    hybridchat models show qwen3:8b --json
    """
    from hybridchat.backends import hub

    wired = load_recorded()
    catalog = hub.catalog()
    here = {model.name: model for model in hub.local_models(wired.paths.models_dir)}
    ollama = find_ollama(wired, name, backend_id, [*here, *(model.name for model in catalog.model)])
    card: Struct
    if ollama is None:
        card = here[name] if name in here else catalog.find(name)
    else:

        async def ask() -> Struct:
            return await (await wired.open_ollama_admin(ollama)).show(name)

        card = run(ask())
    if as_json:
        output.json(card)
        return
    known = [(field, getattr(card, field)) for field in card.__struct_fields__]
    output.table(("field", "value"), [(field, value) for field, value in known if value not in (None, "", ())])
