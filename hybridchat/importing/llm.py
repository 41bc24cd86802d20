"""`llm`'s logs.db: conversations of prompts with responses, and since 0.32 threads in a tree of messages."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import msgspec

from hybridchat.domain.chat import Role
from hybridchat.domain.imports import Found, ImportedConversation, ImportedMessage, Unread
from hybridchat.domain.moments import moment_text
from hybridchat.importing.broken import BROKEN, why
from hybridchat.importing.tree import Node, attached, grow, join, of_tool

NAME = "llm"

Row = dict[str, Any]

_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT, "tool": Role.ASSISTANT}


class Database:
    """Read a conversation at a time; raises sqlite3.Error where it is damaged."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._db.row_factory = lambda cursor, row: dict(zip((c[0] for c in cursor.description), row, strict=True))
        self._db.text_factory = lambda raw: raw.decode("utf-8", "replace")
        self._tables = {row["name"] for row in self._db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}

    def count(self) -> int:
        return sum(self._rows(f"SELECT count(*) AS n FROM {table}")[0]["n"] for table in self._lists())

    def _lists(self) -> list[str]:
        return [table for table in ("threads", "conversations") if table in self._tables]

    def _rows(self, statement: str, *parameters: object) -> list[Row]:
        return self._db.execute(statement, parameters).fetchall()

    def read(self, now: str) -> Iterator[Found]:
        """The newer tables first: what is in both is the same conversation."""
        told: set[str] = set()
        for table in self._lists():
            for row in self._rows(f"SELECT id, name FROM {table} ORDER BY id"):
                number = str(row["id"])
                where = f"conversation {number}"
                try:
                    nodes, leaf, system = self._thread(number, now) if table == "threads" else self._old(number, now)
                except BROKEN as error:
                    yield Unread(where, why(error))
                    continue
                if number in told or (not nodes and table == "threads"):
                    continue  # begun with the older tables, which have its beginning
                told.add(number)
                messages, active = grow(nodes, leaf)
                times = [message.created_at for message in messages] or [now]
                yield ImportedConversation(
                    origin=f"{NAME}:{number}",
                    title=str(row["name"] or ""),
                    created_at=min(times),
                    updated_at=max(times),
                    messages=messages,
                    active=active,
                    system=system,
                )
        if lost := self._without_conversation():
            yield Unread(f"{lost} responses", "the conversation that they name is not there")

    def _without_conversation(self) -> int:
        if not {"conversations", "responses"} <= self._tables:
            return 0
        here = "SELECT 1 FROM conversations WHERE conversations.id = responses.conversation_id"
        return int(self._rows(f"SELECT count(*) AS n FROM responses WHERE NOT EXISTS ({here})")[0]["n"])

    # --- conversations and responses, until 0.31

    def _old(self, number: str, now: str) -> tuple[dict[str, Node], str | None, str]:
        nodes: dict[str, Node] = {}
        before, system = None, ""
        responses = self._rows("SELECT * FROM responses WHERE conversation_id = ? ORDER BY datetime_utc, id", number)
        for row in responses:
            name, time = str(row["id"]), moment_text(row["datetime_utc"]) or now
            system = system or row["system"] or ""
            prompt = join(self._fragments(name), row["prompt"] or "", attached(self._attachments(name)))
            pair = (
                (f"{name}:prompt", Role.USER, prompt, "", None),
                (name, Role.ASSISTANT, row["response"] or "", row.get("reasoning") or "", row["model"]),
            )
            for origin, role, text, thinking, model in pair:
                message = _message(origin, role, text, thinking, time, model)
                nodes[origin] = Node(before, message)
                before = origin
        return nodes, before, system

    def _attachments(self, response: str) -> list[str]:
        if "prompt_attachments" not in self._tables:
            return []
        rows = self._rows(
            "SELECT type, path, url FROM prompt_attachments JOIN attachments ON attachments.id = attachment_id "
            'WHERE response_id = ? ORDER BY "order"',
            response,
        )
        return [_file_name(row) for row in rows]

    def _fragments(self, response: str) -> str:
        if "prompt_fragments" not in self._tables:
            return ""
        rows = self._rows(
            "SELECT content FROM prompt_fragments JOIN fragments ON fragments.id = fragment_id "
            'WHERE response_id = ? ORDER BY "order"',
            response,
        )
        return join(*(row["content"] or "" for row in rows))

    # --- threads, turns, messages and parts, since 0.32

    def _thread(self, number: str, now: str) -> tuple[dict[str, Node], str | None, str]:
        nodes: dict[str, Node] = {}
        system, leaf = "", None
        turns = self._rows("SELECT * FROM turns WHERE thread_id = ? ORDER BY datetime_utc, id", number)
        for turn in turns:
            time = moment_text(turn["datetime_utc"]) or now
            leaf = name = turn["tip_message_hash"]
            model = turn["resolved_model"] or turn["model"]
            while name is not None and name not in nodes:
                if name == turn["parent_message_hash"]:
                    model = None  # what came before, another may have said
                rows = self._rows("SELECT role, parent_hash FROM messages WHERE hash = ?", name)
                if not rows:
                    raise msgspec.ValidationError(f"its message {name} is missing")
                role, above = rows[0]["role"], rows[0]["parent_hash"]
                text, thinking = self._parts(name)
                message = None
                if role == "system":
                    system = system or text
                else:
                    message = _message(name, _ROLES[role], text, thinking, time, model)
                nodes[name] = Node(above, message)
                name = above
        return nodes, leaf, system

    def _parts(self, name: str) -> tuple[str, str]:
        texts: list[str] = []
        thoughts: list[str] = []
        for row in self._rows("SELECT * FROM parts WHERE message_hash = ? ORDER BY position", name):
            payload = msgspec.json.decode(row["payload"] or "{}", type=dict[str, Any])
            text = row["text"] or self._borrowed(payload.get("text_ref") or ())
            match row["type"]:
                case "text":
                    texts.append(text)
                case "reasoning":
                    thoughts.append(text)
                case "tool_call":
                    told = msgspec.json.encode(payload.get("arguments")).decode()
                    texts.append(of_tool(row["tool_name"] or "tool", told, "json"))
                case "tool_result":
                    texts.append(of_tool(row["tool_name"] or "tool", str(payload.get("output") or text)))
                case "attachment":
                    texts.append(attached(self._part_attachments(row["id"])))
        return join(*texts), join(*thoughts)

    def _borrowed(self, pieces: Any) -> str:
        """A text in pieces: its own words, and fragments by number."""
        return "".join(
            piece["literal"] if "literal" in piece else self._fragment(piece["fragment"]) for piece in pieces
        )

    def _fragment(self, number: int) -> str:
        rows = self._rows("SELECT content FROM fragments WHERE id = ?", number)
        return str(rows[0]["content"] or "") if rows else ""

    def _part_attachments(self, part: int) -> list[str]:
        rows = self._rows(
            "SELECT type, path, url FROM part_attachments JOIN attachments ON attachments.id = attachment_id "
            'WHERE part_id = ? ORDER BY "order"',
            part,
        )
        return [_file_name(row) for row in rows]


def _message(origin: str, role: Role, text: str, thinking: str, time: str, model: str | None) -> ImportedMessage | None:
    if not text and not thinking:
        return None
    return ImportedMessage(
        origin=origin,
        parent=None,
        role=role,
        text=text,
        thinking=thinking,
        created_at=time,
        model=model if role is Role.ASSISTANT else None,
    )


def _file_name(row: Row) -> str:
    path = row["path"] or row["url"]
    return str(path).replace("\\", "/").rpartition("/")[2] if path else str(row["type"] or "")
