"""`hybridchat doctor`: one line per thing that must work, with what to do where it does not."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import click

from hybridchat.cli import output
from hybridchat.cli.running import run
from hybridchat.errors import EXIT_FAILED, LedgerError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hybridchat.backends.base import BackendSpec
    from hybridchat.session.doctor import Finding
    from hybridchat.wiring import Wiring


@click.command("doctor")
@click.option("--round-trip", is_flag=True, help="Ask every backend for one token (managed ones charge for it).")
@output.json_option
def command(round_trip: bool, as_json: bool) -> None:
    """Check config, ledger, keyring, terminal, engines and every backend; exit 1 when something is broken.

    \b
    hybridchat doctor
    hybridchat doctor --round-trip --json
    """
    from hybridchat.session.doctor import State

    findings = run(examine(round_trip=round_trip))
    if as_json:
        output.json(findings)
    else:
        for finding in findings:
            remedy = f" — {finding.remedy}" if finding.remedy else ""
            output.line(f"{finding.state:7}{finding.subject}: {finding.detail}{remedy}")
    if any(finding.state is State.BROKEN for finding in findings):
        raise click.exceptions.Exit(EXIT_FAILED)


def tell_charges(wired: Wiring, specs: Iterable[BackendSpec]) -> None:
    """Before managed backends are asked for a token. In a local-only run none is."""
    if not wired.local_only and (charges := wired.charges(specs)):
        output.note(charges)


async def examine(*, round_trip: bool) -> list[Finding]:
    """With the config and the ledger in whatever state they are."""
    from hybridchat.backends.spec import backend_specs
    from hybridchat.cli.store import load_wiring
    from hybridchat.session import doctor

    wired = load_wiring(strict=False)
    if round_trip:
        tell_charges(wired, backend_specs(wired.config).values())
    session = None
    try:
        with closing(wired.open_ledger(output.note)) as ledger:
            notice = ledger.status.notice
        session = wired.open_session()
    except LedgerError as error:
        notice = str(error)
    try:
        return await doctor.examine(
            paths=wired.paths,
            config=wired.config,
            problems=wired.problems,
            ledger_notice=notice,
            fleet=session.fleet if session else None,
            round_trip=round_trip,
            local_only=wired.local_only,
        )
    finally:
        if session is not None:
            await session.close()
