"""What went along with messages: each content once, by its digest, however many messages have it."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence

from hybridchat.domain.attachments import AttachedFile, Attachment
from hybridchat.ledger.text import storable

_COLUMNS = AttachedFile.__struct_fields__
_NAMES = ", ".join(_COLUMNS)
_OF_CONVERSATION = f"""
SELECT message_id, {_NAMES} FROM attachment
WHERE message_id IN (SELECT id FROM message WHERE conversation_id = ? AND attached <> '') ORDER BY id"""
_INSERT = f"INSERT INTO attachment (message_id, {_NAMES}) VALUES (?, {', '.join('?' * len(_COLUMNS))})"

Files = dict[int, tuple[AttachedFile, ...]]  # by message


def names_of(files: Iterable[AttachedFile]) -> str:
    """As the message's column `attached` has them, for the search."""
    names = [storable(file.name) for file in files]
    return "\n\n" + "\n".join(names) if names else ""


def keep(db: sqlite3.Connection, message_id: int, attachments: Iterable[Attachment]) -> None:
    """With their contents."""
    for attachment in attachments:
        db.execute(
            "INSERT INTO content VALUES (?, ?) ON CONFLICT DO NOTHING", (attachment.file.digest, attachment.data)
        )
        link(db, message_id, [attachment.file])


def link(db: sqlite3.Connection, message_id: int, files: Iterable[AttachedFile]) -> None:
    """Of contents that are here, or that never came along."""
    for file in files:
        values = (getattr(file, name) for name in _COLUMNS)
        db.execute(_INSERT, (message_id, *(storable(value) if isinstance(value, str) else value for value in values)))


def of_conversation(db: sqlite3.Connection, conversation_id: int) -> Files:
    found: dict[int, tuple[AttachedFile, ...]] = {}
    for message_id, *values in db.execute(_OF_CONVERSATION, (conversation_id,)):
        found[message_id] = (*found.get(message_id, ()), AttachedFile(*values))
    return found


def contents(db: sqlite3.Connection, digests: Collection[str]) -> dict[str, bytes]:
    """By digest; without those that are not here."""
    return {
        digest: data
        for digest in digests
        for (data,) in db.execute("SELECT data FROM content WHERE digest = ?", (digest,))
    }
