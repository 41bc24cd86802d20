"""What the user has sent, in all conversations and branches."""

from __future__ import annotations

import sqlite3

from hybridchat.domain.chat import Privacy
from hybridchat.ledger.records import Said

FIRST_CHARACTERS = 400  # that are looked through and shown


def newest(db: sqlite3.Connection, limit: int) -> list[Said]:
    """Newest first, each text once."""
    rows = db.execute(
        f"SELECT m.id, m.conversation_id, c.title, c.privacy, m.created_at, substr(m.text, 1, {FIRST_CHARACTERS}), "
        "length(m.text) "
        "FROM message m JOIN conversation c ON c.id = m.conversation_id "
        "WHERE m.role = 'user' AND c.deleted_at IS NULL ORDER BY m.id DESC LIMIT ?",
        (limit,),
    )
    known = {privacy.value: privacy for privacy in Privacy}
    said: dict[tuple[str, int], Said] = {}
    for number, conversation_id, title, privacy, at, text, length in rows:
        as_private = known.get(privacy, Privacy.LOCAL_ONLY)  # a newer version's word: the strictest
        said.setdefault((text, length), Said(number, conversation_id, title, as_private, at, text))
    return list(said.values())


def text_of(db: sqlite3.Connection, message_id: int) -> str:
    """The whole message; "" where it is gone."""
    row = db.execute("SELECT text FROM message WHERE id = ?", (message_id,)).fetchone()
    return str(row[0]) if row else ""
