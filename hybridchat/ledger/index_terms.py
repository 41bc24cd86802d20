"""The words that a full-text index still holds though no message does: those of what was deleted or renamed.

An index is written in segments, and a word leaves only when its segment is merged. Searching never shows such words,
and in the bytes they are not whole: a page stores of each word only what differs from the one before.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

from hybridchat.ledger.connect import connect
from hybridchat.ledger.words import separated

_FIRST_PAGE = 11  # rows before it are about the index as a whole
_PAGE_BITS, _HEIGHT_AND_KIND = 31, 0x3F  # of a row's id; both zero in a leaf
_MAIN = 0x30  # each word of the index is stored after this character
_SHORTEST = 4  # characters: shorter words say nothing about a text of several


def stale_words(db: sqlite3.Connection, table: str, text: str) -> bool:
    """Whether a word of the text is in the index and in no message. Its first and last may be cut."""
    wanted = _words_of(text)
    if not wanted:
        return False
    stale = set(_stored(db, table)) - _shown(db, table)
    return any(_is_one_of(wanted, term) for term in stale)


def _is_one_of(wanted: list[str], term: str) -> bool:
    if len(wanted) == 1:
        return wanted[0] in term
    first, *between, last = wanted
    return (
        (len(first) >= _SHORTEST and term.endswith(first))
        or (len(last) >= _SHORTEST and term.startswith(last))
        or any(len(word) >= _SHORTEST and term == word for word in between)
    )


def _words_of(text: str) -> list[str]:
    """As the index writes them, in their order."""
    with closing(connect(None)) as db:
        db.execute("CREATE VIRTUAL TABLE one USING fts5 (text, tokenize='unicode61 remove_diacritics 2')")
        db.execute("INSERT INTO one VALUES (?)", (separated(text),))
        db.execute("CREATE VIRTUAL TABLE words USING fts5vocab (one, instance)")
        return [term for (term,) in db.execute("SELECT term FROM words ORDER BY offset")]


def _shown(db: sqlite3.Connection, table: str) -> set[str]:
    db.execute(f"CREATE VIRTUAL TABLE temp.shown_{table} USING fts5vocab (main, {table}, row)")
    return {term for (term,) in db.execute(f"SELECT term FROM temp.shown_{table}")}


def _stored(db: sqlite3.Connection, table: str) -> Iterator[str]:
    """The words of all segments, by their leaf pages."""
    for number, block in db.execute(f"SELECT id, block FROM {table}_data WHERE id >= {_FIRST_PAGE}"):
        if not (number >> _PAGE_BITS) & _HEIGHT_AND_KIND:
            yield from _of_leaf(block)


def _of_leaf(block: bytes) -> Iterator[str]:
    """The second number of a leaf is where its footer begins: the distances from word to word."""
    footer, begin, term = int.from_bytes(block[2:4], "big"), 0, b""
    is_first = True
    while footer < len(block):
        distance, footer = _varint(block, footer)
        begin += distance
        kept, at = (0, begin) if is_first else _varint(block, begin)
        length, at = _varint(block, at)
        term, is_first = term[:kept] + block[at : at + length], False
        if term and term[0] == _MAIN:
            yield term[1:].decode("utf-8", "replace")


def _varint(block: bytes, at: int) -> tuple[int, int]:
    """The number there, and what comes after it. Raises ValueError for a page that is cut."""
    value = 0
    for count in range(9):
        if at + count >= len(block):
            raise ValueError("a page of the index is cut")
        byte = block[at + count]
        if count == 8:
            return value << 8 | byte, at + 9
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + count + 1
    raise AssertionError("nine bytes are the most")
