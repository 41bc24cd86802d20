"""`hybridchat delete`: the text goes for good, the usage rows (numbers only) stay."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from hybridchat.cli import output
from hybridchat.cli.dates import When
from hybridchat.cli.finite import Counted
from hybridchat.cli.known import CONVERSATION
from hybridchat.cli.store import find_conversation, find_path, opened_ledger
from hybridchat.domain.chat import Conversation, Message
from hybridchat.domain.text import clean_line, count_of, title_of
from hybridchat.errors import UsageError
from hybridchat.ledger.store import Ledger

ALL = 10_000_000
SHOWN = 10


@click.command("delete")
@click.argument("conversation_id", type=CONVERSATION, metavar="[ID]", required=False)
@click.option("--older-than", type=When(), metavar="WHEN", help="All without a star that rest since then: 90d.")
@click.option("--message", "message_id", type=Counted(), metavar="N", help="Of ID, only that message and what follows.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(conversation_id: int | None, older_than: str | None, message_id: int | None, yes: bool) -> None:
    """Delete a conversation for good, a branch of it, or all old ones.

    Their usage numbers stay, without any text. There is no undo here; in the app there is one until you quit. Without
    --yes it shows first what would go. `keep_days` in the config deletes old ones by itself; neither that nor
    --older-than deletes what is starred.

    \b
    hybridchat delete 12
    hybridchat delete 12 --message 345
    hybridchat delete --older-than 90d
    """
    if (conversation_id is None) == (older_than is None):
        raise UsageError("what shall be deleted?", "give the ID of a conversation, or --older-than 90d")
    if message_id is not None and conversation_id is None:
        raise UsageError("of which conversation is that message?", "give its ID, not --older-than")
    with opened_ledger(to_write=True) as ledger:
        if message_id is not None and conversation_id is not None:
            _delete_branch(ledger, find_path(ledger, conversation_id, message_id)[-1], yes=yes)
            return
        if older_than is not None:
            doomed = _old(ledger, older_than)
        else:
            assert conversation_id is not None
            doomed = [find_conversation(ledger, conversation_id)]
        if not doomed:
            output.note("no conversation is that old")
            return
        if not yes:
            _confirm(doomed)
            if older_than is not None:  # another window may have gone on with one meanwhile, or starred it
                shown = {one.id for one in doomed}
                doomed = [one for one in _old(ledger, older_than) if one.id in shown]
        for conversation in doomed:
            ledger.delete_conversation(conversation.id).result()
        ledger.purge_deleted().result()
    gone = f"conversation {doomed[0].id}" if len(doomed) == 1 else count_of(len(doomed), "conversation")
    output.note(f"deleted {gone}")


def _delete_branch(ledger: Ledger, message: Message, *, yes: bool) -> None:
    if not yes and not sys.stdin.isatty():
        raise UsageError("deleting a branch needs a yes", "add --yes")
    if not yes:
        what = f"“{title_of(message.text)}” and all that follows it, in every branch"
        click.confirm(f"Delete {what}, for good?", abort=True, err=True)
    deleted = ledger.delete_branch(message.id).result()
    ledger.purge_deleted().result()
    output.note(f"deleted {count_of(len(deleted.message_ids), 'message')}")


def _old(ledger: Ledger, since: str) -> list[Conversation]:
    """A star keeps from being deleted by age, here as well."""
    return [one for one in ledger.conversations(ALL).result() if one.updated_at < since and not one.starred_at]


def _confirm(doomed: Sequence[Conversation]) -> None:
    """Raises Abort without a yes, UsageError where nobody can give one."""
    if len(doomed) > 1:
        for one in doomed[:SHOWN]:
            output.note(f"{output.moment(one.updated_at)}  {clean_line(one.title)} ({one.message_count} messages)")
        if len(doomed) > SHOWN:
            output.note(f"and {len(doomed) - SHOWN:,} older ones")
    named = f"conversation {doomed[0].id}" if len(doomed) == 1 else count_of(len(doomed), "conversation")
    if not sys.stdin.isatty():
        raise UsageError(f"deleting {named} needs a yes", "add --yes")
    title = f"“{clean_line(doomed[0].title)}” ({doomed[0].message_count} messages)"
    click.confirm(f"Delete {title if len(doomed) == 1 else named} for good?", abort=True, err=True)
