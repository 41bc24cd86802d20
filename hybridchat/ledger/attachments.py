"""What goes along with messages: each content once, by its digest, however many messages have it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, NamedTuple

from hybridchat.domain.attachments import AttachedFile, Attachment
from hybridchat.ledger.rows import insert, storable

if TYPE_CHECKING:
    from hybridchat.domain.imports import ImportedFile

_NAMES = ", ".join(AttachedFile.__struct_fields__)
_SENT = f"SELECT message_id, {_NAMES} FROM attachment WHERE conversation_id = ? AND message_id IS NOT NULL ORDER BY id"
_WAITING = f"SELECT waiting_at, {_NAMES} FROM attachment WHERE conversation_id = ? AND message_id IS NULL ORDER BY id"

Files = dict[int, tuple[AttachedFile, ...]]


class Place(NamedTuple):
    """Of a message that was sent, or of one that waits."""

    conversation_id: int
    message_id: int | None
    waiting_at: int | None = None


def create_statements(words: Callable[[str], str]) -> tuple[str, ...]:
    """The tables; `words` is how a text's SQL is indexed. The column `attached` holds the names, a line each after an
    empty one: they are found as the words of their message are. A content leaves with the last message that had it,
    whatever deletes that; those of a deleted branch stay with it until the purge."""
    return (
        "ALTER TABLE message ADD COLUMN attached TEXT NOT NULL DEFAULT ''",
        "CREATE TABLE content (digest TEXT PRIMARY KEY, data BLOB NOT NULL)",
        """CREATE TABLE attachment (
            id INTEGER PRIMARY KEY,
            conversation_id INTEGER NOT NULL REFERENCES conversation (id),
            message_id INTEGER REFERENCES message (id),  -- NULL while the message waits to be sent:
            waiting_at INTEGER,  -- its place among those that wait
            digest TEXT NOT NULL,  -- SHA-256 of its content
            name TEXT NOT NULL,
            media_type TEXT NOT NULL,
            size_bytes INTEGER NOT NULL,
            text_characters INTEGER,
            text_tokens REAL,
            width INTEGER,
            height INTEGER,
            pages INTEGER
        )""",
        "CREATE INDEX attachment_conversation ON attachment (conversation_id)",
        "CREATE INDEX attachment_message ON attachment (message_id)",
        "CREATE INDEX attachment_digest ON attachment (digest)",
        "ALTER TABLE deleted_message ADD COLUMN attached TEXT NOT NULL DEFAULT ''",
        *(
            f"""CREATE TRIGGER attachments_of_{one} AFTER DELETE ON {one} WHEN old.attached <> '' BEGIN
                DELETE FROM attachment
                    WHERE message_id = old.id AND NOT EXISTS (SELECT 1 FROM {other} WHERE id = old.id);
            END"""
            for one, other in (("message", "deleted_message"), ("deleted_message", "message"))
        ),
        """CREATE TRIGGER attachments_of_conversation AFTER DELETE ON conversation BEGIN
            DELETE FROM attachment WHERE conversation_id = old.id;
        END""",
        """CREATE TRIGGER content_of_deleted AFTER DELETE ON attachment BEGIN
            DELETE FROM content
                WHERE digest = old.digest AND NOT EXISTS (SELECT 1 FROM attachment WHERE digest = old.digest);
        END""",
        *(f"DROP TRIGGER message_indexed_{event}" for event in ("insert", "update", "delete")),
        "DROP VIEW message_words",
        f"CREATE VIEW message_words AS SELECT id, {words('text || attached')} AS text FROM message",
        f"""CREATE TRIGGER message_indexed_insert AFTER INSERT ON message WHEN new.state <> 'streaming' BEGIN
            INSERT INTO message_fts (rowid, text) VALUES (new.id, {words("new.text || new.attached")});
        END""",
        f"""CREATE TRIGGER message_indexed_update AFTER UPDATE OF text, state, attached ON message BEGIN
            INSERT INTO message_fts (message_fts, rowid, text)
                SELECT 'delete', old.id, {words("old.text || old.attached")} WHERE old.state <> 'streaming';
            INSERT INTO message_fts (rowid, text)
                SELECT new.id, {words("new.text || new.attached")} WHERE new.state <> 'streaming';
        END""",
        f"""CREATE TRIGGER message_indexed_delete AFTER DELETE ON message WHEN old.state <> 'streaming' BEGIN
            INSERT INTO message_fts (message_fts, rowid, text)
                VALUES ('delete', old.id, {words("old.text || old.attached")});
        END""",
    )


def names_of(files: Iterable[AttachedFile]) -> str:
    """As the message's column `attached` has them, for the search."""
    names = [storable(file.name) for file in files]
    return "\n\n" + "\n".join(names) if names else ""


def keep(db: sqlite3.Connection, place: Place, attachments: Iterable[Attachment]) -> None:
    """With their contents."""
    for attachment in attachments:
        put(db, attachment.file.digest, attachment.data)
        link(db, place, [attachment.file])


def put(db: sqlite3.Connection, digest: str, data: bytes) -> None:
    """A content, unless it is here."""
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
            put(db, one.file.digest, one.data)
        link(db, place, [one.file])


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
