"""`hybridchat show`: one conversation, to read or to process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hybridchat.cli import output
from hybridchat.cli.known import CONVERSATION
from hybridchat.cli.store import find_conversation, opened_ledger

if TYPE_CHECKING:
    from hybridchat.domain.chat import Message
    from hybridchat.ledger.store import Ledger


@click.command("show")
@click.argument("conversation_id", type=CONVERSATION, metavar="ID")
@click.option("--details", "with_details", is_flag=True, help="Instead, how each reply came about.")
@output.json_option
def command(conversation_id: int, with_details: bool, as_json: bool) -> None:
    """Print a conversation's active branch as markdown; or of each reply its time, tokens, cost, route and attempts,
    and (in the JSON) its requests as they were sent.

    \b
    hybridchat show 12 | less
    hybridchat show 12 --details --json
    """
    from hybridchat.export.conversation import FORMATS

    with opened_ledger() as ledger:
        conversation = find_conversation(ledger, conversation_id)
        messages = ledger.branch(conversation_id).result()
        if with_details:
            _print_details(ledger, messages, as_json=as_json)
            return
    with output.data_stream() as stream:
        FORMATS["json" if as_json else "markdown"].write(conversation, messages, stream, {})


def _print_details(ledger: Ledger, messages: list[Message], *, as_json: bool) -> None:
    from hybridchat.domain.chat import Role
    from hybridchat.domain.text import clean_line
    from hybridchat.session.details import details_of
    from hybridchat.tui.detail_words import text_lines

    replies = [details_of(ledger, message) for message in messages if message.role is Role.ASSISTANT]
    if as_json:
        output.json([reply.as_json() for reply in replies])
        return
    for reply in replies:
        output.line(f"Message {reply.message.id}: {clean_line(reply.message.text, 80)}")
        for line in text_lines(reply):
            output.line(line)
