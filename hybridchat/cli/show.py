"""`hybridchat show`: one conversation, to read or to process."""

from __future__ import annotations

import click
from msgspec.structs import asdict

from hybridchat.cli import output
from hybridchat.cli.store import find_conversation, opened_ledger


@click.command("show")
@click.argument("conversation_id", type=int, metavar="ID")
@output.json_option
def command(conversation_id: int, as_json: bool) -> None:
    """Print a conversation; `export conversation` writes it to a file.

    \b
    hybridchat show 12 | less
    hybridchat show 12 --json
    """
    with opened_ledger() as ledger:
        conversation = find_conversation(ledger, conversation_id)
        messages = ledger.branch(conversation_id).result()
    if as_json:
        output.json({**asdict(conversation), "messages": messages})
        return
    output.line(f"# {conversation.title}")
    for message in messages:
        output.line(f"\n## {message.role}\n\n{message.text}")
