"""Messages that wait for a running reply. Two windows may show the same ones, so every change names what goes and what
comes: one window sends a message, in the transaction that begins its turn, and the other is told."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from hybridchat.errors import UsageError
from hybridchat.ledger import attachments
from hybridchat.ledger.reads import texts_in
from hybridchat.ledger.records import NewWaiting


class Taken(UsageError):
    """A message that waited does so no longer: another window has sent it, or taken it back."""

    def __init__(self) -> None:
        super().__init__("another window has sent what waited here, or taken it back", "nothing was sent twice")


def take(db: sqlite3.Connection, conversation_id: int, text: str) -> None:
    """It is a message by now. Raises Taken."""
    if not _remove(db, conversation_id, text):
        raise Taken


def change(db: sqlite3.Connection, conversation_id: int, gone: Sequence[str], new: Sequence[NewWaiting]) -> None:
    """`new` ones wait last; what another window has taken meanwhile is gone already."""
    for waiting in new:
        texts = _texts(db, conversation_id)
        place = attachments.Place(conversation_id, None, len(texts))
        attachments.keep(db, place, waiting.attachments)
        attachments.link(db, place, waiting.enclosed)
        _store(db, conversation_id, [*texts, waiting.text])
    for text in gone:  # last: what is still needed has its new row by now
        _remove(db, conversation_id, text)


def _remove(db: sqlite3.Connection, conversation_id: int, text: str) -> bool:
    texts = _texts(db, conversation_id)
    if text not in texts:
        return False
    at = texts.index(text)
    _store(db, conversation_id, texts[:at] + texts[at + 1 :])
    those = "conversation_id = ? AND message_id IS NULL AND waiting_at"
    db.execute(f"DELETE FROM attachment WHERE {those} = ?", (conversation_id, at))
    db.execute(f"UPDATE attachment SET waiting_at = waiting_at - 1 WHERE {those} > ?", (conversation_id, at))
    return True


def _texts(db: sqlite3.Connection, conversation_id: int) -> list[str]:
    row = db.execute("SELECT waiting FROM conversation WHERE id = ?", (conversation_id,)).fetchone()
    return [] if row is None else list(texts_in(row[0]))


def _store(db: sqlite3.Connection, conversation_id: int, texts: Sequence[str]) -> None:
    written = msgspec.json.encode(texts).decode()
    db.execute("UPDATE conversation SET waiting = ? WHERE id = ?", (written, conversation_id))
