"""`hybridchat show`: one conversation, to read or to process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hybridchat.cli import output
from hybridchat.cli.finite import Counted
from hybridchat.cli.known import CONVERSATION
from hybridchat.cli.store import find_conversation, find_path, opened_ledger
from hybridchat.errors import UsageError

if TYPE_CHECKING:
    from hybridchat.domain.chat import Message
    from hybridchat.domain.outline import TreeRow
    from hybridchat.ledger.store import Ledger


@click.command("show")
@click.argument("conversation_id", type=CONVERSATION, metavar="ID")
@click.option("--tree", "as_tree", is_flag=True, help="All branches: a line for each message, with its number.")
@click.option("--message", "message_id", type=Counted(), metavar="N", help="The branch that ends at that message.")
@click.option("--details", "with_details", is_flag=True, help="Instead, how each reply came about.")
@output.json_option
def command(conversation_id: int, as_tree: bool, message_id: int | None, with_details: bool, as_json: bool) -> None:
    """Print a conversation as markdown, the tree of its branches, or how its replies came about.

    It is the branch that is shown, or the one to a message that you name. The details of a reply are its time, tokens,
    cost, route and attempts, and in the JSON its requests as they were sent.

    \b
    hybridchat show 12 | less
    hybridchat show 12 --tree
    hybridchat show 12 --message 345 --details --json
    """
    from hybridchat.export.conversation import FORMATS, Along
    from hybridchat.session.exporting import without_names

    if as_tree and (message_id is not None or with_details):
        raise UsageError("a tree has all messages in short", "leave --tree out, or give it alone")
    with opened_ledger() as ledger:
        conversation = find_conversation(ledger, conversation_id)
        if as_tree:
            _print_tree(ledger, conversation_id, as_json=as_json)
            return
        if message_id is None:
            messages = ledger.branch(conversation_id).result()
        else:
            messages = find_path(ledger, conversation_id, message_id)
        if with_details:
            _print_details(ledger, messages, as_json=as_json)
            return
        along = Along(comparisons=ledger.comparisons(conversation_id).result() if as_json else ())
        messages = messages if as_json else without_names(ledger, conversation_id, messages)
    with output.data_stream() as stream:
        FORMATS["json" if as_json else "markdown"].write(conversation, messages, stream, along)


def _print_tree(ledger: Ledger, conversation_id: int, *, as_json: bool) -> None:
    from msgspec.structs import asdict

    from hybridchat.domain.outline import rows, veiled

    shown = {message.id for message in ledger.branch(conversation_id).result()}
    nodes = ledger.outline(conversation_id).result()
    if as_json:
        output.json([{**asdict(row.node), "is_shown": row.is_shown} for row in rows(nodes, shown)])
        return
    for row in rows(veiled(nodes, ledger.hidden(conversation_id).result()), shown):
        output.line(_line(row))


def _line(row: TreeRow) -> str:
    """`├─○ 345 reply ‹1/2› The sky is blue · tiny · $0.0012 · 2026-11-21 14:02`"""
    from hybridchat.domain.outline import SPEAKERS
    from hybridchat.domain.pricing import format_usd
    from hybridchat.domain.text import clean_line, title_of

    node = row.node
    place = f"‹{row.place}/{row.beside}› " if row.beside > 1 else ""
    begins = f"{SPEAKERS.get(node.role, '')} {place}{title_of(node.text) or '(no words)'}"
    cost = "" if node.cost_usd is None else format_usd(node.cost_usd)
    facts = filter(None, (clean_line(node.model or "", 40), cost, output.moment(node.created_at)))
    return f"{row.lines}{'●' if row.is_shown else '○'} {node.id} {' · '.join((begins, *facts))}"


def _print_details(ledger: Ledger, messages: list[Message], *, as_json: bool) -> None:
    from hybridchat.domain.chat import Role
    from hybridchat.domain.text import clean_line
    from hybridchat.session.details import details_of
    from hybridchat.tui.detail_words import text_lines

    replies = [details_of(ledger, message) for message in messages if message.role is Role.ASSISTANT]
    if as_json:
        output.json([reply.as_json() for reply in replies])
        return
    hidden = ledger.hidden(messages[0].conversation_id).result() if messages else ()
    for reply in replies:
        output.line(f"Message {reply.message.id}: {clean_line(reply.message.text, 80)}")
        for line in ["blind: told after the vote"] if reply.message.id in hidden else text_lines(reply):
            output.line(line)
