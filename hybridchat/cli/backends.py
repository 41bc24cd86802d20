"""`hybridchat backends`: the places that answer, as the config has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from hybridchat.cli import output
from hybridchat.cli.adding import add
from hybridchat.cli.doctor import tell_charges
from hybridchat.cli.groups import DefaultGroup
from hybridchat.cli.keys import find_backend, origin_of
from hybridchat.cli.known import BACKEND
from hybridchat.cli.running import run
from hybridchat.cli.vouching import vouch
from hybridchat.errors import EXIT_FAILED, HybridchatError

if TYPE_CHECKING:
    from hybridchat.backends.base import BackendSpec
    from hybridchat.config import BackendConfig, Config
    from hybridchat.session.doctor import Finding
    from hybridchat.session.standing import Standing
    from hybridchat.wiring import Wiring


@click.group("backends", cls=DefaultGroup, default="list")
def command() -> None:
    """List the configured backends (the default); add, show, test or remove one.

    \b
    hybridchat backends list
    hybridchat backends add openai
    """


@command.command("list")
@output.json_option
def list_backends(as_json: bool) -> None:
    """List the configured backends; nothing is dialled.

    \b
    hybridchat backends list --json
    """
    from hybridchat.backends.spec import backend_specs
    from hybridchat.cli.store import load_wiring

    wired = load_wiring()
    specs = backend_specs(wired.config)
    urls = {backend.id: backend.base_url for backend in wired.config.backend}
    stands = _standings(wired)
    rows = [(spec.id, spec.kind, urls[spec.id], spec.zone, stands(spec).proof, spec.model) for spec in specs.values()]
    headers = ("id", "kind", "base_url", "zone", "proof", "model")
    if as_json:
        output.json([dict(zip(headers, row, strict=True)) for row in rows])
        return
    if not rows:
        output.note("no backend is configured — `hybridchat backends add`, or run `hybridchat` to look for some")
    output.table(headers, rows)


def _standings(wired: Wiring) -> Callable[[BackendSpec], Standing]:
    """How each backend stands as far as the config and the user's word say; what answers is not looked at."""
    from hybridchat.domain.chat import Health
    from hybridchat.session.standing import Standings
    from hybridchat.session.vouches import Vouches

    vouches = Vouches(wired.paths.vouches_file)
    vouches.read()
    standings = Standings(vouches)
    return lambda spec: standings.of(spec, Health())


command.add_command(add)
command.add_command(vouch)


@command.command("show")
@click.argument("backend_id", type=BACKEND, metavar="ID")
@output.json_option
def show(backend_id: str, as_json: bool) -> None:
    """Show what the config says of one backend.

    Where its key comes from is told as well, unless the run is local only; nothing is dialled.

    \b
    hybridchat backends show openai --json
    """
    from hybridchat.backends.spec import spec_of
    from hybridchat.cli.store import load_wiring
    from hybridchat.session.drafting import written

    wired = load_wiring()
    entry = find_backend(wired.config, backend_id)
    stands = _standings(wired)(spec_of(entry))
    origin = None if wired.local_only else origin_of(entry)
    known = {"zone": stands.zone, "proof": stands.proof, "how": stands.how, "key_origin": origin}
    shown = {**written(entry), **known}
    if shown.pop("proxy", None):
        shown["proxy"] = "set"  # a password may be in it
    if as_json:
        output.json(shown)
    else:
        output.table(("field", "value"), [(name, value) for name, value in shown.items() if value is not None])


@command.command("rm")
@click.argument("backend_id", type=BACKEND, metavar="ID")
def remove(backend_id: str) -> None:
    """Take a backend out of config.toml.

    Its key goes from the keyring too; comments and conversations stay.

    \b
    hybridchat backends rm openai
    """
    from hybridchat.cli.store import load_wiring
    from hybridchat.config_edit import remove_backend
    from hybridchat.session.key_hosts import KeyHosts
    from hybridchat.session.vouches import Vouches

    wired = load_wiring()
    entry = find_backend(wired.config, backend_id)
    remove_backend(wired.paths.config_file, backend_id)
    Vouches(wired.paths.vouches_file).end(backend_id)
    KeyHosts(wired.paths.key_hosts_file).end(backend_id)
    output.note(f"removed {backend_id} from {wired.paths.config_file}")
    _forget_key(wired.config, entry)


def _forget_key(config: Config, entry: BackendConfig) -> None:
    """Unless another backend at that host uses it. The backend is gone already: a keyring that fails is only told."""
    from hybridchat.domain.address import parse_base_url
    from hybridchat.keys import delete_key

    if entry.key != "keyring" or entry.base_url is None:
        return
    address = parse_base_url(entry.base_url)
    others = [other for other in config.backend if other.id != entry.id and other.key == "keyring" and other.base_url]
    if any(parse_base_url(other.base_url or "").origin == address.origin for other in others):
        return
    try:
        if delete_key(address):
            output.note(f"removed the key for {address.origin} from the keyring")
    except HybridchatError as error:
        output.note(f"its key is still in the keyring: {error}")


@command.command("test")
@click.argument("backend_ids", type=BACKEND, metavar="[ID]…", nargs=-1)
@click.option("--round-trip", is_flag=True, help="Ask each for one token (managed ones charge for it).")
@output.json_option
def test(backend_ids: tuple[str, ...], round_trip: bool, as_json: bool) -> None:
    """See whether backends answer, and have their model; without an id all of them. Exit 1 when one does not.

    \b
    hybridchat backends test openai --round-trip
    """
    from hybridchat.cli.store import load_recorded
    from hybridchat.session.doctor import State

    wired = load_recorded()
    for backend_id in backend_ids:
        find_backend(wired.config, backend_id)
    findings = run(_examine(wired, backend_ids, round_trip=round_trip))
    if as_json:
        output.json(findings)
    else:
        for finding in findings:
            remedy = f" — {finding.remedy}" if finding.remedy else ""
            output.line(f"{finding.state:7}{finding.subject.removeprefix('backend ')}: {finding.detail}{remedy}")
    if any(finding.state is State.BROKEN for finding in findings):
        raise click.exceptions.Exit(EXIT_FAILED)


async def _examine(wired: Wiring, backend_ids: tuple[str, ...], *, round_trip: bool) -> list[Finding]:
    import asyncio

    from hybridchat.session.doctor import examine_backend

    session = wired.open_session()
    try:
        specs = [spec for spec in session.fleet.specs.values() if not backend_ids or spec.id in backend_ids]
        if round_trip:
            tell_charges(wired, specs)
        looks = (examine_backend(session.fleet, spec, round_trip=round_trip) for spec in specs)
        return await asyncio.gather(*looks)
    finally:
        await session.close()
