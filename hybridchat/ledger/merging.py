"""Another ledger, of another machine perhaps: its conversations with all their branches, and its usage rows.

It is only read. Whatever is in it is untrusted, its schema too.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from hybridchat.domain.attachments import AttachedFile
from hybridchat.domain.chat import Attempt, MessageState
from hybridchat.domain.imports import (
    Found,
    ImportedAttempt,
    ImportedComparison,
    ImportedDetail,
    ImportedFile,
    ImportedMessage,
    OwnConversation,
    OwnMessage,
    Unread,
    imported_file,
)
from hybridchat.domain.moments import moment_text
from hybridchat.domain.tuning import from_stored
from hybridchat.errors import UsageError
from hybridchat.ledger.connect import APPLICATION_ID, SCHEMA_VERSION, SQLITE_ERRORS
from hybridchat.ledger.reads import texts_in

Row = dict[str, Any]
Share = float  # of the ledger, 0 to 1

NOT_THEIRS = ("id", "process_id", "reserved_pico_usd", "origin")  # what an attempt has here, or only while it runs
_MOST = 2**53  # of any count; sums of more would not fit


_FILES = """
SELECT a.*, c.data FROM attachment a LEFT JOIN content c ON c.digest = a.digest
WHERE a.conversation_id = ? AND a.message_id IS NOT NULL ORDER BY a.id"""

_TEXTS = "SELECT id, text FROM request_text WHERE conversation_id = ?"
_DETAILS = """
SELECT d.attempt_id, d.note, coalesce(d.path, '') AS path, d.request, coalesce(d.digest, x'') AS digest
FROM attempt_detail d JOIN attempt a ON a.id = d.attempt_id WHERE a.conversation_id = ?"""


class _Conversation(OwnConversation, frozen=True, kw_only=True):
    id: int
    tags: str = "[]"
    parameters: str = "{}"


_VOTE = ("judgement", "winner", "was_blind", "voted_at")
_COMPARISONS = f"""
SELECT k.id, k.origin, k.started_at, k.workload, k.is_hidden, c.id AS living_id, c.origin AS its_origin,
    {", ".join(f"v.{name}" for name in _VOTE)}
FROM comparison k LEFT JOIN conversation c ON c.id = k.conversation_id AND c.deleted_at IS NULL
    LEFT JOIN vote v ON v.comparison_id = k.id ORDER BY k.id"""
_SIDES = """
SELECT s.position, s.backend, s.model, s.zone, s.was_shared, m.id AS living_id, m.origin
FROM compared s LEFT JOIN message m ON m.id = s.message_id WHERE s.comparison_id = ? ORDER BY s.position"""


def is_ledger(file: Path) -> bool:
    """By its header. Raises OSError."""
    with file.open("rb") as opened:
        head = opened.read(72)
    return int.from_bytes(head[68:72]) == APPLICATION_ID


def origin_of(ledger_uuid: str, number: int) -> str:
    """How a row of the ledger with that id is called in every other one."""
    return f"hybridchat:{ledger_uuid}:{number}"


def found_in(file: Path, own_uuid: str, now: str) -> Iterator[tuple[Found, Share]]:
    """What is in it, with how far that is. Raises UsageError for one that cannot be read as a whole."""
    try:
        with closing(_opened(file)) as db:
            db.row_factory = lambda cursor, row: dict(zip((c[0] for c in cursor.description), row, strict=True))
            db.text_factory = lambda raw: raw.decode("utf-8", "replace")
            other = _Other(db)
            if other.version > SCHEMA_VERSION:
                raise UsageError(f"{file} is from a newer hybridchat", "update this one")
            if other.uuid == own_uuid:
                raise UsageError(
                    f"{file} is this ledger itself, or a copy of it", "`hybridchat restore` brings back a copy"
                )
            yield from other.found(now)
    except (*SQLITE_ERRORS, KeyError, IndexError) as error:
        raise UsageError(f"{file} cannot be read as a ledger: {error}", "is it whole? copy it again") from None


def _opened(file: Path) -> sqlite3.Connection:
    """To read alone; on a medium that cannot be written too, where SQLite has no room for its own files."""
    uri = f"{file.absolute().as_uri()}?mode=ro"
    for more in ("", "&immutable=1"):
        db = sqlite3.connect(uri + more, uri=True)
        try:
            db.execute("PRAGMA trusted_schema = OFF")
            db.execute("SELECT count(*) FROM sqlite_master")
        except sqlite3.OperationalError as error:
            db.close()
            has_log = file.with_name(f"{file.name}-wal").exists()
            if (
                more
                or has_log
                or error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
            ):
                raise
        else:
            break
    return db


class _Other:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.version: int = self._rows("PRAGMA user_version")[0]["user_version"]
        self._has_attachments, self._has_details = (
            bool(self._rows("SELECT 1 FROM sqlite_master WHERE name = ?", name))
            for name in ("attachment", "attempt_detail")
        )
        self.uuid = str(self._rows("SELECT value FROM meta WHERE key = 'ledger_uuid'")[0]["value"])

    def _rows(self, statement: str, *parameters: object) -> list[Row]:
        return self._db.execute(statement, parameters).fetchall()

    def found(self, now: str) -> Iterator[tuple[Found, Share]]:
        numbers = [row["id"] for row in self._rows("SELECT id FROM conversation WHERE deleted_at IS NULL ORDER BY id")]
        for done, number in enumerate(numbers, 1):
            for found in self._conversation(number, now):
                yield found, done / (len(numbers) + 1)
        rest = "SELECT * FROM attempt WHERE conversation_id IS NULL OR conversation_id NOT IN "
        for row in self._db.execute(f"{rest}(SELECT id FROM conversation WHERE deleted_at IS NULL)"):
            found_one = self._attempt(row)
            if found_one is not None:
                yield found_one, 1.0
        for comparison in self._comparisons():
            yield comparison, 1.0

    def _comparisons(self) -> Iterator[ImportedComparison | Unread]:
        """After all replies, which they are about. Votes outlive their conversation, here as there."""
        if not self._rows("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'comparison'"):
            return
        for row in self._rows(_COMPARISONS):
            sides = [
                {**side, "message": side["origin"] or (side["living_id"] and origin_of(self.uuid, side["living_id"]))}
                for side in self._rows(_SIDES, row["id"])
            ]
            vote = {name: row[name] for name in _VOTE} if row["judgement"] is not None else None
            conversation = row["its_origin"] or (row["living_id"] and origin_of(self.uuid, row["living_id"]))
            told = {**row, "origin": row["origin"] or origin_of(self.uuid, row["id"]), "conversation": conversation}
            try:
                yield msgspec.convert({**told, "sides": sides, "vote": vote}, ImportedComparison, strict=False)
            except msgspec.ValidationError as error:
                yield Unread(f"comparison {row['id']}", str(error))

    def _conversation(self, number: int, now: str) -> Iterator[Found]:
        where = f"conversation {number}"
        (row,) = self._rows("SELECT * FROM conversation WHERE id = ?", number)
        try:
            said = msgspec.convert(_known(row), _Conversation)
        except msgspec.ValidationError as error:
            yield Unread(where, str(error))
            return
        attempts: dict[int, list[ImportedAttempt]] = {}
        names: dict[int, str] = {}
        details = self._details(number, names)
        for row in self._rows("SELECT * FROM attempt WHERE conversation_id = ? ORDER BY id", number):
            found = self._attempt(row)
            if isinstance(found, ImportedAttempt):
                attempts.setdefault(row["message_id"], []).append(replace(found, detail=details.get(row["id"])))
            elif found is not None:
                yield found
        files = self._files(number)
        messages: dict[int, ImportedMessage] = {}
        for row in self._rows("SELECT * FROM message WHERE conversation_id = ? ORDER BY id", number):
            try:
                one = msgspec.convert(_known(row), OwnMessage)
            except msgspec.ValidationError as error:
                yield Unread(f"{where}, message {row['id']}", str(error))
                continue
            if one.state is MessageState.STREAMING:
                yield Unread(f"{where}, message {one.id}", "it is still being written: import again when it is done")
                continue
            parent = messages.get(one.parent_id or 0)
            messages[one.id] = one.imported(
                one.origin or origin_of(self.uuid, one.id),
                parent.origin if parent else None,
                now,
                tuple(attempts.get(one.id, ())),
            )
            messages[one.id] = replace(messages[one.id], attachments=files.get(one.id, ()))
            names[one.id] = messages[one.id].origin
        active = messages.get(said.active_leaf_id or 0) or next(reversed(messages.values()), None)
        yield said.imported(
            said.origin or origin_of(self.uuid, said.id),
            messages.values(),
            active.origin if active else None,
            now,
            tags=texts_in(said.tags),
            parameters=from_stored(said.parameters),
        )
        for message_id, found_ones in attempts.items():
            yield from found_ones if message_id not in messages else ()

    def _files(self, number: int) -> dict[int, tuple[ImportedFile, ...]]:
        """By message. What is damaged is left out: its message says by its words what went along."""
        if not self._has_attachments:
            return {}
        found: dict[int, tuple[ImportedFile, ...]] = {}
        for row in self._rows(_FILES, number):
            with suppress(msgspec.ValidationError):
                told = msgspec.convert(_known(row), AttachedFile)
                data = row["data"] if isinstance(row["data"], bytes) else None
                found[row["message_id"]] = (*found.get(row["message_id"], ()), imported_file(told, data))
        return found

    def _details(self, number: int, names: Mapping[int, str]) -> dict[int, ImportedDetail]:
        """By attempt; `names`: the messages' origins. What is damaged is left out."""
        if not self._has_details:
            return {}
        texts = {row["id"]: row["text"] for row in self._rows(_TEXTS, number) if isinstance(row["text"], str)}
        found: dict[int, ImportedDetail] = {}
        for row in self._rows(_DETAILS, number):
            match row["attempt_id"], row["note"], row["path"], row["request"], row["digest"]:
                case int() as attempt_id, str() as note, str() as path, str() | None as request, bytes() as digest:
                    found[attempt_id] = ImportedDetail(note, path, request, digest, names, texts)
        return found

    def _attempt(self, row: Row) -> ImportedAttempt | Unread | None:
        """None for one that still runs."""
        if row.get("outcome") is None:
            return None
        try:
            if not all(_is_sane(value) for value in row.values()) or moment_text(row["started_at"]) is None:
                raise msgspec.ValidationError("its numbers or times are none")
            numbers = {**row, "attempt_id": row["id"], "cost_usd": float(row["cost_usd"] or 0)}
            msgspec.convert({name: numbers.get(name) for name in _USAGE if name in numbers}, Attempt)
        except (msgspec.ValidationError, ValueError, KeyError) as error:
            return Unread(f"usage row {row.get('id')}", str(error))
        columns = {name: value for name, value in row.items() if name not in NOT_THEIRS}
        return ImportedAttempt(row.get("origin") or origin_of(self.uuid, row["id"]), columns)


_USAGE = Attempt.__struct_fields__


def _known(row: Row) -> Row:
    """Without what is NULL: the fields' defaults stand for it."""
    return {name: value for name, value in row.items() if value is not None}


def _is_sane(value: object) -> bool:
    match value:
        case int() | float():
            return math.isfinite(value) and 0 <= value < _MOST
        case str():
            return True
        case _:
            return value is None
