"""The ledger for one command: opened, its notice told, closed again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from hybridchat.cli import output
from hybridchat.domain.chat import Conversation, Message
from hybridchat.errors import LedgerError, UsageError

if TYPE_CHECKING:
    from hybridchat.ledger.store import Ledger
    from hybridchat.wiring import Wiring


def load_wiring(*, strict: bool = True, local_only: bool = False) -> Wiring:
    """As `wiring.load`; local only where the command, or `hybridchat` before it, has that flag."""
    from hybridchat import wiring

    by_root = click.get_current_context().find_root().params.get("local_only", False)
    return wiring.load(strict=strict, local_only=local_only or by_root)


def load_recorded() -> Wiring:
    """For a command that works without a session: until it has ended, what leaves the device is recorded."""
    wired = load_wiring()
    wired.ledger.tell(output.note)
    click.get_current_context().call_on_close(wired.ledger.close)
    return wired


@contextmanager
def opened_ledger(wired: Wiring | None = None, *, to_write: bool = False) -> Iterator[Ledger]:
    """Raises LedgerError when it cannot be opened: an empty one in memory would pass for the user's, and what is
    written into a copy for saved."""
    ledger = (wired or load_wiring()).open_ledger(output.note)
    try:
        if ledger.status.mode == "memory" and (to_write or not ledger.status.is_copy):
            remedy = "it cannot be changed now" if ledger.status.is_copy else "it is as it was, but cannot be used now"
            raise LedgerError(ledger.status.notice, remedy)
        if ledger.status.notice:
            output.note(ledger.status.notice)
        yield ledger
    finally:
        ledger.close()


def check_backend(ledger: Ledger, wanted: str | None) -> None:
    """Raises UsageError for an id that neither the ledger nor the config knows."""
    if wanted is None:
        return
    known = {*ledger.backends().result(), *(backend.id for backend in load_wiring().config.backend)}
    if wanted not in known:
        remedy = f"give one of: {', '.join(sorted(known))}" if known else "none was asked yet and none is configured"
        raise UsageError(f"there is no backend {wanted!r} in the ledger or in config.toml", remedy)


def find_path(ledger: Ledger, conversation_id: int, message_id: int) -> list[Message]:
    """From the root to that message of the conversation. Raises UsageError where it is not in it."""
    path = ledger.path_to(message_id).result()
    if not path or path[-1].conversation_id != conversation_id:
        remedy = f"`hybridchat show {conversation_id} --tree` has their numbers"
        raise UsageError(f"there is no message {message_id} in conversation {conversation_id}", remedy)
    return path


def find_conversation(ledger: Ledger, conversation_id: int) -> Conversation:
    """Raises UsageError for an id that is not there."""
    conversation = ledger.conversation(conversation_id).result()
    if conversation is None:
        raise UsageError(f"there is no conversation {conversation_id}", "`hybridchat list` shows the ids")
    return conversation
