"""`hybridchat models`: what every backend offers; pulling, showing and removing where the engine is ours."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from hybridchat.cli import output

if TYPE_CHECKING:
    from hybridchat.session.chat import Session


@click.group("models", invoke_without_command=True)
@output.json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List the models of every backend; pull, show or remove those of your own engines.

    \b
    hybridchat models
    hybridchat models pull qwen3-0.6b
    """
    if ctx.invoked_subcommand is not None:
        return
    from hybridchat import wiring

    rows, unreachable = asyncio.run(collect(wiring.load().open_session()))
    for backend, detail in unreachable:
        output.note(f"{backend}: {detail}")
    if as_json:
        output.json(rows)
        return
    output.table(
        ("backend", "model", "zone", "proof", "context", "size", "loaded"),
        [
            (
                row["backend"],
                row["model"],
                row["zone"],
                row["proof"],
                row["context_window"],
                output.size(row["size_bytes"]),  # type: ignore[arg-type]
                row["loaded"],
            )
            for row in rows
        ],
    )


async def collect(session: Session) -> tuple[list[dict[str, object]], list[tuple[str, str]]]:
    """One row per model, and (backend, why) for those that did not answer. Asks managed backends too."""
    try:
        await session.check_health()
        rows, unreachable = [], []
        for backend in session.fleet.specs:
            health = session.health(backend)
            if not health.models:
                unreachable.append((backend, health.detail))
            for model in health.models:
                zone = next(c for c in session.candidates(model.name) if c.backend == backend)
                rows.append(
                    {
                        "backend": backend,
                        "model": model.name,
                        "zone": zone.zone,
                        "proof": zone.proof,
                        "context_window": model.context_window,
                        "size_bytes": model.size_bytes,
                        "loaded": model.loaded,
                        "remote_host": model.remote_host,
                    }
                )
        return rows, unreachable
    finally:
        await session.close()
