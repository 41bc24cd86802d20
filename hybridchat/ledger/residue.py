"""Where a text still is: in any file of ours, as bytes, as what a database shows, or as words of its search index.

Only reads. Never while this process has the ledger open: see `files.prepare`.
"""

from __future__ import annotations

import json
import mmap
import os
import re
import sqlite3
import stat
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from msgspec import Struct

from hybridchat.ledger import pages
from hybridchat.ledger.connect import SQLITE_ERRORS, connect
from hybridchat.ledger.files import MAGIC
from hybridchat.ledger.index_terms import stale_words

LONGEST = 500
"""Characters: so that a text lies on no more than two pages of a database."""


class Residue(Struct, frozen=True):
    """One place that holds it."""

    file: str
    where: str


class Searched(Struct):
    """`unreadable`: files that could not be searched, and why. `only_bytes`: databases too damaged to be asked."""

    found: list[Residue] = []
    files: int = 0
    unreadable: list[str] = []
    only_bytes: list[str] = []


def search(text: str, folders: Iterable[Path], *, without: Path) -> Searched:
    """Through every file below the folders but those below `without`; links are not followed."""
    searched, patterns = Searched(), spellings(text)
    for path in sorted({path for folder in folders for path in _files(folder, without)}):
        searched.files += 1
        try:
            searched.found += (Residue(str(path), where) for where in _in_bytes(path, patterns))
        except OSError as error:
            searched.unreadable.append(f"{path}: {error.strerror}")
            continue
        if _is_database(path):
            try:
                searched.found += (Residue(str(path), where) for where in _in_database(path, text, patterns))
            except (*SQLITE_ERRORS, ValueError):
                searched.only_bytes.append(str(path))
    return searched


def _files(folder: Path, without: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if Path(parent, name) != without]
        yield from (path for name in names if stat.S_ISREG((path := Path(parent, name)).lstat().st_mode))


def spellings(text: str) -> dict[bytes, str]:
    """How it may be written in a file, and what that is called."""
    escaped, plain = json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]
    upper = re.sub(r"\\u[0-9a-f]{4}", lambda code: "\\u" + code[0][2:].upper(), escaped)
    found = {word.encode("utf-8", "replace"): "as JSON" for word in (escaped, plain, upper)}
    found |= {text.encode(code, "replace"): f"as {code.upper()}" for code in ("utf-16-le", "utf-16-be")}
    return {**found, text.encode("utf-8", "replace"): "as it is"}


# --- in its bytes


def _in_bytes(path: Path, patterns: dict[bytes, str]) -> Iterator[str]:
    with path.open("rb") as file:
        if not os.fstat(file.fileno()).st_size:
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            layout = pages.layout_of(content)
            for pattern, form in patterns.items():
                if (at := content.find(pattern)) >= 0:
                    yield f"{form}, first at byte {at:,}"
                elif layout and pages.is_split(content, layout, pattern):
                    yield f"{form}, over two pages of the database"


# --- in what a database shows


def _is_database(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def _in_database(path: Path, text: str, patterns: dict[bytes, str]) -> Iterator[str]:
    with closing(connect(path, read_only=True)) as db:
        tables = db.execute(
            "SELECT name, sql LIKE 'CREATE VIRTUAL%' FROM sqlite_master WHERE type = 'table'"
        ).fetchall()
        for table, is_virtual in tables:
            if is_virtual:
                if stale_words(db, table, text):
                    yield f"words of it in the search index {table}, of what is deleted or renamed"
            else:
                yield from _in_table(db, table, patterns)


def _in_table(db: sqlite3.Connection, table: str, patterns: dict[bytes, str]) -> Iterator[str]:
    holds = " OR ".join(["instr(CAST({0} AS BLOB), ?)"] * len(patterns))
    for (column,) in db.execute("SELECT name FROM pragma_table_info(?)", (table,)).fetchall():
        condition = holds.format(f'"{column}"')
        (rows,) = db.execute(f'SELECT count(*) FROM "{table}" WHERE {condition}', tuple(patterns)).fetchone()
        if rows:
            yield f"table {table}, column {column}: {rows:,} {'row' if rows == 1 else 'rows'}"
