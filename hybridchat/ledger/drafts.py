"""What is typed and not sent, also when the program is killed. Each window has drafts of its own, so that none writes
over another one's; what a window left that is gone is for whoever comes to that conversation next."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from hybridchat.domain.attachments import Attachment
from hybridchat.domain.chat import Privacy
from hybridchat.ledger import attachments
from hybridchat.ledger.records import LeftDraft, NewDraft
from hybridchat.ledger.rows import insert, storable
from hybridchat.ledger.times import utc_now

_MINE = "process_id = ? AND conversation_id IS ?"
TABLES = (
    "ALTER TABLE draft ADD COLUMN privacy TEXT",
    "CREATE TABLE draft_attachment "
    "(draft_id INTEGER NOT NULL, digest TEXT NOT NULL, name TEXT NOT NULL, media_type TEXT NOT NULL, pages INTEGER)",
    "CREATE INDEX draft_attachment_draft ON draft_attachment (draft_id)",
    "CREATE INDEX draft_attachment_digest ON draft_attachment (digest)",
    """CREATE TRIGGER attachments_of_draft AFTER DELETE ON draft BEGIN
        DELETE FROM draft_attachment WHERE draft_id = old.id;
    END""",
    "DROP TRIGGER content_of_deleted",
    *(
        f"""CREATE TRIGGER content_of_{name} AFTER DELETE ON {table} BEGIN
            DELETE FROM content WHERE digest = old.digest
                AND NOT EXISTS (SELECT 1 FROM attachment WHERE digest = old.digest)
                AND NOT EXISTS (SELECT 1 FROM draft_attachment WHERE digest = old.digest);
        END"""
        for name, table in (("deleted", "attachment"), ("deleted_draft", "draft_attachment"))
    ),
)
"""`privacy` is that of its chat. A content leaves with the last message or draft that had it."""


def keep(db: sqlite3.Connection, process_id: int, conversation_id: int | None, draft: NewDraft) -> None:
    """Instead of this process's earlier one; an empty one is none. One of a conversation that is gone is not kept."""
    mine = (process_id, conversation_id)
    if not (draft.text or draft.attachments):
        db.execute(f"DELETE FROM draft WHERE {_MINE}", mine)
        return
    values = (storable(draft.text), utc_now(), draft.privacy)
    updated = f"UPDATE draft SET text = ?, updated_at = ?, privacy = ? WHERE {_MINE}"
    if not db.execute(updated, (*values, *mine)).rowcount:
        db.execute(
            "INSERT INTO draft (process_id, conversation_id, text, updated_at, privacy) SELECT ?, ?, ?, ?, ? "
            "WHERE ? IS NULL OR EXISTS (SELECT 1 FROM conversation WHERE id = ?)",
            (*mine, *values, conversation_id, conversation_id),
        )
    if row := db.execute(f"SELECT id FROM draft WHERE {_MINE}", mine).fetchone():
        _keep_along(db, row[0], draft.attachments)


def _keep_along(db: sqlite3.Connection, draft_id: int, along: Sequence[Attachment]) -> None:
    """Written only where it is not what is there: a draft is kept again and again while one types."""
    old = db.execute("SELECT rowid, digest, name FROM draft_attachment WHERE draft_id = ? ORDER BY rowid", (draft_id,))
    rows = old.fetchall()
    if [(digest, name) for _, digest, name in rows] == [(one.file.digest, storable(one.name)) for one in along]:
        return
    for one in along:
        attachments.put(db, one.file.digest, one.data)
        names = {"name": storable(one.name), "media_type": storable(one.media_type)}
        insert(db, "draft_attachment", draft_id=draft_id, digest=one.file.digest, pages=one.pages, **names)
    db.executemany("DELETE FROM draft_attachment WHERE rowid = ?", [(row[0],) for row in rows])


def take(db: sqlite3.Connection, process_id: int, conversation_id: int | None) -> LeftDraft:
    """The newest one that was left there becomes this process's, unless that has one; then there is none to take."""
    left = db.execute(
        "SELECT id, text, privacy FROM draft WHERE conversation_id IS ? AND process_id NOT IN (SELECT id FROM process) "
        f"AND NOT EXISTS (SELECT 1 FROM draft WHERE {_MINE}) ORDER BY updated_at DESC, id DESC LIMIT 1",
        (conversation_id, process_id, conversation_id),
    ).fetchone()
    along: tuple[Attachment, ...] = ()
    if left is not None:
        along = _along(db, left[0])
        db.execute("UPDATE draft SET process_id = ? WHERE id = ?", (process_id, left[0]))
    elsewhere = db.execute(
        "SELECT 1 FROM draft WHERE conversation_id = ? AND process_id <> ? AND process_id IN (SELECT id FROM process)",
        (conversation_id, process_id),
    ).fetchone()
    text, privacy = (left[1], left[2]) if left else ("", None)
    return LeftDraft(text, elsewhere is not None, along, Privacy(privacy) if privacy else None)


def _along(db: sqlite3.Connection, draft_id: int) -> tuple[Attachment, ...]:
    statement = (
        "SELECT name, media_type, data, pages FROM draft_attachment JOIN content USING (digest) "
        "WHERE draft_id = ? ORDER BY draft_attachment.rowid"
    )
    return tuple(Attachment(*row).counted() for row in db.execute(statement, (draft_id,)))


def conversations(db: sqlite3.Connection) -> frozenset[int]:
    """Those that have one, in any window."""
    rows = db.execute("SELECT DISTINCT conversation_id FROM draft WHERE conversation_id IS NOT NULL")
    return frozenset(number for (number,) in rows)
