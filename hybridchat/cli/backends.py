"""`hybridchat backends`: the places that answer, as the config has them."""

from __future__ import annotations

from typing import get_args

import click

from hybridchat.cli import output
from hybridchat.cli.groups import DefaultGroup
from hybridchat.config import KINDS


@click.group("backends", cls=DefaultGroup, default="list")
def command() -> None:
    """List the configured backends (the default), or add one.

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


@command.command("add")
@click.argument("backend_id", metavar="ID")
@click.option("--kind", type=click.Choice(get_args(KINDS)), required=True, help="The wire protocol.")
@click.option("--url", metavar="URL", help="Address of the server, with or without /v1.")
@click.option("--model", metavar="NAME", help="Default model; more are discovered.")
@click.option("--key", metavar="PLACE", help="Where the API key is: env:NAME, keyring or command:…")
@click.option("--vouched", is_flag=True, help="On loopback: I know that this server computes here.")
@click.option("--private", is_flag=True, help="A host on the network that is mine.")
def add(
    backend_id: str, kind: str, url: str | None, model: str | None, key: str | None, vouched: bool, private: bool
) -> None:
    """Add a backend to config.toml; comments there stay. Nothing is dialled.

    \b
    hybridchat backends add lab --kind vllm --url http://127.0.0.1:8000 --vouched
    hybridchat backends add openai --kind openai --url https://api.openai.com --key env:OPENAI_API_KEY
    """
    from hybridchat.config_edit import add_backend
    from hybridchat.paths import find_paths

    wanted = {"id": backend_id, "kind": kind, "base_url": url, "model": model, "key": key}
    flags = {"vouched": vouched, "private": private}
    values = {name: value for name, value in {**wanted, **flags}.items() if value}
    file = find_paths().config_file
    add_backend(file, values)
    output.note(f"added {backend_id} to {file}; `hybridchat doctor` checks it")
