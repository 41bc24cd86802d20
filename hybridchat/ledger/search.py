"""Full-text search over messages and titles. What the user types are words, never query syntax."""

from __future__ import annotations

import sqlite3

from hybridchat.ledger.connect import SQLITE_ERRORS, is_damage
from hybridchat.ledger.records import SearchHit
from hybridchat.ledger.words import joined, separated

HIT_BEGINS, HIT_ENDS = "\x02", "\x03"
BEFORE_CHARACTERS, AFTER_CHARACTERS, WORD_CHARACTERS = 40, 120, 20
INDEXES = ("message_fts", "conversation_fts")

_TITLES = """
SELECT c.id, coalesce(c.active_leaf_id, 0), c.title, highlight(conversation_fts, 0, char(2), char(3))
FROM conversation_fts JOIN conversation c ON c.id = conversation_fts.rowid
WHERE conversation_fts MATCH ? AND c.deleted_at IS NULL
ORDER BY conversation_fts.rowid DESC LIMIT ?"""

_MESSAGES = """
SELECT m.conversation_id, m.id, c.title, highlight(message_fts, 0, char(2), char(3))
FROM message_fts JOIN message m ON m.id = message_fts.rowid JOIN conversation c ON c.id = m.conversation_id
WHERE message_fts MATCH ? AND c.deleted_at IS NULL
ORDER BY message_fts.rowid DESC LIMIT ?"""


def match_expression(query: str) -> str:
    """All words must occur, the last one may be unfinished; "quoted words" stand together. "" without any word."""
    phrases = []
    for index, part in enumerate(query.replace("\x00", " ").split('"')):
        is_quoted = index % 2 == 1
        phrases += [part] if is_quoted else part.split()
    words = [phrase for phrase in phrases if any(character.isalnum() for character in phrase)]
    if not words:
        return ""
    unfinished = "" if query.rstrip().endswith('"') else "*"
    return " ".join(f'"{separated(word)}"' for word in words) + unfinished


def search(connection: sqlite3.Connection, query: str, limit: int) -> list[SearchHit]:
    """Hits in titles first, then in messages, the newest first in both."""
    expression = match_expression(query)
    if not expression:
        return []
    hits: list[SearchHit] = []
    for statement in (_TITLES, _MESSAGES):
        rows = connection.execute(statement, (expression, limit - len(hits)))
        hits += [
            SearchHit(chat_id, message_id, title, excerpt(joined(marked)))
            for chat_id, message_id, title, marked in rows
        ]
    return hits


def excerpt(marked: str) -> str:
    """The words around the first hit. FTS5's own `snippet` takes seconds where a word occurs thousands of times."""
    hit = marked.find(HIT_BEGINS)
    begin, end = max(hit - BEFORE_CHARACTERS, 0), min(hit + AFTER_CHARACTERS, len(marked))
    if begin:  # at a word, where there are words
        begin = max(marked.rfind(" ", begin - WORD_CHARACTERS, begin) + 1, begin - WORD_CHARACTERS)
    if end < len(marked):
        space = marked.find(" ", end, end + WORD_CHARACTERS)
        end = space if space >= 0 else end
    if marked.count(HIT_BEGINS, begin, end) > marked.count(HIT_ENDS, begin, end):
        end = marked.index(HIT_ENDS, end) + 1
    return ("…" if begin else "") + marked[begin:end] + ("…" if end < len(marked) else "")


def repair_index(connection: sqlite3.Connection) -> None:
    """Builds an index again that contradicts the messages; raises one of SQLITE_ERRORS if the messages are damaged."""
    for index in INDEXES:
        try:
            connection.execute(f"INSERT INTO {index} ({index}) VALUES ('integrity-check')")
        except SQLITE_ERRORS as error:
            if not is_damage(error):
                raise
            connection.execute(f"INSERT INTO {index} ({index}) VALUES ('rebuild')")
