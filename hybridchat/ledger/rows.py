"""How values become rows."""

from __future__ import annotations

import sqlite3


def storable(text: str) -> str:
    """SQLite takes no lone surrogates: halves that belong together are joined, others become U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def insert(db: sqlite3.Connection, table: str, **values: object) -> int:
    """Returns the new row's id."""
    marks = ", ".join("?" * len(values))
    cursor = db.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})", tuple(values.values()))
    assert cursor.lastrowid is not None
    return cursor.lastrowid
