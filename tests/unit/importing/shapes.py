"""Exports in miniature, in the shapes that other programs give them."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

ROOT = "00000000-0000-4000-8000-000000000000"  # Claude's word for no parent
START = 1_700_000_000.0
NOW = "2026-11-21T08:00:00.000Z"


def gpt_message(role: str, text: str, at: float = START, **more: Any) -> dict[str, Any]:
    return {
        "id": "unused",
        "author": {"role": role, "name": more.pop("name", None), "metadata": {}},
        "create_time": at,
        "update_time": None,
        "content": more.pop("content", {"content_type": "text", "parts": [text]}),
        "status": "finished_successfully",
        "end_turn": True,
        "weight": 1.0,
        "metadata": more.pop("metadata", {"model_slug": "gpt-4o"} if role == "assistant" else {}),
        "recipient": more.pop("recipient", "all"),
        "channel": None,
    }


def gpt(nodes: dict[str, tuple[str | None, dict[str, Any] | None]], leaf: str, number: str = "c1") -> dict[str, Any]:
    """From node → parent and message."""
    mapping: dict[str, Any] = {
        name: {"id": name, "parent": parent, "children": [], "message": message}
        for name, (parent, message) in nodes.items()
    }
    for name, (parent, _) in nodes.items():
        if parent in mapping:
            mapping[parent]["children"].append(name)
    return {
        "title": f"chat {number}",
        "create_time": START,
        "update_time": START + 60,
        "mapping": mapping,
        "moderation_results": [],
        "current_node": leaf,
        "conversation_id": number,
        "id": number,
        "is_archived": False,
        "default_model_slug": "auto",
    }


def gpt_chat(number: str = "c1", turns: int = 1) -> dict[str, Any]:
    nodes: dict[str, tuple[str | None, dict[str, Any] | None]] = {"root": (None, None)}
    before = "root"
    for turn in range(turns):
        ask, answer = f"{number}-u{turn}", f"{number}-a{turn}"
        nodes[ask] = (before, gpt_message("user", f"question {turn}", START + 2 * turn))
        nodes[answer] = (ask, gpt_message("assistant", f"answer {turn}", START + 2 * turn + 1))
        before = answer
    return gpt(nodes, before, number)


def claude_message(number: str, sender: str, text: str, parent: str | None = None, **more: Any) -> dict[str, Any]:
    place = {} if parent is None else {"parent_message_uuid": parent}
    return {
        "uuid": number,
        "text": text,
        "content": more.pop("content", [{"type": "text", "text": text, "citations": []}]),
        "sender": sender,
        "created_at": "2025-03-01T10:00:00.123456Z",
        "updated_at": "2025-03-01T10:00:00.123456Z",
        "attachments": more.pop("attachments", []),
        "files": more.pop("files", []),
        **place,
        **more,
    }


def claude(*messages: dict[str, Any], number: str = "k1", **more: Any) -> dict[str, Any]:
    return {
        "uuid": number,
        "name": "a talk",
        "summary": "",
        "created_at": "2025-03-01T10:00:00.000000Z",
        "updated_at": "2025-03-01T11:00:00.000000Z",
        "account": {"uuid": "someone"},
        "chat_messages": list(messages),
        **more,
    }


def webui_message(number: str, parent: str | None, role: str, content: Any, **more: Any) -> dict[str, Any]:
    model = {"model": "llama3.2:latest", "modelName": "llama3.2"} if role == "assistant" else {"models": ["llama3.2"]}
    return {
        "id": number,
        "parentId": parent,
        "childrenIds": [],
        "role": role,
        "content": content,
        "timestamp": int(START),
        **model,
        **more,
    }


def webui(*messages: dict[str, Any], leaf: str, number: str = "w1", **params: Any) -> dict[str, Any]:
    tree = {message["id"]: message for message in messages}
    return {
        "id": number,
        "user_id": "someone",
        "title": "from a server",
        "chat": {
            "id": "",
            "title": "from a server",
            "models": ["llama3.2:latest"],
            "params": params,
            "history": {"messages": tree, "currentId": leaf},
            "messages": list(messages),
            "tags": [],
            "timestamp": int(START * 1000),
            "files": [],
        },
        "updated_at": int(START) + 5,
        "created_at": int(START),
        "share_id": None,
        "archived": False,
        "pinned": False,
        "meta": {},
        "folder_id": None,
    }


LLM_OLD = """
CREATE TABLE conversations (id TEXT PRIMARY KEY, name TEXT, model TEXT);
CREATE TABLE attachments (id TEXT PRIMARY KEY, type TEXT, path TEXT, url TEXT, content BLOB);
CREATE TABLE prompt_attachments (response_id TEXT, attachment_id TEXT, "order" INTEGER);
CREATE TABLE fragments (id INTEGER PRIMARY KEY, hash TEXT, content TEXT, datetime_utc TEXT, source TEXT);
CREATE TABLE prompt_fragments (response_id TEXT, fragment_id INTEGER, "order" INTEGER);
CREATE TABLE responses (
  id TEXT PRIMARY KEY, model TEXT, prompt TEXT, system TEXT, prompt_json TEXT, options_json TEXT, response TEXT,
  response_json TEXT, conversation_id TEXT, duration_ms INTEGER, datetime_utc TEXT, input_tokens INTEGER,
  output_tokens INTEGER, token_details TEXT, schema_id TEXT, resolved_model TEXT, reasoning TEXT);
"""
LLM_NEW = """
CREATE TABLE threads (id TEXT PRIMARY KEY, name TEXT, tip_message_hash TEXT, forked_from TEXT, datetime_utc TEXT);
CREATE TABLE turns (
  id TEXT PRIMARY KEY, thread_id TEXT, parent_message_hash TEXT, tip_message_hash TEXT, model TEXT,
  resolved_model TEXT, options_json TEXT, input_tokens INTEGER, output_tokens INTEGER, datetime_utc TEXT);
CREATE TABLE messages (hash TEXT PRIMARY KEY, parent_hash TEXT, role TEXT, provider_metadata TEXT);
CREATE TABLE parts (
  id INTEGER PRIMARY KEY, message_hash TEXT, position INTEGER, type TEXT, tool_name TEXT, text TEXT, payload TEXT);
CREATE TABLE part_attachments (part_id INTEGER, attachment_id TEXT, "order" INTEGER);
"""


def llm_database(path: Path, script: str, **rows: list[tuple[Any, ...]]) -> Path:
    """Tables by name → rows of their first columns."""
    with closing(sqlite3.connect(path)) as db:
        db.executescript(script)
        for table, values in rows.items():
            width = len(db.execute(f"PRAGMA table_info({table})").fetchall())
            for row in values:
                filled = (*row, *[None] * (width - len(row)))
                db.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * width)})", filled)
        db.commit()
    return path


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()
