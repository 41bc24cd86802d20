"""Comparisons and the votes on them: which replies stood side by side, and which was better. No text is in any of it,
so the rows outlive their conversation, as usage does."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from hybridchat.domain.chat import MessageState, Zone
from hybridchat.domain.compare import Compared, ComparedSide, Judgement, Side, Vote
from hybridchat.errors import LedgerError, UsageError
from hybridchat.ledger import writes
from hybridchat.ledger.reads import ORIGIN
from hybridchat.ledger.records import NewAttempt, NewTurn, TurnIds
from hybridchat.ledger.rows import insert
from hybridchat.ledger.times import utc_now

NOT_ASKED = "not asked yet"  # under the reply of a side that waits

# No text, and no foreign keys: a vote outlives its conversation. `a` stood further left than `b`.
TABLES = (
    """CREATE TABLE comparison (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        conversation_id INTEGER,
        question_id INTEGER,
        started_at TEXT NOT NULL,
        workload TEXT,
        is_hidden INTEGER NOT NULL DEFAULT 0,
        origin TEXT
    )""",
    "CREATE INDEX comparison_conversation ON comparison (conversation_id)",
    "CREATE UNIQUE INDEX comparison_origin ON comparison (origin) WHERE origin IS NOT NULL",
    """CREATE TABLE compared (
        comparison_id INTEGER NOT NULL,
        position INTEGER NOT NULL,
        message_id INTEGER,
        backend TEXT NOT NULL,
        model TEXT NOT NULL,
        zone TEXT NOT NULL,
        was_shared INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (comparison_id, position)
    ) WITHOUT ROWID""",
    """CREATE TABLE vote (
        comparison_id INTEGER PRIMARY KEY,
        voted_at TEXT NOT NULL,
        judgement TEXT NOT NULL,
        winner INTEGER,
        was_blind INTEGER NOT NULL
    )""",
    """CREATE VIEW comparisons AS
        SELECT c.id AS comparison_id, c.started_at, c.conversation_id, c.workload,
            (SELECT count(*) FROM compared WHERE comparison_id = c.id) AS sides,
            s.position, s.backend, s.model, s.zone, s.message_id,
            (SELECT max(id) FROM attempt WHERE message_id = s.message_id) AS attempt_id, s.was_shared
        FROM comparison c JOIN compared s ON s.comparison_id = c.id""",
    """CREATE VIEW votes AS
        SELECT v.comparison_id, v.voted_at, a.conversation_id, a.workload, v.was_blind, a.sides,
            a.position AS a_position, a.backend AS a_backend, a.model AS a_model, a.zone AS a_zone,
            a.attempt_id AS a_attempt_id,
            b.position AS b_position, b.backend AS b_backend, b.model AS b_model, b.zone AS b_zone,
            b.attempt_id AS b_attempt_id,
            CASE WHEN v.judgement <> 'better' THEN v.judgement WHEN v.winner = a.position THEN 'a' ELSE 'b' END
                AS outcome
        FROM vote v JOIN comparisons a ON a.comparison_id = v.comparison_id
            JOIN comparisons b ON b.comparison_id = v.comparison_id AND b.position > a.position
        WHERE v.judgement <> 'better' OR v.winner IN (a.position, b.position)""",
    "ALTER TABLE conversation ADD COLUMN run TEXT",
    "CREATE INDEX conversation_run ON conversation (run) WHERE run IS NOT NULL",
)


class NewSide(Struct, frozen=True):
    """One side of a comparison. One that `waits` is asked later, by `begin_attempt`."""

    attempt: NewAttempt
    was_shared: bool = False  # another side runs at the same time on the same server
    waits: bool = False


class NewComparison(Struct, frozen=True, kw_only=True):
    """The answers of several backends to one question, in the order in which they stand. The first side never waits."""

    sides: tuple[NewSide, ...]
    turn: NewTurn | None = None  # its words, where they are new; its attempt is the first side's
    beside_id: int = 0  # else a reply to the question: the answers stand beside it, or
    takes_place: bool = False  # the first is a further attempt of it, for it has no word
    workload: str | None = None
    is_hidden: bool = False  # nothing tells which side is which until there is a vote
    run: str | None = None  # HASH/NUMBER of a prompt in a file that is asked


class Asked(Struct, frozen=True):
    """A side that is asked once more, and the reply that it has by now."""

    position: int
    message_id: int
    has_words: bool
    was_shared: bool = False


class SideIds(Struct, frozen=True):
    message_id: int
    turn: TurnIds | None  # None: it waits


class ComparisonIds(Struct, frozen=True):
    comparison_id: int
    conversation_id: int
    user_message_id: int
    started_at: str
    sides: tuple[SideIds, ...]


def begin(db: sqlite3.Connection, process_id: int, new: NewComparison, attempts: Sequence[NewAttempt]) -> ComparisonIds:
    """`attempts`: of the sides that do not wait, in their order, the first side's first. The user's words, if they are
    new, and one reply a side; the first of them is the active leaf."""
    left = iter(attempts)
    if new.turn is not None:
        if new.run is not None:
            _refuse_twice(db, new.run)
        first = writes.begin_turn(db, process_id, replace(new.turn, attempt=next(left)))
        db.execute("UPDATE conversation SET run = ? WHERE id = ?", (new.run, first.conversation_id))
    else:
        begin_first = writes.begin_attempt if new.takes_place else writes.begin_sibling
        first = begin_first(db, process_id, new.beside_id, next(left))
    sides = [SideIds(first.reply_message_id, first)]
    for side in new.sides[1:]:
        if side.waits:
            # whatever ends this process before its turn comes, it was not asked
            state, note = MessageState.INTERRUPTED, NOT_ASKED
            reply_id = writes.insert_reply(db, first.conversation_id, first.user_message_id, utc_now(), state, note)
            sides.append(SideIds(reply_id, None))
        else:
            ids = writes.begin_sibling(db, process_id, first.reply_message_id, next(left))
            sides.append(SideIds(ids.reply_message_id, ids))
    _go_on_from(db, first.conversation_id, first.reply_message_id)
    number = insert(
        db,
        "comparison",
        conversation_id=first.conversation_id,
        question_id=first.user_message_id,
        started_at=first.started_at,
        workload=new.workload,
        is_hidden=new.is_hidden,
    )
    for position, (side, ids_of) in enumerate(zip(new.sides, sides, strict=True)):
        one, kept = side.attempt, {"message_id": ids_of.message_id, "was_shared": side.was_shared}
        place = {"comparison_id": number, "position": position}
        insert(db, "compared", **place, **kept, backend=one.backend, model=one.model, zone=one.zone)
    return ComparisonIds(number, first.conversation_id, first.user_message_id, first.started_at, tuple(sides))


def ask_again(
    db: sqlite3.Connection, process_id: int, comparison_id: int, asked: Sequence[Asked], attempts: Sequence[NewAttempt]
) -> tuple[SideIds, ...]:
    """Those sides once more. A reply with words stays, and the new one takes its place in the comparison; one without
    any gets a further attempt."""
    found = []
    for one, attempt in zip(asked, attempts, strict=True):
        begin_one = writes.begin_sibling if one.has_words else writes.begin_attempt
        (leaf_id,) = db.execute(
            "SELECT active_leaf_id FROM conversation WHERE id = (SELECT conversation_id FROM message WHERE id = ?)",
            (one.message_id,),
        ).fetchone() or (None,)
        ids = begin_one(db, process_id, one.message_id, attempt)
        shown = ids.reply_message_id if leaf_id == one.message_id else leaf_id
        _go_on_from(db, ids.conversation_id, shown)
        db.execute(
            "UPDATE compared SET message_id = ?, was_shared = ? WHERE comparison_id = ? AND position = ?",
            (ids.reply_message_id, one.was_shared, comparison_id, one.position),
        )
        found.append(SideIds(ids.reply_message_id, ids))
    return tuple(found)


def _refuse_twice(db: sqlite3.Connection, run: str) -> None:
    """Two windows at one run: each prompt is asked, and paid, once."""
    if db.execute("SELECT 1 FROM conversation WHERE run = ? AND deleted_at IS NULL", (run,)).fetchone():
        raise UsageError("another hybridchat is at this run", "wait for its end")


def _go_on_from(db: sqlite3.Connection, conversation_id: int, message_id: int | None) -> None:
    db.execute("UPDATE conversation SET active_leaf_id = ? WHERE id = ?", (message_id, conversation_id))


# --- votes


def vote(db: sqlite3.Connection, comparison_id: int, judgement: Judgement, winner: int | None) -> Vote:
    """In place of an earlier one; that was blind, if nothing has told the names until now. Raises LedgerError."""
    row = db.execute("SELECT is_hidden FROM comparison WHERE id = ?", (comparison_id,)).fetchone()
    if row is None:
        raise LedgerError(f"there is no comparison {comparison_id}", "it is in another ledger")
    new = Vote(judgement, winner, bool(row[0]), utc_now())
    db.execute(
        "INSERT OR REPLACE INTO vote (comparison_id, voted_at, judgement, winner, was_blind) VALUES (?, ?, ?, ?, ?)",
        (comparison_id, new.voted_at, new.judgement, new.winner, new.was_blind),
    )
    show_names(db, comparison_id)
    return new


def take_back(db: sqlite3.Connection, comparison_id: int) -> None:
    db.execute("DELETE FROM vote WHERE comparison_id = ?", (comparison_id,))


def show_names(db: sqlite3.Connection, comparison_id: int) -> None:
    """From now on no vote on it is blind."""
    db.execute("UPDATE comparison SET is_hidden = 0 WHERE id = ?", (comparison_id,))


# --- reading

_COMPARED = f"""
SELECT c.id, c.conversation_id, c.question_id, c.started_at, c.workload, c.is_hidden, {ORIGIN.format("c")},
       v.judgement, v.winner, v.was_blind, v.voted_at,
       s.position, s.message_id, s.backend, s.model, s.zone, s.was_shared
FROM comparison c JOIN compared s ON s.comparison_id = c.id LEFT JOIN vote v ON v.comparison_id = c.id"""


def of_conversation(db: sqlite3.Connection, conversation_id: int) -> list[Compared]:
    """Oldest first."""
    rows = db.execute(f"{_COMPARED} WHERE c.conversation_id = ? ORDER BY c.id, s.position", (conversation_id,))
    return _compared(rows)


def hidden(db: sqlite3.Connection, conversation_id: int) -> frozenset[int]:
    """The replies of that conversation that have no names until there is a vote."""
    rows = db.execute(
        "SELECT s.message_id FROM comparison c JOIN compared s ON s.comparison_id = c.id "
        "WHERE c.conversation_id = ? AND c.is_hidden AND s.message_id IS NOT NULL",
        (conversation_id,),
    )
    return frozenset(number for (number,) in rows)


def voted(db: sqlite3.Connection) -> list[Compared]:
    """Everything that was voted on, oldest first."""
    return _compared(db.execute(f"{_COMPARED} WHERE v.comparison_id IS NOT NULL ORDER BY c.id, s.position"))


def newest_sides(db: sqlite3.Connection) -> tuple[Side, ...]:
    """Of the last comparison that was begun, as they stood; of a blind one before the vote, by their names."""
    newest = "(SELECT max(id) FROM comparison WHERE origin IS NULL)"
    rows = db.execute(
        "SELECT s.backend, s.model FROM compared s JOIN comparison c ON c.id = s.comparison_id"
        f" WHERE c.id = {newest} ORDER BY iif(c.is_hidden, 0, s.position), s.backend, s.model"
    )
    return tuple(Side(*row) for row in rows)


def of_run(db: sqlite3.Connection, run: str) -> dict[int, Compared]:
    """What is there of a run, by the number of its prompt."""
    numbers = dict(
        db.execute(
            "SELECT id, run FROM conversation WHERE run >= ? AND run < ? AND deleted_at IS NULL",
            (f"{run}/", f"{run}0"),  # '0' follows '/'
        ).fetchall()
    )
    found = [one for number in numbers for one in of_conversation(db, number)[:1]]
    return {int(str(numbers[one.conversation_id]).rpartition("/")[2]): one for one in found}


def _compared(rows: Iterable[tuple[Any, ...]]) -> list[Compared]:
    found: dict[int, Compared] = {}
    for row in rows:
        number, conversation_id, question_id, started_at, workload, is_hidden, origin = row[:7]
        judgement, winner, was_blind, at = row[7:11]
        position, message_id, backend, model, zone, was_shared = row[11:]
        side = ComparedSide(position, message_id, backend, model, Zone(zone), bool(was_shared))
        before = found.get(number)
        if before is None:
            said = None if judgement is None else Vote(Judgement(judgement), winner, bool(was_blind), at)
            before = Compared(
                id=number,
                conversation_id=conversation_id,
                question_id=question_id,
                started_at=started_at,
                workload=workload,
                is_hidden=bool(is_hidden),
                origin=origin,
                sides=(),
                vote=said,
            )
        found[number] = replace(before, sides=(*before.sides, side))
    return list(found.values())
