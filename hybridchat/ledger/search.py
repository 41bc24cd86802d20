"""Full-text search over messages and titles, narrowed by filters. What the user types is never SQL or FTS syntax."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from decimal import Decimal

from hybridchat.domain.chat import Role
from hybridchat.domain.search import LOCAL, Condition, Field, Phrase, Query
from hybridchat.ledger import usage
from hybridchat.ledger.connect import SQLITE_ERRORS, is_damage
from hybridchat.ledger.records import SearchHit
from hybridchat.ledger.times import utc_text
from hybridchat.ledger.words import joined, separated

HIT_BEGINS, HIT_ENDS = "\x02", "\x03"
BEFORE_CHARACTERS, AFTER_CHARACTERS, WORD_CHARACTERS = 40, 120, 20
INDEXES = ("message_fts", "conversation_fts")

_CHAT = "c.title, c.archived_at IS NOT NULL"
_FIRST_CHARACTERS = BEFORE_CHARACTERS + AFTER_CHARACTERS + WORD_CHARACTERS  # where no word is looked for

_TITLES = f"""
SELECT c.id, coalesce(c.active_leaf_id, 0), {_CHAT}, NULL, c.updated_at, {{shown}}
FROM {{source}} WHERE c.deleted_at IS NULL {{conditions}} ORDER BY {{order}} DESC LIMIT ?"""

_MESSAGES = f"""
SELECT m.conversation_id, m.id, {_CHAT}, m.role, m.created_at, {{shown}}
FROM {{source}} JOIN conversation c ON c.id = m.conversation_id
WHERE c.deleted_at IS NULL {{conditions}} ORDER BY {{order}} DESC LIMIT ?"""

_MARKED = "highlight({index}, 0, char(2), char(3))"
_FOUND_TITLES = "conversation_fts JOIN conversation c ON c.id = conversation_fts.rowid"
_FOUND_MESSAGES = "message_fts JOIN message m ON m.id = message_fts.rowid"

# --- filters: a condition's field → SQL with at most one parameter

_OF_CONVERSATION = {
    Field.TAG: "tags <> '[]' AND json_valid(tags) AND EXISTS (SELECT 1 FROM json_each(tags) WHERE value = ?)",
    Field.STARRED: "starred_at IS NOT NULL",
    Field.ARCHIVED: "archived_at IS NOT NULL",
}
_OF_ATTEMPTS = {
    Field.BACKEND: "EXISTS (SELECT 1 FROM attempt WHERE {mine} AND lower(backend) = ?)",
    Field.MODEL: "EXISTS (SELECT 1 FROM (SELECT model || ' ' || coalesce(requested_model, '') AS name FROM attempt "
    "WHERE {mine} UNION ALL SELECT model FROM message WHERE {imported}) WHERE instr(lower(name), ?))",
    Field.ZONE: "EXISTS (SELECT 1 FROM attempt WHERE {mine} AND instr(?, zone))",
    Field.COST_OVER: "(SELECT sum(CAST(cost_usd AS REAL)) FROM attempt WHERE {mine}) > ?",
    Field.COST_UNDER: "(SELECT sum(CAST(cost_usd AS REAL)) FROM attempt WHERE {mine}) < ?",
}
_WITH_CODE = "instr(text, '```')"  # exactly as the index `message_with_code` has it

# A reply's own attempts; of a question, those of its answers: what was asked of a backend is looked for as well.
_REPLIES = "(SELECT m.id UNION ALL SELECT id FROM message WHERE parent_id = m.id AND m.role = 'user')"
# Sides of a blind comparison are found by their words alone until there is a vote.
_NAMED = (
    "coalesce(message_id, 0) NOT IN (SELECT s.message_id FROM comparison b JOIN compared s ON s.comparison_id = b.id"
    " WHERE b.is_hidden AND s.message_id IS NOT NULL)"
)
_BY_MESSAGE = {"mine": f"message_id IN {_REPLIES} AND {_NAMED}", "imported": f"id IN {_REPLIES}"}
_BY_CHAT = {"mine": f"conversation_id = c.id AND {_NAMED}", "imported": "conversation_id = c.id"}


def _of_message(field: Field, id_: str) -> str:
    """`id_` names the message in the statement. A set of ids is looked up once and then costs nothing per message."""
    match field:
        case Field.BEFORE:
            return "m.created_at < ?"
        case Field.AFTER:
            return "m.created_at >= ?"
        case Field.CODE:
            return f"{id_} IN (SELECT id FROM message WHERE {_WITH_CODE} > 0)"
        case Field.TAG | Field.STARRED | Field.ARCHIVED:
            chats = f"SELECT id FROM conversation WHERE {_OF_CONVERSATION[field]}"
            return f"{id_} IN (SELECT id FROM message WHERE conversation_id IN ({chats}))"
        case _:
            return _OF_ATTEMPTS[field].format(**_BY_MESSAGE)


def _of_title(field: Field) -> str:
    match field:
        case Field.BEFORE:
            return "c.updated_at < ?"
        case Field.AFTER:
            return "c.updated_at >= ?"
        case Field.CODE:
            return f"EXISTS (SELECT 1 FROM message WHERE conversation_id = c.id AND {_WITH_CODE} > 0)"
        case Field.TAG | Field.STARRED | Field.ARCHIVED:
            return _OF_CONVERSATION[field]
        case _:
            return _OF_ATTEMPTS[field].format(**_BY_CHAT)


def _parameter(condition: Condition) -> list[str | float]:
    match condition.value:
        case None:
            return []
        case datetime() as moment:
            return [utc_text(moment)]
        case Decimal() as usd:
            return [float(usd)]
        case value if condition.field is Field.ZONE and value == LOCAL:
            return ["device private"]
        case value:
            return [value]


def _all(conditions: tuple[Condition, ...], sql: list[str]) -> str:
    """As the end of a WHERE."""
    signs = ["" if condition.is_wanted else "NOT " for condition in conditions]
    return "".join(f" AND {sign}({one})" for sign, one in zip(signs, sql, strict=True))


# --- searching


def match_expression(phrases: tuple[Phrase, ...]) -> str:
    """In FTS5's syntax; "" without a phrase that is wanted."""
    wanted = [_quoted(phrase) for phrase in phrases if phrase.is_wanted]
    without = [f" NOT {_quoted(phrase)}" for phrase in phrases if not phrase.is_wanted]
    return f"({' AND '.join(wanted)}){''.join(without)}" if wanted else ""


def _quoted(phrase: Phrase) -> str:
    return f'"{separated(phrase.text)}"{"*" if phrase.is_open else ""}'


def search(connection: sqlite3.Connection, query: Query, limit: int) -> list[SearchHit]:
    """Hits in titles first, then in messages, the newest first in both. Without a word to find, the conversations that
    the filters name; the messages, where a filter is about those."""
    if query.is_empty or _names_nobody(connection, query):
        return []
    expression = match_expression(query.phrases)
    has_words, are_of_chats = bool(expression), all(c.field in _OF_CHATS for c in query.conditions)
    hits: list[SearchHit] = []
    for statement, is_asked in (
        (_titles(query, has_words=has_words), has_words or are_of_chats),
        (_messages(query, has_words=has_words), has_words or not are_of_chats),
    ):
        if is_asked and len(hits) < limit:
            values = [value for condition in query.conditions for value in _parameter(condition)]
            found = [expression] if has_words else []
            hits += map(_to_hit, connection.execute(statement, (*found, *values, limit - len(hits))))
    return hits


def _names_nobody(connection: sqlite3.Connection, query: Query) -> bool:
    """A backend that was never asked, as while its name is being typed: then no message needs to be looked at."""
    wanted = {c.value for c in query.conditions if c.field is Field.BACKEND and c.is_wanted}
    return bool(wanted) and not wanted <= {name.lower() for name in usage.backends(connection)}


_OF_CHATS = {*_OF_CONVERSATION, Field.BEFORE, Field.AFTER}


def _titles(query: Query, *, has_words: bool) -> str:
    conditions = _all(query.conditions, [_of_title(condition.field) for condition in query.conditions])
    return _TITLES.format(
        shown=_MARKED.format(index="conversation_fts") if has_words else "c.title",
        source=_FOUND_TITLES if has_words else "conversation c",
        conditions=f"{' AND conversation_fts MATCH ?' if has_words else ''}{conditions}",
        order="conversation_fts.rowid" if has_words else "c.updated_at",
    )


def _messages(query: Query, *, has_words: bool) -> str:
    id_ = "+message_fts.rowid" if has_words else "m.id"
    conditions = _all(query.conditions, [_of_message(condition.field, id_) for condition in query.conditions])
    return _MESSAGES.format(
        shown=_MARKED.format(index="message_fts") if has_words else f"substr(m.text, 1, {_FIRST_CHARACTERS})",
        source=_FOUND_MESSAGES if has_words else "message m",
        conditions=f"{' AND message_fts MATCH ?' if has_words else ''}{conditions}",
        order="message_fts.rowid" if has_words else "m.id",
    )


def _to_hit(row: tuple[int, int, str, int, str | None, str, str]) -> SearchHit:
    chat_id, message_id, title, is_archived, role, at, marked = row
    speaker = next((one for one in Role if one == role), None)
    return SearchHit(chat_id, message_id, title, excerpt(joined(marked)), speaker, at, bool(is_archived))


def excerpt(marked: str) -> str:
    """The words around the first hit. FTS5's own `snippet` takes seconds where a word occurs thousands of times."""
    hit = marked.find(HIT_BEGINS)
    begin, end = max(hit - BEFORE_CHARACTERS, 0), min(hit + AFTER_CHARACTERS, len(marked))
    if begin:  # at a word, where there are words
        begin = max(marked.rfind(" ", begin - WORD_CHARACTERS, begin) + 1, begin - WORD_CHARACTERS)
    if end < len(marked):
        space = marked.find(" ", end, end + WORD_CHARACTERS)
        end = space if space >= 0 else end
    if marked.count(HIT_BEGINS, begin, end) > marked.count(HIT_ENDS, begin, end):
        end = marked.index(HIT_ENDS, end) + 1
    return ("…" if begin else "") + marked[begin:end] + ("…" if end < len(marked) else "")


def repair_index(connection: sqlite3.Connection) -> None:
    """Builds an index again that contradicts the messages; raises one of SQLITE_ERRORS if the messages are damaged."""
    for index in INDEXES:
        try:
            connection.execute(f"INSERT INTO {index} ({index}) VALUES ('integrity-check')")
        except SQLITE_ERRORS as error:
            if not is_damage(error):
                raise
            connection.execute(f"INSERT INTO {index} ({index}) VALUES ('rebuild')")
