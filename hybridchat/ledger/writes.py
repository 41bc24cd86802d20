"""What changes the ledger; each function runs inside one transaction of the writer thread."""

from __future__ import annotations

import sqlite3

from msgspec.structs import asdict

from hybridchat.domain.chat import Attempt, CostBasis, MessageState, Parameters, Privacy, Role
from hybridchat.domain.estimate import size_of
from hybridchat.domain.pricing import why_unbilled
from hybridchat.domain.privacy import strictest
from hybridchat.domain.tuning import stored
from hybridchat.errors import LedgerError, Refused
from hybridchat.ledger import attachments, details, money, waiting
from hybridchat.ledger.records import (
    AttemptCost,
    AttemptEnd,
    Forecast,
    NewAttempt,
    NewConversation,
    NewFork,
    NewTurn,
    TurnIds,
)
from hybridchat.ledger.rows import insert, storable
from hybridchat.ledger.times import utc_now

CHANGEABLE = {
    *("title", "route", "model", "privacy", "system", "workload", "reasoning", "effort", "parameters", "system_at"),
    *("decided_backend", "decided_model", "active_leaf_id"),
}


def begin_turn(db: sqlite3.Connection, process_id: int, turn: NewTurn) -> TurnIds:
    now = utc_now()
    conversation_id = turn.conversation_id
    if conversation_id is None:
        conversation_id = _insert_conversation(db, turn, now)
    else:
        _require_same_pin(db, conversation_id, turn.privacy)
        _require_parent(db, turn.parent_id)
    user_id = insert(
        db,
        "message",
        conversation_id=conversation_id,
        created_at=now,
        parent_id=turn.parent_id,
        role=Role.USER,
        text=storable(turn.text),
        attached=attachments.names_of(attachment.file for attachment in turn.attachments),
        state=MessageState.COMPLETE,
    )
    attachments.keep(db, attachments.Place(conversation_id, user_id), turn.attachments)
    if turn.waited is not None:
        waiting.take(db, conversation_id, turn.waited)
    reply_id = insert_reply(db, conversation_id, user_id, now)
    changed = db.execute(
        "UPDATE conversation SET updated_at = ?, archived_at = NULL, active_leaf_id = ?, privacy = ?, "
        "decided_backend = coalesce(?, decided_backend), decided_model = coalesce(?, decided_model) "
        "WHERE id = ? AND deleted_at IS NULL",
        (now, reply_id, turn.privacy, turn.decided_backend, turn.decided_model, conversation_id),
    )
    if not changed.rowcount:
        raise LedgerError(f"there is no conversation {conversation_id}", "it was deleted; start a new one")
    attempt = _insert_attempt(db, process_id, turn.attempt, conversation_id, reply_id, now)
    return TurnIds(conversation_id, user_id, reply_id, *attempt)


def fork(db: sqlite3.Connection, new: NewFork) -> int:
    """The new conversation's id. Its messages follow one another, with the times at which they were said."""
    conversation_id = _insert_conversation(db, new, utc_now())
    leaf_id: int | None = None
    for message in new.messages:
        leaf_id = insert(
            db,
            "message",
            conversation_id=conversation_id,
            parent_id=leaf_id,
            role=message.role,
            text=storable(message.text),
            attached=attachments.names_of(message.attachments),
            created_at=message.created_at,
            state=message.state,
            model=message.attempt.model if message.attempt else message.model,
        )
        attachments.link(db, attachments.Place(conversation_id, leaf_id), message.attachments)
    db.execute("UPDATE conversation SET active_leaf_id = ? WHERE id = ?", (leaf_id, conversation_id))
    return conversation_id


def _insert_conversation(db: sqlite3.Connection, new: NewConversation, now: str) -> int:
    return insert(
        db,
        "conversation",
        title=storable(new.title),
        created_at=now,
        updated_at=now,
        privacy=new.privacy,
        route=new.route,
        model=new.model,
        system=storable(new.system),
        workload=new.workload,
        reasoning=new.reasoning,
        effort=new.effort,
        parameters=stored(new.parameters),
    )


def _require_same_pin(db: sqlite3.Connection, conversation_id: int, privacy: Privacy) -> None:
    """A turn may tighten the conversation, as a local-only run does; another window's pin is never loosened by it."""
    has_turns = "EXISTS (SELECT 1 FROM message WHERE conversation_id = conversation.id)"
    row = db.execute(f"SELECT privacy FROM conversation WHERE id = ? AND {has_turns}", (conversation_id,)).fetchone()
    if row is not None and strictest(Privacy(row[0]), privacy) is not privacy:
        raise Refused("this conversation was pinned in another window", "open it again; nothing was sent")


def _require_parent(db: sqlite3.Connection, parent_id: int | None) -> None:
    if parent_id is not None and not db.execute("SELECT 1 FROM message WHERE id = ?", (parent_id,)).fetchone():
        raise LedgerError("what this follows was deleted in another window", "open the chat again; nothing was sent")


def begin_attempt(db: sqlite3.Connection, process_id: int, message_id: int, attempt: NewAttempt) -> TurnIds:
    """A further attempt for the same reply; what an earlier one left stays until the new one writes."""
    parent_id, conversation_id = _asked(db, message_id, attempt.privacy)
    db.execute("UPDATE message SET state = 'streaming', note = '' WHERE id = ?", (message_id,))
    new = _insert_attempt(db, process_id, attempt, conversation_id, message_id, utc_now())
    return TurnIds(conversation_id, parent_id, message_id, *new)


def begin_sibling(db: sqlite3.Connection, process_id: int, message_id: int, attempt: NewAttempt) -> TurnIds:
    """Another reply beside that one, or to that message of the user; it becomes the active leaf."""
    parent_id, conversation_id = _asked(db, message_id, attempt.privacy)
    now = utc_now()
    reply_id = insert_reply(db, conversation_id, parent_id, now)
    db.execute(
        "UPDATE conversation SET updated_at = ?, active_leaf_id = ? WHERE id = ?", (now, reply_id, conversation_id)
    )
    new = _insert_attempt(db, process_id, attempt, conversation_id, reply_id, now)
    return TurnIds(conversation_id, parent_id, reply_id, *new)


def insert_reply(
    db: sqlite3.Connection,
    conversation_id: int,
    question_id: int,
    now: str,
    state: MessageState = MessageState.STREAMING,
    note: str = "",
) -> int:
    """Without a word yet."""
    place = {"conversation_id": conversation_id, "parent_id": question_id, "created_at": now}
    return insert(db, "message", **place, role=Role.ASSISTANT, text="", state=state, note=note)


def _asked(db: sqlite3.Connection, message_id: int, privacy: Privacy) -> tuple[int, int]:
    """The message of the user that it is, or that it answers, and their conversation, which is not deleted nor pinned
    more strictly."""
    row = db.execute(
        "SELECT CASE role WHEN 'user' THEN message.id ELSE parent_id END, conversation_id "
        "FROM message JOIN conversation c ON c.id = conversation_id WHERE message.id = ? AND c.deleted_at IS NULL",
        (message_id,),
    ).fetchone()
    if row is None:
        raise LedgerError(f"there is no message {message_id}", "it was deleted; open the chat again")
    _require_same_pin(db, row[1], privacy)
    return row[0], row[1]


def _insert_attempt(
    db: sqlite3.Connection, process_id: int, attempt: NewAttempt, conversation_id: int, message_id: int, now: str
) -> tuple[int, str, int | None]:
    """The attempt's id, its start, and the most tokens that it may ask for. Raises OverBudget."""
    max_tokens, reserved = money.reserve(db, attempt.forecast, conversation_id, now)
    known = {name: getattr(attempt.forecast, name) for name in _FORECAST_FIELDS}
    attempt_id = insert(
        db,
        "attempt",
        conversation_id=conversation_id,
        message_id=message_id,
        process_id=process_id,
        started_at=now,
        requested_model=attempt.model,
        max_tokens=max_tokens,
        reserved_pico_usd=reserved,
        **{name: value for name, value in asdict(attempt).items() if name != "forecast"},
        **known,
    )
    return attempt_id, now, max_tokens


_FORECAST_FIELDS = tuple(name for name in Forecast.__struct_fields__ if name not in ("hold", "limits"))


def flush_reply(db: sqlite3.Connection, message_id: int, text: str, thinking: str) -> None:
    """Only while it streams: a flush that comes late changes nothing."""
    db.execute(
        "UPDATE message SET text = ?, thinking = ? WHERE id = ? AND state = 'streaming'",
        (storable(text), storable(thinking), message_id),
    )


_ATTEMPT_FIELDS = (
    *("outcome", "model", "error_kind", "finish_reason", "ttft_ms", "latency_ms", "load_ms", "prompt_tokens"),
    *("cached_tokens", "cache_write_tokens", "completion_tokens", "thinking_tokens", "tokens_per_s"),
    *("skipped_events", "cache_write_1h_tokens", "queue_ms", "prompt_ms"),
)
_END_ATTEMPT = (
    f"UPDATE attempt SET {', '.join(f'{name} = ?' for name in (*_ATTEMPT_FIELDS, 'reply_tokens_counted'))} "
    "WHERE id = ? AND outcome IS NULL"
)


def end_attempt(db: sqlite3.Connection, end: AttemptEnd) -> None:
    """The first end counts; a second one for the same attempt changes nothing."""
    if end.was_forwarded:
        db.execute(
            "UPDATE attempt SET zone = 'managed', proof = NULL WHERE id = ? AND outcome IS NULL", (end.attempt_id,)
        )
    values = [getattr(end, name) for name in _ATTEMPT_FIELDS]
    came = end.text + end.thinking
    if not db.execute(_END_ATTEMPT, (*values, size_of(came).tokens, end.attempt_id)).rowcount:
        return
    if end.note:
        details.keep_note(db, end.attempt_id, storable(end.note))
    unbilled = (
        why_unbilled(end.outcome, end.error_kind, came_anything=bool(came)) if end.was_sent else "nothing was sent"
    )
    if unbilled:  # free at once what was reserved: a next try may need it
        cost = AttemptCost(attempt_id=end.attempt_id, usd=None, basis=CostBasis.UNKNOWN, detail=unbilled)
        money.set_cost(db, cost)
    db.execute(
        "UPDATE message SET text = ?, thinking = ?, thinking_ms = ?, signature = ?, state = ?, note = ? WHERE id = ?",
        (
            *(storable(end.text), storable(end.thinking), end.thinking_ms, end.signature),
            *(end.state, storable(end.note), end.message_id),
        ),
    )
    db.execute(
        "UPDATE conversation SET updated_at = ? WHERE id = (SELECT conversation_id FROM attempt WHERE id = ?)",
        (utc_now(), end.attempt_id),
    )


def end_reply(db: sqlite3.Connection, message_id: int, state: MessageState, note: str) -> None:
    """Of a reply whose last attempt has ended already: what became of its next one."""
    db.execute("UPDATE message SET state = ?, note = ? WHERE id = ?", (state, storable(note), message_id))


_NUMBERS = (
    *("started_at", "purpose", "backend", "kind", "model", "zone", "proof", "privacy", "attempt_no"),
    *("cost_usd", "cost_basis"),
    *(name for name in _ATTEMPT_FIELDS if name != "model"),
)


def count_off_record(db: sqlite3.Connection, attempt: Attempt) -> None:
    """An ended attempt as a row of numbers, which belongs to no conversation and teaches no estimate. The budgets count
    its cost elsewhere (`money.spend_off_record`)."""
    numbers = {name: getattr(attempt, name) for name in _NUMBERS}
    insert(db, "attempt", **numbers, route_reason="off the record", cost_detail="off the record")


def update_conversation(db: sqlite3.Connection, conversation_id: int, fields: dict[str, object]) -> None:
    """Raises Refused for a privacy that would loosen one with turns."""
    if "privacy" in fields:
        _require_same_pin(db, conversation_id, Privacy(str(fields["privacy"])))
    values = [_column(value) for value in fields.values()]
    assignments = ", ".join(f"{name} = ?" for name in fields)
    changed = db.execute(f"UPDATE conversation SET {assignments} WHERE id = ?", (*values, conversation_id))
    if not changed.rowcount:
        raise LedgerError(f"there is no conversation {conversation_id}", "`hybridchat list` shows them")
    if "title" in fields:  # the old one's words would stay in the index
        db.execute("INSERT INTO conversation_fts (conversation_fts) VALUES ('optimize')")


def _column(value: object) -> object:
    if isinstance(value, Parameters):
        return stored(value)
    return storable(value) if isinstance(value, str) else value


def delete_conversation(db: sqlite3.Connection, process_id: int, conversation_id: int) -> None:
    """Marks it: out of every list and search, until it is restored or purged."""
    db.execute(
        "UPDATE conversation SET deleted_at = ?, deleted_by = ? WHERE id = ? AND deleted_at IS NULL",
        (utc_now(), process_id, conversation_id),
    )


def restore_conversation(db: sqlite3.Connection, conversation_id: int) -> None:
    changed = db.execute(
        "UPDATE conversation SET deleted_at = NULL, deleted_by = NULL WHERE id = ?", (conversation_id,)
    )
    if not changed.rowcount:
        raise LedgerError(f"there is no conversation {conversation_id}", "it was purged")
