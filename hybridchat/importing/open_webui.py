"""Open WebUI's export: chats whose `history` is a tree of messages with `parentId`, and a `currentId`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Raw, Struct

from hybridchat.domain.chat import Role
from hybridchat.domain.imports import Found, ImportedConversation, ImportedMessage, Unread
from hybridchat.domain.moments import moment_text
from hybridchat.domain.tags import tags_among
from hybridchat.importing.broken import BROKEN, why
from hybridchat.importing.tree import Node, attached, grow, join

NAME = "open-webui"

# It keeps thinking as quoted lines in the reply itself, between these.
_THOUGHT, _THOUGHT_ENDS = '<details type="reasoning"', "</details>"
_HEAD = re.compile(r"[^>]*>\s*(?:<summary>[^<]*</summary>)?")


class _History(Struct, rename={"current": "currentId"}):
    messages: dict[str, Raw]
    current: str | None = None


class _Chat(Struct):
    history: _History | None = None
    messages: list[Raw] = []
    title: str | None = None
    timestamp: Any = None
    params: dict[str, Any] | None = None


class _Conversation(Struct):
    id: str
    chat: _Chat
    title: str | None = None
    created_at: Any = None
    updated_at: Any = None
    archived: bool | None = None
    pinned: bool | None = None
    meta: dict[str, Any] | None = None


class _Place(Struct, rename={"parent": "parentId"}):
    parent: str | None = None


class _Message(_Place, kw_only=True):
    role: str
    content: str | list[dict[str, Any]] = ""
    timestamp: Any = None
    model: str | None = None
    files: list[dict[str, Any]] | None = None
    error: Any = None


_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT, "tool": Role.ASSISTANT, "system": Role.SYSTEM}
_decode = msgspec.json.Decoder(_Conversation).decode
_decode_message = msgspec.json.Decoder(_Message).decode
_decode_place = msgspec.json.Decoder(_Place).decode


def read(entry: bytes, where: str, now: str) -> Iterator[Found]:
    """Raises msgspec.MsgspecError for what is no such chat."""
    said = _decode(entry)
    chat = said.chat
    created_at = moment_text(said.created_at) or moment_text(chat.timestamp) or now
    history = chat.history.messages if chat.history else _in_a_row(chat.messages)
    nodes: dict[str, Node] = {}
    system = (chat.params or {}).get("system")
    system = system if isinstance(system, str) else ""
    for name, raw in history.items():
        try:
            one = _decode_message(raw)
            message = _message(name, one, created_at)
            parent = one.parent
        except BROKEN as error:
            yield Unread(f"{where}, message {name}", why(error))
            parent, message = _parent(raw), None
        if message is not None and message.role is Role.SYSTEM:
            system, message = system or message.text, None
        nodes[name] = Node(parent if chat.history else _before(name), message)
    messages, active = grow(nodes, chat.history.current if chat.history else None)
    updated_at = moment_text(said.updated_at) or max((message.created_at for message in messages), default=now)
    tags = (said.meta or {}).get("tags")
    yield ImportedConversation(
        origin=f"{NAME}:{said.id}",
        title=said.title or chat.title or "",
        created_at=created_at,
        updated_at=updated_at,
        tags=tags_among(tags if isinstance(tags, list) else ()),
        starred_at=updated_at if said.pinned else None,  # it does not say since when, as the next
        archived_at=updated_at if said.archived else None,
        messages=messages,
        active=active,
        system=system,
    )


def _in_a_row(messages: list[Raw]) -> dict[str, Raw]:
    """An older chat has no tree."""
    return {str(number): raw for number, raw in enumerate(messages)}


def _before(name: str) -> str:
    return str(int(name) - 1)


def _parent(raw: Raw) -> str | None:
    try:
        return _decode_place(raw).parent
    except BROKEN:
        return None


def _message(name: str, said: _Message, time: str) -> ImportedMessage | None:
    """None for one without words. Raises ValidationError for a role that is not known."""
    if said.role not in _ROLES:
        raise msgspec.ValidationError(f"the role {said.role!r} is not known")
    text, names = _content(said.content)
    text, thinking = _without_thinking(text)
    names += [str(file.get("name") or file.get("type") or "") for file in said.files or ()]
    text = join(text, attached(names))
    if not text and not thinking:
        return None
    return ImportedMessage(
        origin=name,
        parent=None,
        role=_ROLES[said.role],
        text=text,
        thinking=thinking,
        created_at=moment_text(said.timestamp) or time,
        model=said.model if said.role == "assistant" else None,
        note="it ended with an error" if said.error else "",
    )


def _content(content: str | list[dict[str, Any]]) -> tuple[str, list[str]]:
    if isinstance(content, str):
        return content, []
    texts = [part["text"] for part in content if isinstance(part.get("text"), str)]
    return join(*texts), [str(part.get("type") or "") for part in content if "text" not in part]


def _without_thinking(text: str) -> tuple[str, str]:
    """The words and the thinking. Linear, whatever is opened and never closed."""
    first, *others = text.split(_THOUGHT)
    words, thoughts = [first], []
    for other in others:
        head = _HEAD.match(other)
        thought, end, rest = other[head.end() :].partition(_THOUGHT_ENDS) if head else ("", "", "")
        if end:
            thoughts.append(_unquoted(thought))
            words.append(rest)
        else:
            words.append(_THOUGHT + other)
    return ("".join(words).strip("\n") if thoughts else text), join(*thoughts)


def _unquoted(quoted: str) -> str:
    return "\n".join(line.removeprefix("&gt;").removeprefix(">").strip() for line in quoted.strip().splitlines())
