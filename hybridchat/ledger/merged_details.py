"""How attempts of another ledger ended and what they sent, on the way into this one: a reference to a message there
becomes one to the same message here. It is somebody else's file: a request of another shape is left out."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from functools import cached_property
from itertools import chain
from typing import Any

import msgspec

from hybridchat.domain.imports import ImportedDetail
from hybridchat.ledger.details import Keeper
from hybridchat.ledger.rows import storable

LARGEST = 64 << 20  # characters of a request: a file could name one long text, or one long look, a million times
NOWHERE = 0  # the number of no message: it is shown as deleted
_ODD = (msgspec.MsgspecError, ValueError, TypeError, LookupError, AttributeError, RecursionError)


class Moving:
    """Into one conversation."""

    def __init__(self, db: sqlite3.Connection, conversation_id: int, here: Mapping[str, int]) -> None:
        """`here`: its messages, by their origins."""
        self._db, self._conversation_id, self._here = db, conversation_id, here
        self._texts: dict[int, dict[str, Any]] = {}  # by their numbers there, what they are here

    def keep(self, attempt_id: int, detail: ImportedDetail) -> None:
        """For an attempt that has none yet."""
        request = None
        if detail.request is not None:
            try:
                moved = _Request(self, attempt_id, detail).moved(msgspec.json.decode(detail.request))
                request = msgspec.json.encode(moved).decode()
            except _ODD:  # whatever such a file may hold there
                request = None
        path, digest = (None, None) if request is None else (storable(detail.path), detail.digest)
        self._db.execute(
            "INSERT INTO attempt_detail (attempt_id, note, path, request, digest) VALUES (?, ?, ?, ?, ?)",
            (attempt_id, storable(detail.note), path, request, digest),
        )

    def text(self, number: int, attempt_id: int, detail: ImportedDetail) -> dict[str, Any]:
        """What stands for a text that no message says. Raises KeyError for one that did not come along."""
        if number not in self._texts:
            keeper = Keeper(self._db, attempt_id, self._conversation_id, {})
            self._texts[number] = keeper.own(storable(detail.texts[number]))
        return self._texts[number]

    def attached_bytes(self, digest: str) -> int | None:
        """None for what is not attached in this very conversation."""
        known = "SELECT max(size_bytes) FROM attachment WHERE digest = ? AND conversation_id = ?"
        size: int | None = self._db.execute(known, (digest, self._conversation_id)).fetchone()[0]
        return size

    def message(self, number: int, names: Mapping[int, str]) -> int:
        return self._here.get(names.get(number, ""), NOWHERE)

    @cached_property
    def lengths(self) -> dict[int, int]:
        """Of its messages, in characters."""
        query = "SELECT id, length(text) + length(thinking) FROM message WHERE conversation_id = ?"
        return dict(self._db.execute(query, (self._conversation_id,)).fetchall())


class _Request:
    """One of them. Its methods raise one of _ODD for what is none."""

    def __init__(self, moving: Moving, attempt_id: int, detail: ImportedDetail) -> None:
        self._moving, self._attempt_id, self._detail = moving, attempt_id, detail
        self._left = LARGEST

    def moved(self, value: Any) -> Any:
        match value:
            case {"$rows": packed}:
                return {"$rows": self._rows(*msgspec.convert(packed, tuple[list[Any], list[int | None]]))}
            case {"$": reference}:
                return {"$": self._reference(reference)}
            case list():
                return [self.moved(item) for item in value]
            case dict():
                return {name: self.moved(item) for name, item in value.items()}
            case _:
                return value

    def _rows(self, looks: list[Any], rows: list[int | None]) -> tuple[list[Any], list[int | None]]:
        which, names = msgspec.convert(rows[::2], list[int]), self._detail.names
        written = [msgspec.json.encode(look) for look in looks]
        if len(rows) % 2 or min(which, default=0) < 0 or any(b'"$rows"' in look for look in written):
            raise ValueError("no rows as we write them")
        here = [None if number is None else self._moving.message(number, names) for number in rows[1::2]]
        lengths = self._moving.lengths
        self._weigh(sum(len(written[look]) for look in which) + sum(lengths.get(one or NOWHERE, 0) for one in here))
        return [self.moved(look) for look in looks], list(chain(*zip(which, here, strict=True)))

    def _reference(self, there: Any) -> dict[str, Any]:
        """What it is here; {}, which is shown as deleted too, for what did not come along."""
        match there:
            case {"joined": list() as parts}:
                return {"joined": [self._reference(part) for part in parts]}
            case {"characters": int() as length} if length < 1 << 53:
                return {"characters": length}
            case {"attached": str() as digest, "before": str() as before}:
                size_bytes = self._moving.attached_bytes(digest)
                self._weigh((size_bytes or 0) * 4 // 3)
                return {} if size_bytes is None else {"attached": digest, "before": before}
            case {"text": int() as number} if number in self._detail.texts:
                self._weigh(len(self._detail.texts[number]))
                return self._moving.text(number, self._attempt_id, self._detail)
            case {"thinking": int() as number}:
                return self._said("thinking", number, there)
            case {"message": int() as number}:
                return self._said("message", number, there)
        return {}

    def _said(self, what: str, number: int, there: Mapping[str, Any]) -> dict[str, Any]:
        message_id = self._moving.message(number, self._detail.names)
        self._weigh(self._moving.lengths.get(message_id, 0))
        masked = msgspec.convert(there.get("masked", []), list[tuple[int, int, str]])
        return {what: message_id, "masked": masked} if masked else {what: message_id}

    def _weigh(self, characters: int) -> None:
        self._left -= characters
        if self._left < 0:
            raise ValueError("it is too long")
