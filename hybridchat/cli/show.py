"""`hybridchat show`: one conversation, to read or to process."""

from __future__ import annotations

import click

from hybridchat.cli import output
from hybridchat.cli.known import CONVERSATION
from hybridchat.cli.store import find_conversation, opened_ledger


@click.command("show")
@click.argument("conversation_id", type=CONVERSATION, metavar="ID")
@output.json_option
def command(conversation_id: int, as_json: bool) -> None:
    """Print a conversation's active branch as markdown.

    \b
    hybridchat show 12 | less
    hybridchat show 12 --json
    """
    from hybridchat.export.conversation import FORMATS

    with opened_ledger() as ledger:
        conversation = find_conversation(ledger, conversation_id)
        messages = ledger.branch(conversation_id).result()
    with output.data_stream() as stream:
        FORMATS["json" if as_json else "markdown"].write(conversation, messages, stream, {})
