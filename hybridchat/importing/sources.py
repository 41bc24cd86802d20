"""A file with conversations: JSON of several kinds, a zip with such JSON, or `llm`'s database.

Nothing is extracted, and one conversation at a time is in memory.
"""

from __future__ import annotations

import sqlite3
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import IO, NamedTuple

import msgspec
from msgspec import Raw, Struct

from hybridchat.domain.imports import Found, Unread
from hybridchat.errors import UsageError
from hybridchat.importing import chatgpt, claude, llm, open_webui, own
from hybridchat.importing.broken import BROKEN, why
from hybridchat.importing.elements import Elements, Truncated

Read = Callable[[bytes, str, str], Iterator[Found]]


class JsonFormat(NamedTuple):
    """`marks`: the keys by which an entry is known."""

    marks: tuple[str, ...]
    read: Read


JSON_FORMATS: dict[str, JsonFormat] = {
    chatgpt.NAME: JsonFormat(("mapping",), chatgpt.read),
    claude.NAME: JsonFormat(("chat_messages",), claude.read),
    open_webui.NAME: JsonFormat(("chat",), open_webui.read),
    own.NAME: JsonFormat(("messages", "origin"), own.read),
}
FORMATS = (*JSON_FORMATS, llm.NAME)
SQLITE_HEAD = b"SQLite format 3\0"
_ZIP_HEAD = b"PK"
_CONVERSATIONS = "conversations"  # conversations.json; in large exports conversations-000.json and so on
MAX_BYTES = 16 << 30  # unpacked
MAX_RATIO = 200  # of unpacked to packed; JSON comes to 20 at most
RATIO_FROM_BYTES = 64 << 20

Share = float  # of the file, 0 to 1


class _Keys(Struct):
    """Which of the marks are there, whatever they hold."""

    mapping: Raw = Raw()
    chat_messages: Raw = Raw()
    chat: Raw = Raw()
    messages: Raw = Raw()
    origin: Raw = Raw()


_keys = msgspec.json.Decoder(_Keys).decode


def head_of(file: Path) -> bytes:
    """The first bytes. Raises UsageError with what to do for what cannot be read."""
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            what = "a folder: name the files in it" if file.is_dir() else "no file that can be read to its end"
            raise UsageError(f"{file} is {what}")
        with file.open("rb") as opened:
            return opened.read(len(SQLITE_HEAD))
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}", "name the file that you were sent") from None


def found_in(file: Path, form: str | None, now: str) -> Iterator[tuple[Found, Share]]:
    """What is in it, with how far that is; `form` is one of FORMATS, None: by each entry's own look.

    Raises UsageError for what is none of them as a whole.
    """
    head = head_of(file)
    if head == SQLITE_HEAD:
        yield from _llm(file, now)
    elif head.startswith(_ZIP_HEAD):
        yield from _zip(file, form, now)
    else:
        with file.open("rb") as stream:
            yield from _json(stream, file.stat().st_size, str(file), "", form, now)


def _llm(file: Path, now: str) -> Iterator[tuple[Found, Share]]:
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            database = llm.Database(connection)
            total = database.count()
            for number, found in enumerate(database.read(now), 1):
                yield found, min(1.0, number / max(total, 1))
    except (sqlite3.Error, KeyError) as error:
        raise UsageError(
            f"{file} is no database of llm, or is damaged: {error}", "`llm logs path` says where it is"
        ) from None


def _zip(file: Path, form: str | None, now: str) -> Iterator[tuple[Found, Share]]:
    try:
        with zipfile.ZipFile(file) as archive:
            members = _members(archive)
            total = sum(member.file_size for member in members) or 1
            done = 0
            for member in members:
                with archive.open(member) as stream:
                    name = member.filename
                    for found, share in _json(stream, member.file_size, name, f"{name}, ", form, now):
                        yield found, (done + share * member.file_size) / total
                done += member.file_size
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, zlib.error) as error:
        raise UsageError(f"{file} is no zip that can be read: {error}", "is it whole? fetch it again") from None


def _members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Those with conversations; their names are only looked at. Raises UsageError for none, and for a trap."""
    every = [one for one in archive.infolist() if one.filename.lower().endswith(".json")]
    named = [one for one in every if one.filename.rpartition("/")[2].lower().startswith(_CONVERSATIONS)]
    members = named or every
    if not members:
        raise UsageError("there is no conversations.json in this zip", "is it the zip that you were sent?")
    unpacked = sum(one.file_size for one in members)
    is_bomb = any(one.file_size > RATIO_FROM_BYTES and one.file_size > MAX_RATIO * one.compress_size for one in members)
    if unpacked > MAX_BYTES or is_bomb:
        raise UsageError(f"this zip would unpack to {unpacked / 1e9:.1f} GB, which no export does", "give the real one")
    return members


def _json(
    stream: IO[bytes], size: int, name: str, prefix: str, form: str | None, now: str
) -> Iterator[tuple[Found, Share]]:
    elements = Elements(stream, name)
    number = 0
    try:
        for entry in elements:
            number += 1
            for found in _entry(entry, f"{prefix}conversation {number}", form, now):
                yield found, min(1.0, elements.done_bytes / max(size, 1))
    except Truncated as end:
        yield Unread(f"{prefix}after conversation {number}", str(end)), 1.0


def _entry(entry: bytes, where: str, form: str | None, now: str) -> Iterator[Found]:
    try:
        form = form or _look(entry)
        yield from JSON_FORMATS[form].read(entry, where, now)
    except BROKEN as error:
        yield Unread(where, why(error))


def _look(entry: bytes) -> str:
    """Raises ValidationError for an entry of no known kind."""
    keys = _keys(entry)
    for name, known in JSON_FORMATS.items():
        if all(len(getattr(keys, mark)) for mark in known.marks):
            return name
    raise msgspec.ValidationError("it is no conversation of a known kind")
