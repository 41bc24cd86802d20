"""`hybridchat rename`."""

from __future__ import annotations

import click

from hybridchat.cli.known import CONVERSATION
from hybridchat.cli.prompt import Words
from hybridchat.cli.store import find_conversation, opened_ledger
from hybridchat.domain.text import clean_line
from hybridchat.errors import UsageError


@click.command("rename")
@click.argument("conversation_id", type=CONVERSATION, metavar="ID")
@click.argument("title", type=Words())
def command(conversation_id: int, title: str) -> None:
    """Give a conversation another title.

    \b
    hybridchat rename 12 "Sky colours"
    """
    title = clean_line(title).strip()
    if not title:
        raise UsageError("the title is empty", "give at least one word")
    with opened_ledger(to_write=True) as ledger:
        find_conversation(ledger, conversation_id)
        ledger.update_conversation(conversation_id, title=title).result()
