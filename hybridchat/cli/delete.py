"""`hybridchat delete`: the text goes for good, the usage rows (numbers only) stay."""

from __future__ import annotations

import sys

import click

from hybridchat.cli import output
from hybridchat.cli.finite import Counted
from hybridchat.cli.store import find_conversation, opened_ledger
from hybridchat.domain.text import clean_line
from hybridchat.errors import UsageError


@click.command("delete")
@click.argument("conversation_id", type=Counted(), metavar="ID")
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(conversation_id: int, yes: bool) -> None:
    """Delete a conversation for good; its usage numbers stay, without any text.

    There is no undo here; in the app there is one until you quit.

    \b
    hybridchat delete 12
    """
    with opened_ledger() as ledger:
        conversation = find_conversation(ledger, conversation_id)
        if not yes:
            if not sys.stdin.isatty():
                raise UsageError(f"deleting conversation {conversation_id} needs a yes", "add --yes")
            what = f"Delete “{clean_line(conversation.title)}” ({conversation.message_count} messages) for good?"
            click.confirm(what, abort=True, err=True)
        ledger.delete_conversation(conversation_id).result()
        ledger.purge_deleted().result()
    output.note(f"deleted conversation {conversation_id}")
