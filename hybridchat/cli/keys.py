"""`hybridchat keys`: where each backend's key comes from. No command ever prints one."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from hybridchat.cli import output
from hybridchat.cli.groups import DefaultGroup
from hybridchat.cli.known import BACKEND
from hybridchat.cli.running import run
from hybridchat.cli.store import load_recorded, load_wiring
from hybridchat.errors import EXIT_FAILED, BackendError, HybridchatError, UsageError

if TYPE_CHECKING:
    from hybridchat.config import BackendConfig, Config
    from hybridchat.domain.address import Address
    from hybridchat.session.key_hosts import KeyHosts
    from hybridchat.session.providers import Providers
    from hybridchat.wiring import Wiring


@click.group("keys", cls=DefaultGroup, default="list")
def command() -> None:
    """See where keys come from (the default); try them, keep them in the keyring or take them out.

    \b
    hybridchat keys list
    hybridchat keys set openai
    """
    load_wiring(strict=False).require_leave("keys are for what is not on this device")


@command.command("list")
@output.json_option
def list_keys(as_json: bool) -> None:
    """Say where each backend's key would come from, and for which host.

    \b
    hybridchat keys list --json
    """

    rows = [(backend.id, origin_of(backend), _host_of(backend)) for backend in load_wiring().config.backend]
    if as_json:
        output.json([{"backend": backend, "origin": origin, "host": host} for backend, origin, host in rows])
        return
    if not rows:
        output.note("no backend is configured, so none needs a key")
    output.table(("backend", "key", "for"), rows)


def origin_of(backend: BackendConfig) -> str:
    """In words. Neither a program nor the keyring is asked: either may ask the user in turn."""
    place, _, detail = (backend.key or "").partition(":")
    if place == "command":
        return f"what the program {detail.split()[0]} prints"
    from hybridchat.keys import find_key
    from hybridchat.session.keeping import comes_first

    if backend.base_url is None:
        return "none is needed"
    if place == "keyring":
        return comes_first(backend, _address(backend)) or "the keyring"
    try:
        key = find_key(backend, _address(backend))
    except BackendError as error:
        return error.message
    return key.origin if key else "none"


def _host_of(backend: BackendConfig) -> str | None:
    return _address(backend).origin if backend.base_url else None


@command.command("set")
@click.argument("backend_id", type=BACKEND, metavar="BACKEND")
@output.json_option
def set_key(backend_id: str, as_json: bool) -> None:
    """Keep a backend's key in the keyring; it is read from a hidden prompt or standard input.

    \b
    hybridchat keys set openai
    pass show openai | hybridchat keys set openai
    """
    from hybridchat.cli.prompt import read_stdin
    from hybridchat.session.keeping import KeyKeeper

    wired = load_wiring()
    address = _address(find_backend(wired.config, backend_id))
    value = read_stdin().strip()
    if not value and (sys.stdin is None or not sys.stdin.isatty()):
        raise UsageError(f"no key for {backend_id} was given", "pipe it in, or type it in a terminal")
    value = value or click.prompt("Key", hide_input=True, err=True)
    kept = run(KeyKeeper(wired.paths.config_file, wired.session_keys).keep(backend_id, value))
    if kept.place != "keyring":
        raise HybridchatError(f"the key of {backend_id} was not kept: {kept.reason}", kept.remedy)
    if as_json:
        output.json({"backend": backend_id, "origin": "the keyring", "host": address.origin})
    output.note(kept.detail)


@command.command("confirm")
@click.argument("backend_id", type=BACKEND, metavar="BACKEND")
@output.json_option
def confirm(backend_id: str, as_json: bool) -> None:
    """Let a backend's key go to the host that the config names by now.

    For a key that the config takes from env:NAME or command:…; it stays with its host until then.

    \b
    hybridchat keys confirm azure-openai
    """
    from hybridchat.session.key_hosts import KeyHosts, key_host

    wired = load_wiring()
    entry = find_backend(wired.config, backend_id)
    now = key_host(entry, _address(entry))
    if now is None:
        raise UsageError(
            f"the config names no key for {backend_id} that could go elsewhere", "nothing is to be confirmed"
        )
    KeyHosts(wired.paths.key_hosts_file).bind(backend_id, now)
    if as_json:
        output.json({"backend": backend_id, "key": now.place.partition(":")[0], "host": now.origin})
    output.note(f"the key of {backend_id} is for {now.origin} from now on")


@command.command("rm")
@click.argument("backend_id", type=BACKEND, metavar="BACKEND")
@output.json_option
def remove_key(backend_id: str, as_json: bool) -> None:
    """Take a backend's key out of the keyring.

    \b
    hybridchat keys rm openai
    """
    from hybridchat.keys import delete_key

    address = _address(find_backend(load_wiring().config, backend_id))
    was_there = delete_key(address)
    if as_json:
        output.json({"backend": backend_id, "host": address.origin, "removed": was_there})
    output.note(f"removed the key for {address.origin}" if was_there else "the keyring had none")


class Tried(Struct, frozen=True):
    """What a backend's server says to its key. `state`: works, not needed, missing, refused, unproven, unreachable."""

    backend: str
    state: str
    origin: str | None
    detail: str


@command.command("test")
@click.argument("backend_ids", type=BACKEND, metavar="[BACKEND]…", nargs=-1)
@output.json_option
def test(backend_ids: tuple[str, ...], as_json: bool) -> None:
    """Try keys; without an id all of them.

    The cheapest call does it, a list of models. Exit 1 when a key does not work.

    \b
    hybridchat keys test
    hybridchat keys test openai --json
    """
    wired = load_recorded()
    wanted = [find_backend(wired.config, backend_id) for backend_id in backend_ids]
    entries = [entry for entry in wanted or wired.config.backend if entry.base_url]
    rows = run(_try_all(wired, entries))
    if as_json:
        output.json(rows)
    else:
        output.table(("backend", "key", "from", "detail"), [(r.backend, r.state, r.origin, r.detail) for r in rows])
    if any(row.state in ("missing", "refused", "unreachable") for row in rows):
        raise click.exceptions.Exit(EXIT_FAILED)


async def _try_all(wired: Wiring, entries: list[BackendConfig]) -> list[Tried]:
    from hybridchat.session.key_hosts import KeyHosts

    providers, key_hosts = wired.open_providers(), KeyHosts(wired.paths.key_hosts_file)
    return await asyncio.gather(*(_try(providers, key_hosts, entry) for entry in entries))


async def _try(providers: Providers, key_hosts: KeyHosts, entry: BackendConfig) -> Tried:
    from hybridchat.session.drafting import configured

    new, key = configured(entry), None
    try:
        key_hosts.check(entry, new.spec.address)
        new, key = await providers.find_key(new)
        look = await providers.look(new, key.value if key else None)
    except HybridchatError as error:
        return Tried(entry.id, "missing", None, str(error))
    return Tried(entry.id, look.key, key.origin if key else None, look.detail)


def use_key(wired: Wiring, backend_id: str | None, place: str) -> None:
    """The flag before environment and keyring: for this run, that backend's key is the one at that place."""
    from hybridchat.config.checks import is_key_place
    from hybridchat.keys import key_at, secret_variables

    if backend_id is None:
        raise UsageError("--key-from is for one backend", "add --backend ID")
    entry = find_backend(wired.config, backend_id)
    if not is_key_place(place):  # it may be a key: never shown
        raise UsageError("--key-from names no place of a key", "give env:NAME, keyring or command:PROGRAM")
    address = _address(entry)
    key = key_at(place, entry, address, secret_variables(wired.config))
    wired.session_keys.keep(entry.id, address, key.value)


def find_backend(config: Config, backend_id: str) -> BackendConfig:
    """Raises UsageError for an id that the config does not have."""
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
