"""Adding what came from elsewhere. What is here already stays as it is: every row has the name of its origin."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import asdict

from hybridchat.domain.chat import Privacy
from hybridchat.domain.imports import (
    ImportedAttempt,
    ImportedComparison,
    ImportedConversation,
    ImportedMessage,
    ImportedSide,
)
from hybridchat.domain.privacy import strictest
from hybridchat.domain.tuning import stored
from hybridchat.ledger import attachments, comparisons, merged_details
from hybridchat.ledger.merging import NOT_THEIRS, origin_of
from hybridchat.ledger.reads import ledger_uuid
from hybridchat.ledger.rows import insert, storable
from hybridchat.ledger.times import utc_now

_WITHOUT_DETAIL = "NOT EXISTS (SELECT 1 FROM attempt_detail WHERE attempt_id = attempt.id)"  # as from earlier versions


class Added(Struct):
    """What became of the conversations of an import, and how many rows came with them."""

    new: int = 0
    grown: int = 0
    known: int = 0
    messages: int = 0
    attempts: int = 0
    votes: int = 0

    def count(self, other: Added) -> None:
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


def add(
    db: sqlite3.Connection,
    batch: Sequence[ImportedConversation | ImportedAttempt | ImportedComparison],
    *,
    rehearse: bool = False,
) -> Added:
    """Within a transaction. A rehearsal leaves nothing of it."""
    db.execute("SAVEPOINT rehearsal")
    adding = _Adding(db)
    for one in batch:
        if isinstance(one, ImportedAttempt):
            adding.attempts([one])
        elif isinstance(one, ImportedComparison):
            adding.comparison(one)
        else:
            adding.conversation(one)
    if rehearse:
        db.execute("ROLLBACK TO rehearsal")
    return adding.added


class _Adding:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._uuid = ledger_uuid(db)
        self._own = origin_of(self._uuid, 0)[:-1]
        columns = [row[1] for row in db.execute("PRAGMA table_info(attempt)")]
        self._columns = [name for name in columns if name not in NOT_THEIRS]
        self.added = Added()

    def conversation(self, new: ImportedConversation) -> None:
        number = self._conversation(new.origin)
        is_new = number is None
        if number is None:
            number = self._insert(new)
        here = self._messages(number)
        known = {origin or origin_of(self._uuid, message_id): message_id for message_id, origin in here}
        has_own = any(origin is None for _, origin in here)
        moving = merged_details.Moving(self._db, number, known)
        before = self.added.messages
        for message in new.messages:
            if message.origin not in known:
                known[message.origin] = self._insert_message(number, message, known)
                self.added.messages += 1
            self.attempts(message.attempts, number, known[message.origin], moving)
        came = self.added.messages - before
        if came:
            leaf_id = None if has_own else known.get(new.active or "")
            self._touch(number, leaf_id, new.updated_at)
        self._pin(number, new.privacy or Privacy.OPEN)
        self.added.new += is_new
        self.added.grown += bool(came) and not is_new
        self.added.known += not came and not is_new

    def comparison(self, new: ImportedComparison) -> None:
        """Once. A vote that is here stays as it is; one where there was none, and replies that were not here, come."""
        number = self._comparison(new)
        if new.conversation and (conversation_id := self._conversation(new.conversation)) is not None:
            self._link(number, conversation_id, new.sides)
        if new.vote is None or self._db.execute("SELECT 1 FROM vote WHERE comparison_id = ?", (number,)).fetchone():
            return
        insert(self._db, "vote", comparison_id=number, **asdict(new.vote))
        comparisons.show_names(self._db, number)
        self.added.votes += 1

    def _comparison(self, new: ImportedComparison) -> int:
        """The one that is here, or a new one without replies."""
        if (here := self._find("comparison", new.origin)) is not None:
            return here
        kept = {name: getattr(new, name) for name in ("started_at", "workload", "is_hidden", "origin")}
        number = insert(self._db, "comparison", **kept)
        for side in new.sides:
            row = {name: getattr(side, name) for name in ("position", "backend", "model", "zone", "was_shared")}
            insert(self._db, "compared", comparison_id=number, **row)
        return number

    def _link(self, number: int, conversation_id: int, sides: Iterable[ImportedSide]) -> None:
        """To what is here, where it has no reply or one that is gone."""
        gone = "AND (message_id IS NULL OR NOT EXISTS (SELECT 1 FROM message WHERE id = message_id))"
        place = f"UPDATE compared SET message_id = ? WHERE comparison_id = ? AND position = ? {gone}"
        linked = 0
        for side in sides:
            reply = side.message and self._find("message", side.message, "conversation_id = ?", conversation_id)
            if reply:
                linked += self._db.execute(place, (reply, number, side.position)).rowcount
        if linked:
            question = (
                "SELECT parent_id FROM message m JOIN compared s ON s.message_id = m.id WHERE s.comparison_id = ?2"
            )
            self._db.execute(
                f"UPDATE comparison SET conversation_id = ?1, question_id = ({question} LIMIT 1) WHERE id = ?2",
                (conversation_id, number),
            )

    def _conversation(self, origin: str) -> int | None:
        """The one that is here, whatever became of it since; not a deleted one."""
        return self._find("conversation", origin, "deleted_at IS NULL")

    def _find(self, table: str, origin: str, where: str = "true", *values: object) -> int | None:
        """The row that is here by that name: from elsewhere, or from this very ledger in the first place."""
        here = f"SELECT id FROM {table} WHERE {where} AND"
        row = self._db.execute(f"{here} origin = ?", (*values, origin)).fetchone()
        number = origin.removeprefix(self._own)
        if row is None and origin.startswith(self._own) and number.isdecimal() and len(number) < 19:
            row = self._db.execute(f"{here} origin IS NULL AND id = ?", (*values, int(number))).fetchone()
        return None if row is None else int(row[0])

    def _messages(self, conversation_id: int) -> list[tuple[int, str | None]]:
        found = self._db.execute("SELECT id, origin FROM message WHERE conversation_id = ?", (conversation_id,))
        return found.fetchall()

    def _insert(self, new: ImportedConversation) -> int:
        return insert(
            self._db,
            "conversation",
            title=storable(new.title),
            created_at=new.created_at,
            updated_at=new.updated_at,
            privacy=new.privacy or Privacy.OPEN,
            route="auto",  # its backends may be others here
            system=storable(new.system),
            system_at=utc_now(),  # what was decided about it elsewhere does not hold here
            workload=new.workload,
            reasoning=new.reasoning,
            effort=new.effort,
            parameters=stored(new.parameters),
            tags=msgspec.json.encode(new.tags).decode(),
            starred_at=new.starred_at,
            archived_at=new.archived_at,
            origin=storable(new.origin),
        )

    def _insert_message(self, conversation_id: int, message: ImportedMessage, known: Mapping[str, int]) -> int:
        message_id = insert(
            self._db,
            "message",
            conversation_id=conversation_id,
            parent_id=known.get(message.parent or ""),
            role=message.role,
            text=storable(message.text),
            attached=attachments.names_of(one.file for one in message.attachments),
            created_at=message.created_at,
            thinking=storable(message.thinking),
            thinking_ms=message.thinking_ms,
            state=message.state,
            note=storable(message.note),
            signature=message.signature,
            model=None if message.model is None else storable(message.model),
            origin=storable(message.origin),
        )
        attachments.add(self._db, attachments.Place(conversation_id, message_id), message.attachments)
        return message_id

    def _touch(self, number: int, leaf_id: int | None, updated_at: str) -> None:
        """Someone who went on here stays on their own branch."""
        self._db.execute(
            "UPDATE conversation SET active_leaf_id = coalesce(?, active_leaf_id), updated_at = max(updated_at, ?), "
            "system_at = ? "
            "WHERE id = ?",
            (leaf_id, updated_at, utc_now(), number),
        )

    def _pin(self, number: int, privacy: Privacy) -> None:
        """Only ever stricter."""
        (here,) = self._db.execute("SELECT privacy FROM conversation WHERE id = ?", (number,)).fetchone()
        if strictest(Privacy(here), privacy) != here:
            self._db.execute("UPDATE conversation SET privacy = ? WHERE id = ?", (privacy, number))

    def attempts(
        self,
        rows: Iterable[ImportedAttempt],
        conversation_id: int | None = None,
        message_id: int | None = None,
        moving: merged_details.Moving | None = None,
    ) -> None:
        """Those of this very ledger, and those that came before, are left out."""
        for row in rows:
            if row.origin.startswith(self._own):
                continue
            values = {name: row.columns[name] for name in self._columns if name in row.columns}
            values |= {"conversation_id": conversation_id, "message_id": message_id, "origin": row.origin}
            marks = ", ".join("?" * len(values))
            added = self._db.execute(
                f"INSERT INTO attempt ({', '.join(values)}) VALUES ({marks}) "
                "ON CONFLICT (origin) WHERE origin IS NOT NULL DO NOTHING",
                tuple(values.values()),
            )
            self.added.attempts += added.rowcount
            if row.detail is None or moving is None:
                continue
            here = f"SELECT id FROM attempt WHERE origin = ? AND message_id = ? AND {_WITHOUT_DETAIL}"
            if known := self._db.execute(here, (row.origin, message_id)).fetchone():
                moving.keep(known[0], row.detail)
