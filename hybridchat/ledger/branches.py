"""Deleting a message with all that follows it, so that it can be undone.

Until the purge its rows rest in a table of their own: nothing that lists, searches, counts or exports messages has to
know that there are deleted ones.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence

from hybridchat.domain.text import title_of
from hybridchat.errors import LedgerError, UsageError
from hybridchat.ledger.reads import below, path_to
from hybridchat.ledger.records import DeletedBranch


def delete_branch(
    db: sqlite3.Connection, process_id: int, message_id: int, running: Collection[int] = ()
) -> DeletedBranch:
    """Takes the message and what follows it away; `running` are the messages that are being written now. Raises
    UsageError while one of those is among them, and where nothing else would be left."""
    row = db.execute(
        "SELECT conversation_id, parent_id FROM message JOIN conversation c ON c.id = conversation_id "
        "WHERE message.id = ? AND c.deleted_at IS NULL",
        (message_id,),
    ).fetchone()
    if row is None:
        raise UsageError(f"there is no message {message_id}", "it was deleted")
    conversation_id, parent_id = row
    ids = below(db, conversation_id, message_id)
    if not set(running).isdisjoint(ids):
        raise UsageError("a reply is running in it", "stop it, or wait for its end")
    leaf_id = _leaf_without(db, conversation_id, parent_id, message_id)
    if leaf_id is None:
        raise UsageError("nothing else is in this conversation", "delete all of it instead")
    columns = _columns(db)
    db.executemany(
        f"INSERT INTO deleted_message ({columns}, deleted_with, deleted_by) SELECT {columns}, ?, ? FROM message "
        "WHERE id = ?",
        ((message_id, process_id, one) for one in ids),
    )
    title = _title(db, conversation_id)
    _take(db, conversation_id, ids, leaf_id)
    return DeletedBranch(conversation_id, tuple(ids), leaf_id, title)


def restore_branch(db: sqlite3.Connection, message_id: int, leaf_id: int | None, title: str) -> int | None:
    """What was deleted with that message is back, and the title; with `leaf_id` that one is the active leaf again.
    Returns what it follows. Where something follows that leaf by now, the conversation goes on to its end. Raises
    LedgerError where what it followed is not there, or it came back by an import."""
    parent_id: int | None
    mine = "deleted_message d WHERE d.deleted_with = ?"
    row = db.execute(f"SELECT conversation_id, parent_id FROM {mine} AND d.id = ?", (message_id, message_id)).fetchone()
    if row is None:
        raise LedgerError(f"there is no message {message_id}", "it was purged")
    conversation_id, parent_id = row
    is_here = "SELECT 1 FROM conversation WHERE id = ? AND deleted_at IS NULL"
    follows = "SELECT 1 FROM message WHERE id = coalesce(?, id) LIMIT 1"
    if not (db.execute(is_here, (conversation_id,)).fetchone() and db.execute(follows, (parent_id,)).fetchone()):
        raise LedgerError("what it followed was deleted in another window", "undo that first, there")
    again = "SELECT 1 FROM message m WHERE m.conversation_id = d.conversation_id AND m.origin = d.origin"
    if db.execute(f"SELECT 1 FROM {mine} AND EXISTS ({again})", (message_id,)).fetchone():
        raise LedgerError("it is here again already", "it was imported once more")
    columns = _columns(db)
    db.execute(f"INSERT INTO message ({columns}) SELECT {columns} FROM {mine} ORDER BY d.id", (message_id,))
    db.execute("DELETE FROM deleted_message WHERE deleted_with = ?", (message_id,))
    (active_id,) = db.execute("SELECT active_leaf_id FROM conversation WHERE id = ?", (conversation_id,)).fetchone()
    *_, leaf_id = below(db, conversation_id, active_id if leaf_id is None else leaf_id)
    here = "UPDATE conversation SET title = ?, active_leaf_id = ? WHERE id = ?"
    db.execute(here, (title, leaf_id, conversation_id))
    return parent_id


def cut(db: sqlite3.Connection, message_id: int) -> None:
    """The message and all that follow it leave this file, a copy perhaps, for good; an emptied conversation too."""
    conversation_id, parent_id = db.execute(
        "SELECT conversation_id, parent_id FROM message WHERE id = ?", (message_id,)
    ).fetchone()
    leaf_id = _leaf_without(db, conversation_id, parent_id, message_id)
    ids = below(db, conversation_id, message_id)
    if leaf_id is None:
        db.execute("DELETE FROM message WHERE conversation_id = ?", (conversation_id,))
        db.execute("DELETE FROM conversation WHERE id = ?", (conversation_id,))
    else:
        _take(db, conversation_id, ids, leaf_id)


def _take(db: sqlite3.Connection, conversation_id: int, ids: Sequence[int], leaf_id: int) -> None:
    """Their rows, and what the conversation has of them: its active leaf, and a title that is how the first begins."""
    (text,) = db.execute("SELECT text FROM message WHERE id = ?", (ids[0],)).fetchone()
    db.executemany("DELETE FROM message WHERE id = ?", ((one,) for one in ids))
    (active_id,) = db.execute("SELECT active_leaf_id FROM conversation WHERE id = ?", (conversation_id,)).fetchone()
    if active_id in set(ids):
        db.execute("UPDATE conversation SET active_leaf_id = ? WHERE id = ?", (leaf_id, conversation_id))
    if _title(db, conversation_id) == title_of(text):
        title = title_of(path_to(db, leaf_id)[0].text)
        db.execute("UPDATE conversation SET title = ? WHERE id = ?", (title, conversation_id))


def _title(db: sqlite3.Connection, conversation_id: int) -> str:
    (title,) = db.execute("SELECT title FROM conversation WHERE id = ?", (conversation_id,)).fetchone()
    return str(title)


def _leaf_without(db: sqlite3.Connection, conversation_id: int, parent_id: int | None, message_id: int) -> int | None:
    """Where the conversation goes on without that message: below its newest sibling, else at what it followed."""
    beside = "SELECT max(id) FROM message WHERE conversation_id = ? AND parent_id IS ? AND id <> ?"
    (sibling_id,) = db.execute(beside, (conversation_id, parent_id, message_id)).fetchone()
    return parent_id if sibling_id is None else below(db, conversation_id, sibling_id)[-1]


def _columns(db: sqlite3.Connection) -> str:
    """Those of a message: both tables have them."""
    return ", ".join(name for (name,) in db.execute("SELECT name FROM pragma_table_info('message')"))
