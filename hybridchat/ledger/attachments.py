"""What goes along with messages: each content once, by its digest, however many messages have it."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from hybridchat.domain.attachments import AttachedFile, Attachment
from hybridchat.domain.imports import ImportedFile
from hybridchat.ledger.records import NewWaiting
from hybridchat.ledger.rows import insert, storable

_NAMES = ", ".join(AttachedFile.__struct_fields__)
_SENT = f"SELECT message_id, {_NAMES} FROM attachment WHERE conversation_id = ? AND message_id IS NOT NULL ORDER BY id"
_WAITING = f"SELECT waiting_at, {_NAMES} FROM attachment WHERE conversation_id = ? AND message_id IS NULL ORDER BY id"

Files = dict[int, tuple[AttachedFile, ...]]


class Place(NamedTuple):
    """Of a message that was sent, or of one that waits."""

    conversation_id: int
    message_id: int | None
    waiting_at: int | None = None


def names_of(files: Iterable[AttachedFile]) -> str:
    """As the message's column `attached` has them, for the search."""
    names = [storable(file.name) for file in files]
    return "\n\n" + "\n".join(names) if names else ""


def keep(db: sqlite3.Connection, place: Place, attachments: Iterable[Attachment]) -> None:
    """With their contents."""
    for attachment in attachments:
        _put(db, attachment.file.digest, attachment.data)
        link(db, place, [attachment.file])


def _put(db: sqlite3.Connection, digest: str, data: bytes) -> None:
    db.execute("INSERT INTO content VALUES (?, ?) ON CONFLICT DO NOTHING", (digest, data))


def link(db: sqlite3.Connection, place: Place, files: Iterable[AttachedFile]) -> None:
    """Of contents that are here, or that never came along."""
    for file in files:
        values = {name: getattr(file, name) for name in AttachedFile.__struct_fields__}
        values |= {"name": storable(file.name), "media_type": storable(file.media_type)}
        insert(db, "attachment", **place._asdict(), **values)


def add(db: sqlite3.Connection, place: Place, files: Iterable[ImportedFile]) -> None:
    """From elsewhere, with those contents that came along."""
    for one in files:
        if one.data is not None:
            _put(db, one.file.digest, one.data)
        link(db, place, [one.file])


def keep_waiting(db: sqlite3.Connection, conversation_id: int, queue: Sequence[NewWaiting]) -> None:
    """Those of the messages that wait now, in their order; no others."""
    old = db.execute("SELECT id FROM attachment WHERE conversation_id = ? AND message_id IS NULL", (conversation_id,))
    rows = old.fetchall()
    for at, waiting in enumerate(queue):
        place = Place(conversation_id, None, at)
        keep(db, place, waiting.attachments)
        link(db, place, waiting.enclosed)
    db.executemany("DELETE FROM attachment WHERE id = ?", rows)  # last: what is still needed has its new row by now


def sent(db: sqlite3.Connection, conversation_id: int) -> Files:
    """By message."""
    return _files(db, _SENT, conversation_id)


def waiting(db: sqlite3.Connection, conversation_id: int) -> Files:
    """By their place among the messages that wait."""
    return _files(db, _WAITING, conversation_id)


def _files(db: sqlite3.Connection, statement: str, conversation_id: int) -> Files:
    found: Files = {}
    for number, *values in db.execute(statement, (conversation_id,)):
        found[number] = (*found.get(number, ()), AttachedFile(*values))
    return found


def contents(db: sqlite3.Connection, digests: Collection[str]) -> dict[str, bytes]:
    """By digest; without those that are not here."""
    return {
        digest: data
        for digest in digests
        for (data,) in db.execute("SELECT data FROM content WHERE digest = ?", (digest,))
    }
