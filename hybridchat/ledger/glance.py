"""A look at the ledger as it lies there, for what may neither wait nor fail: a shell's completion."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from hybridchat.errors import LedgerError
from hybridchat.ledger.connect import SQLITE_ERRORS, connect

T = TypeVar("T")

PATIENCE_MS = 20


def glance(path: Path, read: Callable[[sqlite3.Connection], T]) -> T | None:
    """What `read` finds there, read-only and as it is, of whatever version; None where it finds nothing."""
    try:
        with closing(connect(path, read_only=True)) as db:
            db.execute(f"PRAGMA busy_timeout = {PATIENCE_MS}")
            return read(db)
    except (*SQLITE_ERRORS, LedgerError):
        return None


def models_asked(db: sqlite3.Connection, backend: str | None) -> list[str]:
    """Of that backend, or of all: those that were ever asked."""
    sql = "SELECT DISTINCT model FROM usage_day WHERE ? IS NULL OR backend = ? ORDER BY model"
    return [str(model) for (model,) in db.execute(sql, (backend, backend)) if model]
