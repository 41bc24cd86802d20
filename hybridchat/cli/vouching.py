"""`hybridchat backends vouch`: the user's word that a server on loopback computes on this machine."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from hybridchat.cli import output
from hybridchat.cli.keys import find_backend
from hybridchat.cli.known import BACKEND
from hybridchat.cli.running import run
from hybridchat.cli.store import load_wiring
from hybridchat.domain.chat import Proof
from hybridchat.errors import UsageError

if TYPE_CHECKING:
    from hybridchat.domain.peers import Peer
    from hybridchat.session.standing import Standing
    from hybridchat.wiring import Wiring


@click.command("vouch")
@click.argument("backend_id", type=BACKEND, metavar="ID")
@click.option("--yes", is_flag=True, help="Do not ask: I know that it computes on this machine.")
@click.option("--end", is_flag=True, help="Take the word back.")
@output.json_option
def vouch(backend_id: str, yes: bool, end: bool, as_json: bool) -> None:
    """Say that a server on loopback computes on this machine; local-only conversations need that.

    It holds for the server's address and the program that answers there, and ends when one of them changes.

    \b
    hybridchat backends vouch lab
    hybridchat backends vouch lab --end
    """
    wired = load_wiring()
    find_backend(wired.config, backend_id)
    if end:
        standing = run(_end(wired, backend_id))
    else:
        standing = run(_look(wired, backend_id))
        if standing.proof is Proof.ASSUMED:
            _ask(standing, is_answered=yes)
            standing = run(_give(wired, backend_id, standing.peer))
    if as_json:
        output.json(standing)
    else:
        output.line(f"{backend_id} is {standing.proof or standing.zone} — {standing.how}")


def _ask(standing: Standing, *, is_answered: bool) -> None:
    """Raises UsageError where nobody can be asked, Abort after a no."""
    from hybridchat.session.standing import COULD_STILL, HOLDS

    if is_answered:
        return
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError("nobody can be asked here", "add --yes if you know that it computes on this machine")
    output.note(f"{standing.backend} ({standing.kind}) at {standing.url}, where {standing.answers} answers.")
    output.note(f"{COULD_STILL} {HOLDS}")
    click.confirm("Do you know that it computes on this machine?", default=False, abort=True, err=True)


async def _look(wired: Wiring, backend_id: str) -> Standing:
    session = wired.open_session()
    try:
        session.fleet.vouchable(backend_id)
        await session.check_health(backend_id)
        return session.standing(backend_id)
    finally:
        await session.close()


async def _give(wired: Wiring, backend_id: str, seen: Peer | None) -> Standing:
    session = wired.open_session()
    try:
        await session.vouch(backend_id, seen)
        return session.standing(backend_id)
    finally:
        await session.close()


async def _end(wired: Wiring, backend_id: str) -> Standing:
    session = wired.open_session()
    try:
        await session.fleet.take_word_back(backend_id)
        return session.standing(backend_id)
    finally:
        await session.close()
