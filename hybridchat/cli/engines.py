"""Which of the user's own engines a command on a model means: the embedded one, or an Ollama."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import click

from hybridchat.cli.known import BACKEND
from hybridchat.errors import UsageError

if TYPE_CHECKING:
    from hybridchat.backends.base import BackendSpec
    from hybridchat.wiring import Wiring

engine_option = click.option(
    "--backend",
    "backend_id",
    type=BACKEND,
    metavar="ID",
    help="An Ollama's id, or the embedded engine's; default: whose model it is.",
)


def find_ollama(wired: Wiring, model: str, backend_id: str | None, embedded: Collection[str]) -> BackendSpec | None:
    """The Ollama that is meant, or None for the embedded engine, which knows the models `embedded`.

    Raises UsageError when neither or several can be meant.
    """
    from hybridchat.backends.spec import backend_specs

    specs = backend_specs(wired.config)
    ollamas = [spec.id for spec in specs.values() if spec.kind == "ollama"]
    if backend_id is None:
        if model in embedded:
            return None
        if len(ollamas) > 1:
            raise UsageError(f"which Ollama's {model!r}?", f"add --backend with one of: {', '.join(ollamas)}")
        if not ollamas:
            known = f"it knows: {', '.join(embedded)}" if embedded else "`hybridchat models pull` lists what it can get"
            raise UsageError(f"the embedded engine has no model {model!r}", known)
        return specs[ollamas[0]]
    spec = specs.get(backend_id)
    if spec is not None and spec.kind == "ollama":
        return spec
    if backend_id == "embedded" or (spec is not None and spec.kind == "embedded"):
        return None
    known = ", ".join([*ollamas, "embedded"])
    raise UsageError(f"{backend_id!r} is no engine whose models can be managed", f"one of: {known}")
