"""`hybridchat mark`: tags, a star and the archive of conversations."""

from __future__ import annotations

import click

from hybridchat.cli import output
from hybridchat.cli.known import CONVERSATION, TAG
from hybridchat.cli.store import find_conversation, opened_ledger
from hybridchat.domain.tags import tag_of
from hybridchat.errors import UsageError
from hybridchat.ledger.store import NewMarks


@click.command("mark")
@click.argument("conversation_id", type=CONVERSATION, metavar="ID")
@click.option("--star/--unstar", "starred", default=None, help="A starred one is never deleted by its age.")
@click.option("--archive/--unarchive", "archived", default=None, help="Out of the lists until it goes on.")
@click.option("--tag", "add", multiple=True, type=TAG, metavar="TAG", help="Add this tag; may be given again.")
@click.option("--untag", "remove", multiple=True, type=TAG, metavar="TAG", help="Take this tag off.")
@output.json_option
def command(
    conversation_id: int,
    starred: bool | None,
    archived: bool | None,
    add: tuple[str, ...],
    remove: tuple[str, ...],
    as_json: bool,
) -> None:
    """Star, archive or tag a conversation; `hybridchat search` finds by all of it.

    \b
    hybridchat mark 12 --star --tag work --tag "to read"
    hybridchat mark 12 --archive
    hybridchat search tag:work is:starred
    """
    if starred is None and archived is None and not (add or remove):
        raise UsageError("nothing to change", "give --star, --archive, --tag TAG or the opposite of one")
    new = NewMarks(
        starred=starred, archived=archived, add_tags=tuple(map(tag_of, add)), remove_tags=tuple(map(tag_of, remove))
    )
    with opened_ledger(to_write=True) as ledger:
        find_conversation(ledger, conversation_id)
        conversation = ledger.mark(conversation_id, new).result()
    if as_json:
        output.json(conversation)
