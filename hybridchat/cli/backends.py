"""`hybridchat backends`: the places that answer, as the config has them."""

from __future__ import annotations

import click

from hybridchat.cli import output


@click.group("backends")
def command() -> None:
    """List the configured backends, or add one.

    \b
    hybridchat backends list
    hybridchat backends add lab --kind vllm --url http://127.0.0.1:8000
    """


@command.command("list")
@output.json_option
def list_backends(as_json: bool) -> None:
    """List the configured backends; nothing is dialled.

    \b
    hybridchat backends list --json
    """
    from hybridchat import wiring
    from hybridchat.backends.spec import backend_specs

    wired = wiring.load()
    specs = backend_specs(wired.config)
    urls = {backend.id: backend.base_url for backend in wired.config.backend}
    rows = [(spec.id, spec.kind, urls[spec.id], spec.zone, spec.proof, spec.model) for spec in specs.values()]
    headers = ("id", "kind", "base_url", "zone", "proof", "model")
    if as_json:
        output.json([dict(zip(headers, row, strict=True)) for row in rows])
        return
    if not rows:
        output.note("no backend is configured — `hybridchat backends add`, or run `hybridchat` to look for some")
    output.table(headers, rows)
