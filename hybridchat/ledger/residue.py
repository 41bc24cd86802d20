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
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path

from msgspec import Struct

from hybridchat.ledger import pages
from hybridchat.ledger.connect import SQLITE_ERRORS, connect
from hybridchat.ledger.files import MAGIC, SIDE_FILES
from hybridchat.ledger.index_terms import stale_words

LONGEST = 300
"""Characters: so that a text lies on no more than two pages of a database, however its accents are written."""


class Residue(Struct, frozen=True):
    """One place that holds it."""

    file: str
    where: str


class Searched(Struct):
    """`unreadable`: what could not be searched, and why. `only_bytes`: databases too damaged to be asked."""

    found: list[Residue] = []
    files: int = 0
    unreadable: list[str] = []
    only_bytes: list[str] = []


def search(text: str, folders: Iterable[Path], *, without: Path) -> Searched:
    """Through every file below the folders but those below `without`; of links, only such folders themselves."""
    searched, patterns = Searched(), spellings(text)
    for path in sorted({path for folder in folders for path in _files(folder, without, searched.unreadable)}):
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


def _files(folder: Path, without: Path, unreadable: list[str]) -> Iterator[Path]:
    def missed(error: OSError) -> None:
        what = f"{error.filename}: {error.strerror}"
        if not isinstance(error, FileNotFoundError | NotADirectoryError) and what not in unreadable:
            unreadable.append(what)

    for parent, folders, names in os.walk(folder, onerror=missed):
        folders[:] = [name for name in folders if Path(parent, name) != without]
        for path in (Path(parent, name) for name in names):
            try:
                if stat.S_ISREG(path.lstat().st_mode):
                    yield path
            except OSError as error:
                missed(error)


def spellings(text: str) -> dict[bytes, str]:
    """How it may be written in a file, and what that is called. An accent may be a character of its own, or not."""
    composed = ((unicodedata.normalize(form, text), " with accents written otherwise") for form in ("NFC", "NFD"))
    return {pattern: f"{form}{how}" for word, how in (*composed, (text, "")) for pattern, form in _encoded(word)}


def _encoded(text: str) -> Iterator[tuple[bytes, str]]:
    escaped, plain = json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]
    upper = re.sub(r"\\u[0-9a-f]{4}", lambda code: "\\u" + code[0][2:].upper(), escaped)
    yield from ((word.encode("utf-8", "replace"), "as JSON") for word in (escaped, plain, upper))
    yield from ((text.encode(code, "replace"), f"as {code.upper()}") for code in ("utf-16-le", "utf-16-be"))
    with suppress(UnicodeEncodeError):
        yield text.encode("cp1252"), "as Latin-1"
    yield text.encode("utf-8", "replace"), "as it is"


# --- in its bytes


def _in_bytes(path: Path, patterns: dict[bytes, str]) -> Iterator[str]:
    with path.open("rb") as file:
        if not os.fstat(file.fileno()).st_size:
            return
        if path.name.endswith(SIDE_FILES):  # another window cuts it short: what was mapped would be gone
            yield from _in_content(file.read(), patterns)
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            yield from _in_content(content, patterns)


def _in_content(content: pages.Content, patterns: dict[bytes, str]) -> Iterator[str]:
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
