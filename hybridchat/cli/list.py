"""`hybridchat list`: the conversations, newest first."""

from __future__ import annotations

import click

from hybridchat.cli import output
from hybridchat.cli.finite import Counted
from hybridchat.cli.store import opened_ledger
from hybridchat.domain.chat import Conversation


@click.command("list")
@click.option("--limit", type=Counted(), default=50, show_default=True, help="At most so many.")
@click.option("--archived", is_flag=True, help="The archived ones, too.")
@output.json_option
def command(limit: int, archived: bool, as_json: bool) -> None:
    """List conversations, newest first; the archived ones only where you ask for them.

    \b
    hybridchat list --limit 10
    hybridchat list --json | jq '.[0].id'
    """
    with opened_ledger() as ledger:
        found = ledger.conversations(limit, with_archived=archived).result()
    if as_json:
        output.json(found)
        return
    if not found:
        output.note("no conversation yet — `hybridchat` starts one")
    rows = [(str(c.id), output.moment(c.updated_at), c.message_count, c.privacy, _marks(c), c.title) for c in found]
    output.table(("id", "updated", "messages", "privacy", "marks", "title"), rows)


def _marks(conversation: Conversation) -> str:
    states = [word for word, at in (("starred", conversation.starred_at), ("archived", conversation.archived_at)) if at]
    return ", ".join([*states, *conversation.tags])
