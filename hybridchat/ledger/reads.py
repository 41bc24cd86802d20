"""Conversations and messages as they are read back."""

from __future__ import annotations

import sqlite3
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar, cast

import msgspec
from msgspec.structs import replace

from hybridchat.domain.chat import (
    Attempt,
    Conversation,
    CostBasis,
    Disclosure,
    Effort,
    Message,
    MessageState,
    Outcome,
    Privacy,
    Proof,
    Purpose,
    Reasoning,
    Role,
    Zone,
)
from hybridchat.domain.outline import Node
from hybridchat.domain.tuning import from_stored
from hybridchat.ledger import attachments

E = TypeVar("E", bound=StrEnum)

FIRST_CHARACTERS = 200  # of a message, that an outline shows

USAGE_COLUMNS = Attempt.__struct_fields__

ORIGIN = "coalesce({0}.origin, 'hybridchat:' || (SELECT value FROM meta WHERE key = 'ledger_uuid') || ':' || {0}.id)"

_CONVERSATION = f"""
SELECT id, title, created_at, updated_at, privacy, route, model, decided_backend, decided_model, system, workload,
       reasoning, effort, active_leaf_id,
       (SELECT count(*) FROM message WHERE conversation_id = conversation.id), waiting,
       {ORIGIN.format("conversation")}, tags, starred_at, archived_at, parameters,
       system_at
FROM conversation WHERE deleted_at IS NULL"""

_MESSAGE_COLUMNS = tuple(name for name in Message.__struct_fields__ if name not in ("attempt", "attachments"))
_MESSAGE = ", ".join(ORIGIN.format("m") if name == "origin" else f"m.{name}" for name in _MESSAGE_COLUMNS)
_LAST_ATTEMPT = "LEFT JOIN usage u ON u.attempt_id = (SELECT max(id) FROM attempt WHERE message_id = m.id)"

# parents are older than their children, so `id <` also ends a walk through a damaged tree
_BRANCH = f"""
WITH RECURSIVE path (id, parent_id) AS (
    SELECT id, parent_id FROM message
        WHERE id = (SELECT active_leaf_id FROM conversation WHERE id = ? AND deleted_at IS NULL)
    UNION ALL
    SELECT m.id, m.parent_id FROM path JOIN message m ON m.id = path.parent_id AND m.id < path.id
)
SELECT {_MESSAGE}, u.* FROM path JOIN message m ON m.id = path.id {_LAST_ATTEMPT} ORDER BY m.id"""

_SIBLINGS = f"""
SELECT {_MESSAGE}, u.* FROM message m {_LAST_ATTEMPT}
WHERE m.conversation_id = (SELECT conversation_id FROM message WHERE id = :id)
    AND m.parent_id IS (SELECT parent_id FROM message WHERE id = :id) ORDER BY m.id"""

# the first messages of a conversation have no parent: they are beside each other as well
_WITH_SIBLINGS = f"""
SELECT {_MESSAGE}, u.* FROM message m {_LAST_ATTEMPT} WHERE m.conversation_id = :id AND coalesce(m.parent_id, 0) IN (
    SELECT coalesce(parent_id, 0) FROM message WHERE conversation_id = :id GROUP BY parent_id HAVING count(*) > 1
) ORDER BY m.id"""

_BELOW = """
WITH RECURSIVE below (id) AS (
    SELECT id FROM message WHERE id = :id AND conversation_id = :conversation
    UNION ALL
    SELECT m.id FROM below JOIN message m ON m.parent_id = below.id AND m.id > below.id
        AND m.conversation_id = :conversation
)
SELECT id FROM below ORDER BY id"""

_PATH = f"""
WITH RECURSIVE path (id, parent_id) AS (
    SELECT id, parent_id FROM message WHERE id = ?
    UNION ALL
    SELECT m.id, m.parent_id FROM path JOIN message m ON m.id = path.parent_id AND m.id < path.id
)
SELECT {_MESSAGE}, u.* FROM path JOIN message m ON m.id = path.id {_LAST_ATTEMPT} ORDER BY m.id"""

_OUTLINE = f"""
SELECT m.id, m.parent_id, m.role, substr(m.text, 1, {FIRST_CHARACTERS}), m.created_at, m.state,
    u.backend, coalesce(u.model, m.model), u.zone, u.cost_usd
FROM message m {_LAST_ATTEMPT} WHERE m.conversation_id = ? ORDER BY m.id"""

_TREE = f"SELECT {_MESSAGE}, u.* FROM message m {_LAST_ATTEMPT} WHERE m.conversation_id = ? ORDER BY m.id"


def _known(kind: type[E], value: Any) -> E:
    """A word of a newer version (or of a damaged page) that this one does not know is shown as it is."""
    return cast(E, _members(kind).get(value, value))


@cache  # a long conversation asks for tens of thousands, and calling an enumeration takes four times as long
def _members(kind: type[E]) -> dict[str, E]:
    return {member.value: member for member in kind}


def to_attempt(row: tuple[Any, ...]) -> Attempt:
    """From a row of the view `usage`, in USAGE_COLUMNS' order."""
    values = dict(zip(USAGE_COLUMNS, row, strict=True))
    for name, kind in _ENUMS.items():
        values[name] = _known(kind, values[name])
    return Attempt(**values)


_ENUMS = {
    "purpose": Purpose,
    "zone": Zone,
    "proof": Proof,
    "privacy": Privacy,
    "cost_basis": CostBasis,
    "outcome": Outcome,
    "disclosure": Disclosure,
}


def _to_conversation(row: tuple[Any, ...]) -> Conversation:
    values = list(row)
    values[4], values[11] = _known(Privacy, values[4]), _known(Reasoning, values[11])
    values[12] = next((effort for effort in Effort if effort == values[12]), None)  # a newer version's: as if not set
    values[15], values[17] = texts_in(values[15]), texts_in(values[17])
    values[20] = from_stored(values[20])
    return Conversation(*values)


def texts_in(stored: str) -> tuple[str, ...]:
    """Of a JSON array; a damaged one is empty."""
    try:
        return msgspec.json.decode(stored, type=tuple[str, ...])
    except msgspec.MsgspecError:
        return ()


def _to_message(row: tuple[Any, ...]) -> Message:
    values = dict(zip(_MESSAGE_COLUMNS, row, strict=False))
    values["role"], values["state"] = _known(Role, values["role"]), _known(MessageState, values["state"])
    usage = row[len(_MESSAGE_COLUMNS) :]
    return Message(**values, attempt=None if usage[0] is None else to_attempt(usage))


def ledger_uuid(db: sqlite3.Connection) -> str:
    (value,) = db.execute("SELECT value FROM meta WHERE key = 'ledger_uuid'").fetchone()
    return str(value)


def conversations(
    db: sqlite3.Connection, limit: int, before_id: int | None, *, with_archived: bool
) -> list[Conversation]:
    """Newest activity first; `before_id` is the last one of the page before."""
    older = "" if before_id is None else "AND (updated_at, id) < (SELECT updated_at, id FROM conversation WHERE id = ?)"
    shown = "" if with_archived else "AND archived_at IS NULL"
    parameters = (limit,) if before_id is None else (before_id, limit)
    rows = db.execute(f"{_CONVERSATION} {shown} {older} ORDER BY updated_at DESC, id DESC LIMIT ?", parameters)
    return [_to_conversation(row) for row in rows]


def conversation(db: sqlite3.Connection, conversation_id: int) -> Conversation | None:
    row = db.execute(f"{_CONVERSATION} AND id = ?", (conversation_id,)).fetchone()
    return None if row is None else _to_conversation(row)


def _messages(db: sqlite3.Connection, statement: str, parameters: tuple[int] | dict[str, int]) -> list[Message]:
    """Of one conversation, with what is known of their attachments."""
    messages = [_to_message(row) for row in db.execute(statement, parameters)]
    files = attachments.sent(db, messages[0].conversation_id) if messages else {}
    return [replace(m, attachments=files[m.id]) if m.id in files else m for m in messages]


def branch(db: sqlite3.Connection, conversation_id: int) -> list[Message]:
    """Root → active leaf, each reply with its last attempt."""
    return _messages(db, _BRANCH, (conversation_id,))


def version(db: sqlite3.Connection) -> tuple[int, int]:
    """What other connections committed, and what this one wrote (that of a ledger in memory does both)."""
    (committed,) = db.execute("PRAGMA data_version").fetchone()
    return committed, db.total_changes


def tree(db: sqlite3.Connection, conversation_id: int) -> list[Message]:
    return _messages(db, _TREE, (conversation_id,))


def path_to(db: sqlite3.Connection, message_id: int) -> list[Message]:
    """Root → that message, each reply with its last attempt."""
    return _messages(db, _PATH, (message_id,))


def outline(db: sqlite3.Connection, conversation_id: int) -> list[Node]:
    """Of all branches, by id."""
    return [_to_node(row) for row in db.execute(_OUTLINE, (conversation_id,))]


def _to_node(row: tuple[Any, ...]) -> Node:
    number, parent_id, role, text, created_at, state, backend, model, zone, cost_usd = row
    role, state = _known(Role, role), _known(MessageState, state)
    zone = None if zone is None else _known(Zone, zone)
    return Node(number, parent_id, role, text, created_at, state, backend, model, zone, cost_usd)


def siblings(db: sqlite3.Connection, message_id: int) -> list[Message]:
    """Messages with the same parent, by id."""
    return _messages(db, _SIBLINGS, {"id": message_id})


def with_siblings(db: sqlite3.Connection, conversation_id: int) -> list[Message]:
    """Answers to one question, and questions that two windows asked at one place, by id."""
    return _messages(db, _WITH_SIBLINGS, {"id": conversation_id})


def below(db: sqlite3.Connection, conversation_id: int, message_id: int) -> list[int]:
    """The message and all that follow it, by id; none where it is not in that conversation."""
    return [one for (one,) in db.execute(_BELOW, {"id": message_id, "conversation": conversation_id})]
