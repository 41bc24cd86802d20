"""The ledger's tables, as named migrations in order. Imported only to migrate, because sqlite-utils is heavy.

A migration that has shipped is never edited; the next change is the next function.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterable

from sqlite_utils import Database, Migrations

from hybridchat.ledger import attachments, comparisons, details, drafts, summary
from hybridchat.ledger.connect import APPLICATION_ID

migrations = Migrations("hybridchat")


def migrate(connection: sqlite3.Connection, *, stop_before: str | None = None) -> None:
    """Applies what is missing, each step atomic with the record that it was applied."""
    database = Database(connection, recursive_triggers=False)
    migrations.apply(database, stop_before=stop_before)
    applied = len(migrations.applied(database))
    connection.execute(f"PRAGMA user_version = {applied}")


def _run(database: Database, statements: Iterable[str]) -> None:
    for statement in statements:
        database.conn.execute(statement)


# AUTOINCREMENT: usage rows outlive their conversation, so its id must never name another one.
TABLES = (
    f"PRAGMA application_id = {APPLICATION_ID}",
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    # a running hybridchat; it holds a lock on run/TOKEN.lock while it lives
    "CREATE TABLE process (id INTEGER PRIMARY KEY AUTOINCREMENT, token TEXT NOT NULL UNIQUE, started_at TEXT NOT NULL)",
    """CREATE TABLE conversation (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        title TEXT NOT NULL,
        created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL,
        privacy TEXT NOT NULL,
        route TEXT NOT NULL,
        model TEXT,
        decided_backend TEXT,
        decided_model TEXT,
        system TEXT NOT NULL DEFAULT '',
        workload TEXT,
        reasoning TEXT NOT NULL,
        active_leaf_id INTEGER,
        waiting TEXT NOT NULL DEFAULT '[]',
        deleted_at TEXT,
        deleted_by INTEGER
    )""",
    "CREATE INDEX conversation_updated ON conversation (updated_at)",
    "CREATE INDEX conversation_deleted ON conversation (deleted_by) WHERE deleted_at IS NOT NULL",
    """CREATE TABLE message (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        conversation_id INTEGER NOT NULL REFERENCES conversation (id),
        parent_id INTEGER REFERENCES message (id),
        role TEXT NOT NULL,
        text TEXT NOT NULL,
        created_at TEXT NOT NULL,
        thinking TEXT NOT NULL DEFAULT '',
        thinking_ms REAL,
        state TEXT NOT NULL,
        note TEXT NOT NULL DEFAULT '',
        signature TEXT NOT NULL DEFAULT ''
    )""",
    "CREATE INDEX message_conversation ON message (conversation_id)",
    """CREATE TABLE attempt (
        id INTEGER PRIMARY KEY,
        conversation_id INTEGER,
        message_id INTEGER,
        process_id INTEGER,
        started_at TEXT NOT NULL,
        purpose TEXT NOT NULL,
        backend TEXT NOT NULL,
        kind TEXT NOT NULL,
        model TEXT NOT NULL,
        zone TEXT NOT NULL,
        proof TEXT,
        privacy TEXT NOT NULL,
        workload TEXT,
        route_reason TEXT NOT NULL,
        ttft_ms REAL,
        latency_ms REAL,
        load_ms REAL,
        prompt_tokens INTEGER,
        cached_tokens INTEGER,
        cache_write_tokens INTEGER,
        completion_tokens INTEGER,
        thinking_tokens INTEGER,
        tokens_per_s REAL,
        cost_usd TEXT,
        cost_basis TEXT NOT NULL DEFAULT 'unknown',
        cost_detail TEXT NOT NULL DEFAULT '',
        outcome TEXT,
        error_kind TEXT,
        finish_reason TEXT,
        attempt_no INTEGER NOT NULL,
        requested_model TEXT,
        cache_write_1h_tokens INTEGER,
        prompt_characters INTEGER,
        prompt_tokens_counted REAL,  -- by characters alone, as the next
        reply_tokens_counted REAL,
        prompt_tokens_estimated INTEGER,
        estimate_low_usd REAL,
        estimate_high_usd REAL,
        max_tokens INTEGER,
        reserved_pico_usd INTEGER,  -- held against the budgets, until there is a cost
        cost_pico_usd INTEGER  -- cost_usd, rounded up
    )""",
    "CREATE INDEX attempt_started ON attempt (started_at)",
    "CREATE INDEX attempt_conversation ON attempt (conversation_id)",
    "CREATE INDEX attempt_message ON attempt (message_id)",
    "CREATE INDEX attempt_side ON attempt (zone = 'managed')",
    "CREATE INDEX attempt_running ON attempt (process_id) WHERE outcome IS NULL",
    "CREATE INDEX attempt_model ON attempt (backend, requested_model) WHERE prompt_tokens_counted IS NOT NULL",
    "CREATE INDEX attempt_reserved ON attempt (started_at) WHERE reserved_pico_usd IS NOT NULL",
    """CREATE INDEX attempt_unpriced ON attempt (id)
        WHERE zone = 'managed' AND outcome IS NOT NULL AND cost_usd IS NULL AND cost_detail = ''""",
)


# Public and documented in docs/ledger.md: names are stable, more may be added.
_USAGE_COLUMNS = """
    id AS attempt_id, conversation_id, message_id, started_at, purpose,
    backend, kind, model, zone, proof, privacy, workload, route_reason,
    ttft_ms, latency_ms, load_ms,
    prompt_tokens, cached_tokens, cache_write_tokens, completion_tokens, thinking_tokens, tokens_per_s,
    CAST(cost_usd AS REAL) AS cost_usd, cost_basis, outcome, error_kind, finish_reason, attempt_no"""


_FORECAST_COLUMNS = (
    *("requested_model", "cache_write_1h_tokens", "prompt_characters", "prompt_tokens_estimated"),
    *("estimate_low_usd", "estimate_high_usd", "max_tokens"),
)

_FOUND_COLUMNS = ("found", "disclosure")


def _usage_view(*more: str) -> str:
    return f"CREATE VIEW usage AS SELECT {', '.join((_USAGE_COLUMNS, *more))} FROM attempt"


@migrations()
def m001_conversations_and_attempts(database: Database) -> None:
    _run(database, (*TABLES, _usage_view()))
    database.conn.execute("INSERT INTO meta VALUES ('ledger_uuid', ?)", [str(uuid.uuid4())])


def _words(column: str) -> str:
    """SQL for a text as the index has it: see `ledger.words`."""
    return f"separated(CAST({column} AS BLOB))"


# A message that still streams is not indexed: it changes every 250 ms. The views are what an index marks hits in.
SEARCH = (
    f"CREATE VIEW message_words AS SELECT id, {_words('text')} AS text FROM message",
    """CREATE VIRTUAL TABLE message_fts USING fts5 (
        text, content='message_words', content_rowid='id', tokenize='unicode61 remove_diacritics 2')""",
    f"""CREATE TRIGGER message_indexed_insert AFTER INSERT ON message WHEN new.state <> 'streaming' BEGIN
        INSERT INTO message_fts (rowid, text) VALUES (new.id, {_words("new.text")});
    END""",
    f"""CREATE TRIGGER message_indexed_update AFTER UPDATE OF text, state ON message BEGIN
        INSERT INTO message_fts (message_fts, rowid, text)
            SELECT 'delete', old.id, {_words("old.text")} WHERE old.state <> 'streaming';
        INSERT INTO message_fts (rowid, text) SELECT new.id, {_words("new.text")} WHERE new.state <> 'streaming';
    END""",
    f"""CREATE TRIGGER message_indexed_delete AFTER DELETE ON message WHEN old.state <> 'streaming' BEGIN
        INSERT INTO message_fts (message_fts, rowid, text) VALUES ('delete', old.id, {_words("old.text")});
    END""",
    f"INSERT INTO message_fts (rowid, text) SELECT id, {_words('text')} FROM message WHERE state <> 'streaming'",
    f"CREATE VIEW conversation_words AS SELECT id, {_words('title')} AS title FROM conversation",
    """CREATE VIRTUAL TABLE conversation_fts USING fts5 (
        title, content='conversation_words', content_rowid='id', tokenize='unicode61 remove_diacritics 2')""",
    f"""CREATE TRIGGER conversation_indexed_insert AFTER INSERT ON conversation BEGIN
        INSERT INTO conversation_fts (rowid, title) VALUES (new.id, {_words("new.title")});
    END""",
    f"""CREATE TRIGGER conversation_indexed_update AFTER UPDATE OF title ON conversation BEGIN
        INSERT INTO conversation_fts (conversation_fts, rowid, title) VALUES ('delete', old.id, {_words("old.title")});
        INSERT INTO conversation_fts (rowid, title) VALUES (new.id, {_words("new.title")});
    END""",
    f"""CREATE TRIGGER conversation_indexed_delete AFTER DELETE ON conversation BEGIN
        INSERT INTO conversation_fts (conversation_fts, rowid, title) VALUES ('delete', old.id, {_words("old.title")});
    END""",
    "INSERT INTO conversation_fts (rowid, title) SELECT id, title FROM conversation_words",
)


@migrations()
def m002_search(database: Database) -> None:
    _run(database, SEARCH)


@migrations()
def m003_summaries(database: Database) -> None:
    _run(database, summary.create_statements())


@migrations()
def m004_siblings_and_what_a_call_left_out(database: Database) -> None:
    added = ("skipped_events", "left_out_turns")
    _run(database, (f"ALTER TABLE attempt ADD COLUMN {name} INTEGER" for name in added))
    view = _usage_view(*added, *_FORECAST_COLUMNS)
    _run(database, ("DROP VIEW usage", view, "CREATE INDEX message_parent ON message (parent_id)"))


@migrations()
def m005_effort(database: Database) -> None:
    _run(database, ["ALTER TABLE conversation ADD COLUMN effort TEXT"])


@migrations()
def m006_what_was_found_before_sending(database: Database) -> None:
    _run(database, (f"ALTER TABLE attempt ADD COLUMN {name} TEXT" for name in _FOUND_COLUMNS))
    view = _usage_view("skipped_events", "left_out_turns", *_FORECAST_COLUMNS, *_FOUND_COLUMNS)
    _run(database, ("DROP VIEW usage", view))


# No foreign keys: these rows outlive their conversation, as those of attempt do.
DEPARTURE = """CREATE TABLE departure (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    left_at TEXT NOT NULL,
    host TEXT NOT NULL,
    port INTEGER NOT NULL,
    zone TEXT NOT NULL,
    backend TEXT,
    purpose TEXT NOT NULL,
    conversation_id INTEGER,
    message_id INTEGER,
    attempt_id INTEGER,
    body_bytes INTEGER,
    sent_bytes INTEGER,
    masked TEXT,
    overridden TEXT
)"""


@migrations()
def m007_departures(database: Database) -> None:
    _run(database, [DEPARTURE, "CREATE INDEX departure_left ON departure (left_at)"])


@migrations()
def m009_what_was_spent_off_the_record(database: Database) -> None:
    table = """CREATE TABLE off_record_cost (
        slot INTEGER NOT NULL,
        backend TEXT NOT NULL,
        pico_usd INTEGER NOT NULL,
        PRIMARY KEY (slot, backend)
    ) WITHOUT ROWID"""
    _run(database, [table])


@migrations()
def m011_where_rows_came_from(database: Database) -> None:
    """Imported rows are named by their origin, so that they come once; `model` says who wrote an imported reply."""
    added = (("conversation", "origin"), ("message", "origin"), ("message", "model"), ("attempt", "origin"))
    _run(database, (f"ALTER TABLE {table} ADD COLUMN {name} TEXT" for table, name in added))
    _run(
        database,
        (
            "CREATE INDEX conversation_origin ON conversation (origin) WHERE origin IS NOT NULL",
            "CREATE UNIQUE INDEX message_origin ON message (conversation_id, origin) WHERE origin IS NOT NULL",
            "CREATE UNIQUE INDEX attempt_origin ON attempt (origin) WHERE origin IS NOT NULL",
        ),
    )


@migrations()
def m012_tags_stars_and_the_archive(database: Database) -> None:
    added = ("tags TEXT NOT NULL DEFAULT '[]'", "starred_at TEXT", "archived_at TEXT")
    _run(database, (f"ALTER TABLE conversation ADD COLUMN {column}" for column in added))
    # only the ids, for a search: which messages have a block of code
    _run(database, ["CREATE INDEX message_with_code ON message (id) WHERE instr(text, '```') > 0"])


# A message's columns without what holds for living ones alone; and with which message it went, by whose hand.
_DELETED_MESSAGE = """CREATE TABLE deleted_message (
    id INTEGER PRIMARY KEY,
    conversation_id INTEGER NOT NULL,
    parent_id INTEGER,
    role TEXT NOT NULL,
    text TEXT NOT NULL,
    created_at TEXT NOT NULL,
    thinking TEXT NOT NULL,
    thinking_ms REAL,
    state TEXT NOT NULL,
    note TEXT NOT NULL,
    signature TEXT NOT NULL,
    origin TEXT,
    model TEXT,
    deleted_with INTEGER NOT NULL,
    deleted_by INTEGER NOT NULL
)"""


@migrations()
def m013_deleted_branches_and_unread_replies(database: Database) -> None:
    """Whoever adds a column to `message` adds it to `deleted_message` too; what goes when a message's row is deleted
    waits until it is in neither: a deleted branch can come back."""
    _run(
        database,
        (
            _DELETED_MESSAGE,
            "CREATE INDEX message_deleted_with ON deleted_message (deleted_with)",
            "ALTER TABLE conversation ADD COLUMN unread_replies INTEGER NOT NULL DEFAULT 0",
            "CREATE INDEX conversation_unread ON conversation (id) WHERE unread_replies > 0",
        ),
    )


@migrations()
def m014_attachments(database: Database) -> None:
    _run(database, attachments.create_statements(_words))


@migrations()
def m015_drafts(database: Database) -> None:
    """What is typed and not sent, by the process that typed it; `conversation_id` is NULL before the first message."""
    table = """CREATE TABLE draft (
        id INTEGER PRIMARY KEY,
        process_id INTEGER NOT NULL,
        conversation_id INTEGER,
        text TEXT NOT NULL,
        updated_at TEXT NOT NULL
    )"""
    index = "CREATE UNIQUE INDEX draft_of ON draft (process_id, coalesce(conversation_id, 0))"
    _run(database, [table, index, "CREATE INDEX draft_conversation ON draft (conversation_id)"])


@migrations()
def m016_comparisons_and_votes(database: Database) -> None:
    _run(database, comparisons.TABLES)


@migrations()
def m017_settings_of_a_conversation(database: Database) -> None:
    _run(database, ["ALTER TABLE conversation ADD COLUMN parameters TEXT NOT NULL DEFAULT '{}'"])
    view = _usage_view("skipped_events", "left_out_turns", *_FORECAST_COLUMNS, *_FOUND_COLUMNS, "parameters")
    _run(database, ["ALTER TABLE attempt ADD COLUMN parameters TEXT", "DROP VIEW usage", view])


@migrations()
def m018_what_each_attempt_sent_and_how_it_ended(database: Database) -> None:
    times = ("queue_ms", "prompt_ms")
    _run(database, (f"ALTER TABLE attempt ADD COLUMN {name} REAL" for name in times))
    view = _usage_view("skipped_events", "left_out_turns", *_FORECAST_COLUMNS, *_FOUND_COLUMNS, "parameters", *times)
    _run(database, ("DROP VIEW usage", view, *details.TABLES))


@migrations()
def m019_since_when_the_system_prompt_is_another(database: Database) -> None:
    """What the user decided about secrets before then was about the old one."""
    _run(database, ["ALTER TABLE conversation ADD COLUMN system_at TEXT"])


@migrations()
def m020_what_is_attached_to_a_draft(database: Database) -> None:
    _run(database, drafts.TABLES)
