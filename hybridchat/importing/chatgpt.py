"""ChatGPT's `conversations.json`: each conversation is a `mapping` of nodes with parents, and a `current_node`."""

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

NAME = "chatgpt"


class _Conversation(Struct):
    mapping: dict[str, Raw]
    id: str | None = None
    conversation_id: str | None = None
    title: str | None = None
    create_time: Any = None
    update_time: Any = None
    current_node: str | None = None
    is_archived: bool | None = None
    is_starred: bool | None = None


class _Place(Struct):
    parent: str | None = None


class _Node(_Place):
    message: _Message | None = None


class _Author(Struct):
    role: str
    name: str | None = None


class _Message(Struct):
    author: _Author
    content: dict[str, Any]
    create_time: Any = None
    recipient: str | None = None
    metadata: dict[str, Any] | None = None


_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT, "tool": Role.ASSISTANT, "system": Role.SYSTEM}
_decode = msgspec.json.Decoder(_Conversation).decode
_decode_node = msgspec.json.Decoder(_Node).decode
_decode_place = msgspec.json.Decoder(_Place).decode


def read(entry: bytes, where: str, now: str) -> Iterator[Found]:
    """Raises msgspec.MsgspecError for what is no such conversation."""
    said = _decode(entry)
    number = said.conversation_id or said.id
    if not number:
        raise msgspec.ValidationError("it has no id")
    created_at = moment_text(said.create_time)
    nodes: dict[str, Node] = {}
    system = ""
    time = created_at or now
    for name, raw in said.mapping.items():
        try:
            node = _decode_node(raw)
            message = None if node.message is None else _message(name, node.message, time)
        except BROKEN as error:
            yield Unread(f"{where}, message {name}", why(error))
            nodes[name] = Node(_parent(raw))
            continue
        if message is not None and message.role is Role.SYSTEM:
            system, message = system or message.text, None
        nodes[name] = Node(node.parent, message)
    messages, active = grow(nodes, said.current_node)
    updated_at = moment_text(said.update_time) or max((message.created_at for message in messages), default=now)
    yield ImportedConversation(
        origin=f"{NAME}:{number}",
        title=said.title or "",
        created_at=created_at or min((message.created_at for message in messages), default=now),
        updated_at=updated_at,
        starred_at=updated_at if said.is_starred else None,  # it does not say since when, as the next
        archived_at=updated_at if said.is_archived else None,
        messages=messages,
        active=active,
        system=system,
    )


def _parent(raw: Raw) -> str | None:
    try:
        return _decode_place(raw).parent
    except BROKEN:
        return None


def _message(name: str, said: _Message, time: str) -> ImportedMessage | None:
    """None for one that ChatGPT does not show either. Raises ValidationError for content that is not known."""
    metadata = said.metadata or {}
    if metadata.get("is_visually_hidden_from_conversation") or said.author.role not in _ROLES:
        if said.author.role not in _ROLES:
            raise msgspec.ValidationError(f"the role {said.author.role!r} is not known")
        return None
    text, thinking, files = _content(said)
    named = {str(one.get("id")): str(one.get("name") or "") for one in metadata.get("attachments") or ()}
    names = [*(named.pop(file, file) or file for file in files), *named.values()]
    text = join(text, attached(names))
    if not text and not thinking:
        return None
    return ImportedMessage(
        origin=name,
        parent=None,
        role=_ROLES[said.author.role],
        text=text,
        thinking=thinking,
        created_at=moment_text(said.create_time) or time,
        model=metadata.get("model_slug") if said.author.role == "assistant" else None,
    )


def _content(said: _Message) -> tuple[str, str, list[str]]:
    """Text, thinking, and the ids of images and files."""
    content = said.content
    match content.get("content_type"):
        case "text" | "multimodal_text":
            text, files = _parts(content.get("parts") or ())
            is_tool = said.author.role == "tool" and said.author.name
            return of_tool(said.author.name or "", text) if is_tool and text else text, "", files
        case "code":
            recipient = said.recipient if said.recipient not in (None, "all") else ""
            return of_tool(recipient or "", _text(content.get("text")), _text(content.get("language"))), "", []
        case "execution_output" | "system_error":
            return of_tool(said.author.name or "output", _text(content.get("text"))), "", []
        case "tether_browsing_display":
            return of_tool(said.author.name or "browser", _text(content.get("result"))), "", []
        case "tether_quote":
            quoted = join(_text(content.get("title")), _text(content.get("url")), _text(content.get("text")))
            return fenced(quoted), "", []
        case "thoughts":
            thoughts = content.get("thoughts") or ()
            return "", join(*(join(_text(one.get("summary")), _text(one.get("content"))) for one in thoughts)), []
        case "reasoning_recap" | "user_editable_context" | "model_editable_context":
            return "", "", []  # for the interface: how long it thought, what it was told about the user
        case other:
            raise msgspec.ValidationError(f"content of the type {other!r} is not known")


def _parts(parts: Any) -> tuple[str, list[str]]:
    texts: list[str] = []
    files: list[str] = []
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
        elif "asset_pointer" in part:
            files.append(_text(part["asset_pointer"]).rpartition("/")[2])
        elif "text" in part:  # among others, what was said in a voice chat
            texts.append(_text(part["text"]))
        elif isinstance(part.get("audio_asset_pointer"), dict):
            files.append(_text(part["audio_asset_pointer"].get("asset_pointer")).rpartition("/")[2])
        else:
            raise msgspec.ValidationError(f"a part of the type {part.get('content_type')!r} is not known")
    return join(*texts), files


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
