"""`hybridchat keys`: where each backend's key comes from. No command ever prints one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hybridchat.cli import output
from hybridchat.cli.groups import DefaultGroup
from hybridchat.errors import BackendError, UsageError

if TYPE_CHECKING:
    from hybridchat.config import BackendConfig, Config
    from hybridchat.domain.address import Address


@click.group("keys", cls=DefaultGroup, default="list")
def command() -> None:
    """See where keys come from (the default); keep them in the system's keyring or take them out.

    \b
    hybridchat keys list
    hybridchat keys set openai
    """


@command.command("list")
@output.json_option
def list_keys(as_json: bool) -> None:
    """Say where each backend's key would come from, never the key.

    \b
    hybridchat keys list --json
    """
    from hybridchat import wiring

    origins = [(backend.id, origin_of(backend)) for backend in wiring.load().config.backend]
    if as_json:
        output.json([{"backend": backend, "origin": origin} for backend, origin in origins])
    else:
        if not origins:
            output.note("no backend is configured, so none needs a key")
        output.table(("backend", "key"), origins)


def origin_of(backend: BackendConfig) -> str:
    """In words. Neither a program nor the keyring is asked: either may ask the user in turn."""
    place, _, detail = (backend.key or "").partition(":")
    if place == "command":
        return f"what the program {detail.split()[0]} prints"
    if place == "keyring":
        return "the keyring"
    from hybridchat.keys import find_key

    if backend.base_url is None:
        return "none is needed"
    try:
        key = find_key(backend, _address(backend))
    except BackendError as error:
        return error.message
    return key.origin if key else "none"


@command.command("set")
@click.argument("backend_id", metavar="BACKEND")
def set_key(backend_id: str) -> None:
    """Keep a backend's key in the keyring; it is read from a hidden prompt or standard input.

    \b
    hybridchat keys set openai
    pass show openai | hybridchat keys set openai
    """
    from hybridchat import wiring
    from hybridchat.cli.prompt import read_stdin
    from hybridchat.keys import store_key

    address = _address(_find(wiring.load().config, backend_id))
    value = read_stdin().strip() or click.prompt("Key", hide_input=True, err=True)
    store_key(address, value)
    output.note(f'kept for {address.origin}; the config uses it with key = "keyring"')


@command.command("rm")
@click.argument("backend_id", metavar="BACKEND")
def remove_key(backend_id: str) -> None:
    """Take a backend's key out of the keyring.

    \b
    hybridchat keys rm openai
    """
    from hybridchat import wiring
    from hybridchat.keys import delete_key

    address = _address(_find(wiring.load().config, backend_id))
    output.note(f"removed the key for {address.origin}" if delete_key(address) else "the keyring had none")


def _find(config: Config, backend_id: str) -> BackendConfig:
    for backend in config.backend:
        if backend.id == backend_id:
            return backend
    known = ", ".join(backend.id for backend in config.backend) or "none is configured"
    raise UsageError(f"unknown backend {backend_id!r}", f"give one of: {known}")


def _address(backend: BackendConfig) -> Address:
    from hybridchat.domain.address import parse_base_url

    if backend.base_url is None:
        raise UsageError(f"{backend.id} has no address and needs no key")
    return parse_base_url(backend.base_url)
