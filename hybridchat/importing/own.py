"""Our own JSON, as `export` writes it: a conversation with its messages, the branch that was shown or all of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Raw, Struct

from hybridchat.domain.attachments import AttachedFile
from hybridchat.domain.chat import Effort, MessageState, Privacy, Reasoning, Role
from hybridchat.domain.imports import Found, ImportedConversation, ImportedMessage, Unread, imported_file
from hybridchat.domain.moments import moment_text
from hybridchat.domain.tags import tags_among
from hybridchat.domain.tuning import from_values
from hybridchat.importing.broken import BROKEN, why

NAME = "hybridchat"


class _File(AttachedFile, frozen=True):
    data: bytes | None = None


class _Conversation(Struct):
    origin: str
    messages: list[Raw]
    privacy: Privacy
    created_at: str
    updated_at: str
    title: str = ""
    system: str = ""
    workload: str | None = None
    reasoning: Reasoning = Reasoning.NORMAL
    effort: Effort | None = None
    parameters: dict[str, Any] = {}
    active_leaf_id: int | None = None
    tags: list[str] = []
    starred_at: str | None = None
    archived_at: str | None = None


class _Message(Struct):
    id: int
    role: Role
    text: str
    created_at: str
    origin: str
    parent_id: int | None = None
    thinking: str = ""
    thinking_ms: float | None = None
    state: MessageState = MessageState.COMPLETE
    note: str = ""
    signature: str = ""
    model: str | None = None
    attempt: dict[str, Any] | None = None
    attachments: list[_File] = []


_decode = msgspec.json.Decoder(_Conversation).decode
_decode_message = msgspec.json.Decoder(_Message).decode


def read(entry: bytes, where: str, now: str) -> Iterator[Found]:
    """Raises msgspec.MsgspecError for what is no such conversation."""
    said = _decode(entry)
    if not said.origin:
        raise msgspec.ValidationError("it has no origin")
    messages: list[ImportedMessage] = []
    origins: dict[int | None, str] = {}
    for number, raw in enumerate(said.messages, 1):
        try:
            one = _decode_message(raw)
        except BROKEN as error:
            yield Unread(f"{where}, message {number}", why(error))
            continue
        if one.state is MessageState.STREAMING:
            yield Unread(f"{where}, message {number}", "it was still being written: export it again")
            continue
        before = messages[-1].origin if messages and one.parent_id is not None else None
        messages.append(_message(one, origins.get(one.parent_id, before), now))
        origins[one.id] = one.origin
    yield ImportedConversation(
        origin=said.origin,
        title=said.title,
        created_at=moment_text(said.created_at) or now,
        updated_at=moment_text(said.updated_at) or now,
        messages=tuple(messages),
        active=origins.get(said.active_leaf_id) or (messages[-1].origin if messages else None),
        privacy=said.privacy,
        system=said.system,
        workload=said.workload,
        reasoning=said.reasoning,
        effort=said.effort,
        parameters=from_values(said.parameters),
        tags=tags_among(said.tags),
        starred_at=moment_text(said.starred_at),
        archived_at=moment_text(said.archived_at),
    )


def _message(said: _Message, parent: str | None, now: str) -> ImportedMessage:
    """Its attempt was measured elsewhere, and stays there; who wrote it comes along."""
    model = (said.attempt or {}).get("model")
    return ImportedMessage(
        origin=said.origin,
        parent=parent,
        role=said.role,
        text=said.text,
        created_at=moment_text(said.created_at) or now,
        thinking=said.thinking,
        thinking_ms=said.thinking_ms,
        state=said.state,
        note=said.note,
        signature=said.signature,
        attachments=tuple(imported_file(file, file.data) for file in said.attachments),
        model=said.model or (model if isinstance(model, str) else None),
    )
