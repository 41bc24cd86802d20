"""`hybridchat doctor`: one line per thing that must work, with what to do where it does not."""

from __future__ import annotations

import asyncio

import click

from hybridchat.cli import output
from hybridchat.errors import EXIT_FAILED

MARKS = {"ok": "ok", "warning": "note", "broken": "BROKEN"}


@click.command("doctor")
@click.option("--round-trip", is_flag=True, help="Ask every backend for one token (managed ones charge for it).")
@output.json_option
def command(round_trip: bool, as_json: bool) -> None:
    """Check config, ledger, keyring, terminal, engines and every backend; exit 1 when something is broken.

    \b
    hybridchat doctor
    hybridchat doctor --round-trip --json
    """
    from hybridchat import wiring
    from hybridchat.session.doctor import State, examine

    findings = asyncio.run(examine(wiring.load(), round_trip=round_trip))
    if as_json:
        output.json(findings)
    else:
        for finding in findings:
            remedy = f" — {finding.remedy}" if finding.remedy else ""
            output.line(f"{MARKS[finding.state]:7}{finding.subject}: {finding.detail}{remedy}")
    if any(finding.state is State.BROKEN for finding in findings):
        raise click.exceptions.Exit(EXIT_FAILED)
