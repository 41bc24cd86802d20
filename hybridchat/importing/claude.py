"""Claude's `conversations.json`: `chat_messages` with blocks of content, each with the message before it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Raw, Struct

from hybridchat.domain.chat import Role
from hybridchat.domain.imports import Found, ImportedConversation, ImportedMessage, Unread
from hybridchat.domain.moments import moment_text
from hybridchat.importing.broken import BROKEN, why
from hybridchat.importing.tree import Node, attached, fenced, grow, join, of_tool

NAME = "claude"


class _Conversation(Struct):
    uuid: str
    chat_messages: list[Raw]
    name: str | None = None
    created_at: Any = None
    updated_at: Any = None
    model: str | None = None
    current_leaf_message_uuid: str | None = None


class _Place(Struct):
    uuid: str
    parent_message_uuid: str | None = None


class _File(Struct):
    file_name: str | None = None
    extracted_content: str | None = None


class _Message(_Place, kw_only=True):
    sender: str
    text: str | None = None
    content: list[dict[str, Any]] | None = None
    created_at: Any = None
    attachments: list[_File] = []
    files: list[_File] = []


_ROLES = {"human": Role.USER, "user": Role.USER, "assistant": Role.ASSISTANT}
_decode = msgspec.json.Decoder(_Conversation).decode
_decode_message = msgspec.json.Decoder(_Message).decode
_decode_place = msgspec.json.Decoder(_Place).decode


def read(entry: bytes, where: str, now: str) -> Iterator[Found]:
    """Raises msgspec.MsgspecError for what is no such conversation."""
    said = _decode(entry)
    created_at = moment_text(said.created_at) or now
    nodes: dict[str, Node] = {}
    before: str | None = None  # older exports say no parents: each message follows the one before it
    for number, raw in enumerate(said.chat_messages, 1):
        try:
            one = _decode_message(raw)
            place, message = _Place(one.uuid, one.parent_message_uuid), _message(one, said.model, created_at)
        except BROKEN as error:
            yield Unread(f"{where}, message {number}", why(error))
            place, message = _placed(raw, f"message {number}"), None
        nodes[place.uuid] = Node(place.parent_message_uuid or before, message)
        before = place.uuid
    messages, active = grow(nodes, said.current_leaf_message_uuid or before)
    yield ImportedConversation(
        origin=f"{NAME}:{said.uuid}",
        title=said.name or "",
        created_at=created_at,
        updated_at=moment_text(said.updated_at) or max((message.created_at for message in messages), default=now),
        messages=messages,
        active=active,
    )


def _placed(raw: Raw, otherwise: str) -> _Place:
    try:
        return _decode_place(raw)
    except BROKEN:
        return _Place(otherwise)


def _message(said: _Message, model: str | None, time: str) -> ImportedMessage | None:
    """None for one without words. Raises ValidationError for a sender that is not known."""
    if said.sender not in _ROLES:
        raise msgspec.ValidationError(f"the sender {said.sender!r} is not known")
    blocks = [_block(block) for block in said.content or ()]
    text = join(*(text for text, _ in blocks)) or said.text or ""
    pasted = (fenced(file.extracted_content or "") for file in said.attachments if not file.file_name)
    names = [file.file_name for file in (*said.attachments, *said.files) if file.file_name]
    text, thinking = join(text, *pasted, attached(names)), join(*(thinking for _, thinking in blocks))
    if not text and not thinking:
        return None
    role = _ROLES[said.sender]
    return ImportedMessage(
        origin=said.uuid,
        parent=None,
        role=role,
        text=text,
        thinking=thinking,
        created_at=moment_text(said.created_at) or time,
        model=model if role is Role.ASSISTANT else None,
    )


def _block(block: dict[str, Any]) -> tuple[str, str]:
    """Text and thinking."""
    match block.get("type"):
        case "text":
            return block["text"], ""
        case "thinking":
            return "", block["thinking"]
        case "tool_use":
            told = msgspec.json.format(msgspec.json.encode(block.get("input")), indent=2).decode()
            return of_tool(block.get("name") or "tool", told, "json"), ""
        case "tool_result":
            return of_tool(block.get("name") or "tool", _result(block.get("content"))), ""
        case "voice_note":
            return join(block.get("title") or "", block.get("text") or ""), ""
        case _:  # flags, budgets and the like: for the interface
            return block["text"] if isinstance(block.get("text"), str) else "", ""


def _result(content: Any) -> str:
    if isinstance(content, list):
        return join(*(one["text"] for one in content if isinstance(one, dict) and isinstance(one.get("text"), str)))
    return content if isinstance(content, str) else ""
