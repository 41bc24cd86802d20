"""`hybridchat list`: the conversations, newest first."""

from __future__ import annotations

import click

from hybridchat.cli import output
from hybridchat.cli.finite import Counted
from hybridchat.cli.store import opened_ledger


@click.command("list")
@click.option("--limit", type=Counted(), default=50, show_default=True, help="At most so many.")
@output.json_option
def command(limit: int, as_json: bool) -> None:
    """List conversations, newest first.

    \b
    hybridchat list --limit 10
    hybridchat list --json | jq '.[0].id'
    """
    with opened_ledger() as ledger:
        conversations = ledger.conversations(limit).result()
    if as_json:
        output.json(conversations)
        return
    if not conversations:
        output.note("no conversation yet — `hybridchat` starts one")
    output.table(
        ("id", "updated", "messages", "privacy", "title"),
        [(str(c.id), output.moment(c.updated_at), c.message_count, c.privacy, c.title) for c in conversations],
    )
