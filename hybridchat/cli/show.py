"""`hybridchat show`: one conversation, to read or to process."""

from __future__ import annotations

import click
from msgspec.structs import asdict

from hybridchat.cli import output
from hybridchat.cli.finite import Counted
from hybridchat.cli.known import CONVERSATION
from hybridchat.cli.store import find_conversation, find_path, opened_ledger
from hybridchat.domain.chat import Conversation
from hybridchat.domain.outline import SPEAKERS, TreeRow, rows
from hybridchat.domain.pricing import format_usd
from hybridchat.domain.text import clean_line, title_of
from hybridchat.errors import UsageError
from hybridchat.ledger.store import Ledger


@click.command("show")
@click.argument("conversation_id", type=CONVERSATION, metavar="ID")
@click.option("--tree", "as_tree", is_flag=True, help="All branches: a line for each message, with its number.")
@click.option("--message", "message_id", type=Counted(), metavar="N", help="The branch that ends at that message.")
@output.json_option
def command(conversation_id: int, as_tree: bool, message_id: int | None, as_json: bool) -> None:
    """Print a conversation's active branch as markdown, another branch of it, or the tree of all.

    \b
    hybridchat show 12 | less
    hybridchat show 12 --tree
    hybridchat show 12 --message 345 --json
    """
    from hybridchat.export.conversation import FORMATS

    if as_tree and message_id is not None:
        raise UsageError("a tree has all messages", "give --tree, or --message N")
    with opened_ledger() as ledger:
        conversation = find_conversation(ledger, conversation_id)
        if as_tree:
            _print_tree(ledger, conversation, as_json=as_json)
            return
        if message_id is None:
            messages = ledger.branch(conversation_id).result()
        else:
            messages = find_path(ledger, conversation_id, message_id)
    with output.data_stream() as stream:
        FORMATS["json" if as_json else "markdown"].write(conversation, messages, stream, {})


def _print_tree(ledger: Ledger, conversation: Conversation, *, as_json: bool) -> None:
    shown = {message.id for message in ledger.branch(conversation.id).result()}
    drawn = rows(ledger.outline(conversation.id).result(), shown)
    if as_json:
        output.json([{**asdict(row.node), "is_shown": row.is_shown} for row in drawn])
    for row in () if as_json else drawn:
        output.line(_line(row))


def _line(row: TreeRow) -> str:
    """`├─○ 345 reply ‹1/2› The sky is blue · tiny · $0.0012 · 2026-11-21 14:02`"""
    node = row.node
    place = f"‹{row.place}/{row.beside}› " if row.beside > 1 else ""
    begins = f"{SPEAKERS.get(node.role, '')} {place}{title_of(node.text) or '(no words)'}"
    cost = "" if node.cost_usd is None else format_usd(node.cost_usd)
    facts = filter(None, (clean_line(node.model or "", 40), cost, output.moment(node.created_at)))
    return f"{row.lines}{'●' if row.is_shown else '○'} {node.id} {' · '.join((begins, *facts))}"
