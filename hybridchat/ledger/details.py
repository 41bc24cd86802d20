"""What a reply's attempts sent and how each ended in words, kept beside their numbers for as long as the reply is.

A request is kept as its JSON with a reference wherever a message of the conversation stands in it: nothing that was
said is written twice. Put together again, its digest tells whether that is byte for byte what was sent. Placeholders
of a masked request are kept with where they stand, never what they stand for.
"""

from __future__ import annotations

import hashlib
import sqlite3
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from hybridchat.domain.secrets.masking import placeholders_in
from hybridchat.ledger.reads import USAGE_COLUMNS, to_attempt
from hybridchat.ledger.records import AttemptDetails, SentRequest

TABLES = (
    """CREATE TABLE attempt_detail (
        attempt_id INTEGER PRIMARY KEY,
        note TEXT NOT NULL DEFAULT '',
        path TEXT,
        request TEXT,  -- JSON, with references
        digest BLOB  -- SHA-256 of the body
    )""",
    # What no message says, such as a system prompt; once in a conversation.
    """CREATE TABLE request_text (
        id INTEGER PRIMARY KEY,
        attempt_id INTEGER NOT NULL,  -- the first that sent it
        conversation_id INTEGER NOT NULL,
        digest BLOB NOT NULL,
        text TEXT NOT NULL
    )""",
    "CREATE INDEX request_text_conversation ON request_text (conversation_id, digest)",
    "CREATE INDEX request_text_attempt ON request_text (attempt_id)",
    *(
        f"""CREATE TRIGGER {table}_details_gone AFTER DELETE ON {table}
        WHEN NOT EXISTS (SELECT 1 FROM {other} WHERE id = old.id) BEGIN
            DELETE FROM attempt_detail WHERE attempt_id IN (SELECT id FROM attempt WHERE message_id = old.id);
            DELETE FROM request_text WHERE attempt_id IN (SELECT id FROM attempt WHERE message_id = old.id);
        END"""
        for table, other in (("message", "deleted_message"), ("deleted_message", "message"))
    ),
)

SHORTEST = 64  # characters: shorter texts that no message says stay where they are in the JSON
LONGEST = 64 << 10  # of longer ones only the length is kept
FEWEST_ROWS = 4
JOINT = "\n\n"  # between messages of one role, which are sent as one
DELETED = "(deleted)"

_SAID = """
WITH RECURSIVE path (id, parent_id) AS (
    SELECT id, parent_id FROM message WHERE id = (SELECT message_id FROM attempt WHERE id = ?)
    UNION ALL
    SELECT m.id, m.parent_id FROM path JOIN message m ON m.id = path.parent_id AND m.id < path.id
)
SELECT m.id, m.text, m.thinking FROM path JOIN message m ON m.id = path.id ORDER BY m.id"""


def keep_note(db: sqlite3.Connection, attempt_id: int, note: str) -> None:
    """How the attempt ended, in a line: the message itself tells of its last one alone."""
    db.execute(
        "INSERT INTO attempt_detail (attempt_id, note) VALUES (?, ?) "
        "ON CONFLICT (attempt_id) DO UPDATE SET note = excluded.note",
        (attempt_id, note),
    )


def keep_request(
    db: sqlite3.Connection, attempt_id: int, path: str, body: bytes, placeholders: Mapping[str, str]
) -> None:
    """`placeholders`: what those in the body stand for. A body that is no JSON, or whose attempt is gone, is not kept;
    of several, the last one is."""
    row = db.execute("SELECT conversation_id FROM attempt WHERE id = ?", (attempt_id,)).fetchone()
    try:
        sent = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return
    if row is None or row[0] is None:
        return
    keeper = Keeper(db, attempt_id, row[0], placeholders)
    request = msgspec.json.encode(_packed(_mapped(sent, keeper.kept))).decode()
    db.execute(
        "INSERT INTO attempt_detail (attempt_id, path, request, digest) VALUES (?, ?, ?, ?) ON CONFLICT (attempt_id) "
        "DO UPDATE SET path = excluded.path, request = excluded.request, digest = excluded.digest",
        (attempt_id, path, request, hashlib.sha256(body).digest()),
    )


def details(db: sqlite3.Connection, message_id: int) -> tuple[AttemptDetails, ...]:
    """All attempts of a reply, in order."""
    columns = ", ".join(f"u.{name}" for name in USAGE_COLUMNS)
    rows = db.execute(
        f"SELECT a.cost_usd, a.cost_detail, d.note, d.path, d.request, d.digest, {columns} FROM attempt a "
        "JOIN usage u ON u.attempt_id = a.id LEFT JOIN attempt_detail d ON d.attempt_id = a.id "
        "WHERE a.message_id = ? ORDER BY a.id",
        (message_id,),
    ).fetchall()
    return tuple(
        AttemptDetails(
            attempt=to_attempt(tuple(fields)),
            cost_usd=usd,
            cost_detail=detail,
            note=note or "",
            request=_sent(db, path, request, digest) if request else None,
        )
        for usd, detail, note, path, request, digest, *fields in rows
    )


# --- with references


class Keeper:
    """Turns the texts of one request into what is kept of them."""

    def __init__(
        self, db: sqlite3.Connection, attempt_id: int, conversation_id: int, placeholders: Mapping[str, str]
    ) -> None:
        self._db, self._attempt_id, self._conversation_id = db, attempt_id, conversation_id
        self._placeholders = placeholders
        self._path: set[int] = set()  # the messages that went along, which go before the reply goes
        self._said: dict[str, dict[str, int]] = {}
        for message_id, text, thinking in db.execute(_SAID, (attempt_id,)):
            self._path.add(message_id)
            self._said.setdefault(thinking, {"thinking": message_id})
            self._said[text] = {"message": message_id}
        self._said.pop("", None)

    def kept(self, sent: str) -> Any:
        text, masked = self._unmasked(sent)
        parts = self._parts(text)
        if not parts:
            return sent if len(sent) < SHORTEST else self._attached(sent) or self.own(sent)
        references: list[Any] = []
        for start, end in parts:
            inside = [(first - start, last - start, it) for first, last, it in masked if start <= first < end]
            said = self._said[text[start:end]]
            references.append({**said, "masked": inside} if inside else said)
        return references[0] if len(references) == 1 else {"joined": references}

    def _unmasked(self, sent: str) -> tuple[str, list[tuple[int, int, str]]]:
        """With what its placeholders stand for, and where in that each of them goes."""
        pieces: list[str] = []
        masked: list[tuple[int, int, str]] = []
        at = length = 0
        for start, end in placeholders_in(sent) if self._placeholders else ():
            placeholder = sent[start:end]
            if (value := self._placeholders.get(placeholder)) is not None:
                pieces += [sent[at:start], value]
                length += start - at
                masked.append((length, length + len(value), placeholder))
                length += len(value)
                at = end
        return "".join((*pieces, sent[at:])), masked

    def _parts(self, text: str) -> list[tuple[int, int]]:
        """Where the messages stand that it is made of, with an empty line between them; none if it is not."""
        if text in self._said:
            return [(0, len(text))]
        parts: list[tuple[int, int]] = []
        at = 0
        while JOINT in text and at <= len(text):
            ends = (at + len(said) for said in self._said if text.startswith(said, at))
            end = max((end for end in ends if end == len(text) or text.startswith(JOINT, end)), default=-1)
            if end < 0:
                return []
            parts.append((at, end))
            at = end + len(JOINT)
        return parts

    def _attached(self, sent: str) -> dict[str, str] | None:
        """A picture or document, in base64 or as a data URL."""
        before, comma, data = sent.rpartition(",")
        try:
            digest = hashlib.sha256(b64decode(data, validate=True)).hexdigest()
        except ValueError:
            return None
        rows = self._db.execute("SELECT message_id FROM attachment WHERE digest = ?", (digest,))
        is_along = any(message_id in self._path for (message_id,) in rows)
        return {"attached": digest, "before": before + comma} if is_along else None

    def own(self, text: str) -> dict[str, Any]:
        """Once along a branch, so that what a deleted branch sent is not missing from another one."""
        if len(text) > LONGEST:
            return {"characters": len(text)}
        digest = hashlib.sha256(text.encode()).digest()
        rows = self._db.execute(
            "SELECT r.id, a.message_id FROM request_text r JOIN attempt a ON a.id = r.attempt_id "
            "WHERE r.conversation_id = ? AND r.digest = ?",
            (self._conversation_id, digest),
        ).fetchall()
        known = next((number for number, message_id in rows if message_id in self._path), None)
        if known is None:
            (known,) = self._db.execute(
                "INSERT INTO request_text (attempt_id, conversation_id, digest, text) VALUES (?, ?, ?, ?) RETURNING id",
                (self._attempt_id, self._conversation_id, digest, text),
            ).fetchone()
        return {"text": known}


def _mapped(value: Any, kept: Callable[[str], Any]) -> Any:
    """Each text becomes itself or, in an array of its own, a reference."""
    match value:
        case str():
            it = kept(value)
            return it if isinstance(it, str) else {"$": it}
        case list():
            return [_mapped(item, kept) for item in value]
        case dict():
            return {name: _mapped(item, kept) for name, item in value.items()}
        case _:
            return value


# --- in short: a long conversation's messages differ in nothing but which they are


def _packed(value: Any) -> Any:
    match value:
        case list() if len(value) >= FEWEST_ROWS:
            return {"$rows": _rows(value)}
        case dict():
            return {name: _packed(item) for name, item in value.items()}
        case _:
            return value


def _rows(items: list[Any]) -> tuple[list[Any], list[int | None]]:
    """What items look like without the number of their message; then, for each, which look it has and that number."""
    looks: dict[bytes, int] = {}
    rows: list[int | None] = []
    for item in items:
        found: list[int] = []
        look = msgspec.json.encode(_without_number(item, found))
        if len(found) != 1:
            look, found = msgspec.json.encode(item), []
        rows += [looks.setdefault(look, len(looks)), found[0] if found else None]
    return [msgspec.Raw(look) for look in looks], rows


def _without_number(value: Any, found: list[int]) -> Any:
    match value:
        case {"$": {"message": int() as number, **rest}}:
            found.append(number)
            return {"$": {"message": 0, **rest}}
        case list():
            return [_without_number(item, found) for item in value]
        case dict():
            return {name: _without_number(item, found) for name, item in value.items()}
        case _:
            return value


# --- and put together again


def _sent(db: sqlite3.Connection, path: str, request: str, digest: bytes) -> SentRequest:
    body = _filled(db, msgspec.json.decode(request))
    encoded = msgspec.json.encode(body)
    return SentRequest(path, encoded.decode(), is_exact=hashlib.sha256(encoded).digest() == digest)


def _filled(db: sqlite3.Connection, value: Any, number: int | None = None) -> Any:
    """`number`: of the message, in a row."""
    match value:
        case {"$rows": [looks, rows]}:
            return [_filled(db, looks[look], message) for look, message in zip(rows[::2], rows[1::2], strict=True)]
        case {"$": reference}:
            return _text(db, reference if number is None else {**reference, "message": number})
        case list():
            return [_filled(db, item, number) for item in value]
        case dict():
            return {name: _filled(db, item, number) for name, item in value.items()}
        case _:
            return value


def _text(db: sqlite3.Connection, reference: Mapping[str, Any]) -> str:
    match reference:
        case {"joined": parts}:
            return JOINT.join(_text(db, part) for part in parts)
        case {"attached": digest, "before": before}:
            row = db.execute("SELECT data FROM content WHERE digest = ?", (digest,)).fetchone()
            return DELETED if row is None else before + b64encode(row[0]).decode()
        case {"characters": length}:
            return f"({length:,} characters that are not kept here)"
        case {"text": number}:
            return _one(db, "SELECT text FROM request_text WHERE id = ?", number)
        case {"thinking": number}:
            text = _one(db, "SELECT thinking FROM message WHERE id = ?", number)
        case {"message": number}:
            text = _one(db, "SELECT text FROM message WHERE id = ?", number)
        case _:
            return DELETED  # a newer version's
    return "".join(_masked(text, reference.get("masked", ()))) if text != DELETED else DELETED


def _one(db: sqlite3.Connection, query: str, number: int) -> str:
    row = db.execute(query, (number,)).fetchone()
    return DELETED if row is None else str(row[0])


def _masked(text: str, masked: Sequence[tuple[int, int, str]]) -> Iterator[str]:
    at = 0
    for start, end, placeholder in masked:
        yield text[at:start]
        yield placeholder
        at = end
    yield text[at:]
