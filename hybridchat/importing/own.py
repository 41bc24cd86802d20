"""Our own JSON, as `export` writes it: a conversation with its messages, the branch that was shown or all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Raw, field
from msgspec.structs import replace

from hybridchat.domain.attachments import AttachedFile
from hybridchat.domain.chat import MessageState
from hybridchat.domain.compare import Compared
from hybridchat.domain.imports import (
    Found,
    ImportedComparison,
    ImportedMessage,
    ImportedSide,
    OwnConversation,
    OwnMessage,
    Unread,
    imported_file,
)
from hybridchat.domain.moments import moment_text
from hybridchat.domain.tuning import from_values
from hybridchat.importing.broken import BROKEN, why

NAME = "hybridchat"


class _File(AttachedFile, frozen=True):
    data: bytes | None = None


class _Conversation(OwnConversation, frozen=True, kw_only=True):
    origin: str
    messages: list[Raw]
    comparisons: tuple[Raw, ...] = ()
    tags: tuple[str, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)


class _Message(OwnMessage, frozen=True, kw_only=True):
    origin: str
    attempt: dict[str, Any] | None = None
    attachments: tuple[_File, ...] = ()

    @property
    def writer(self) -> str | None:
        """Its attempt was measured elsewhere, and stays there; who wrote it comes along."""
        model = (self.attempt or {}).get("model")
        return model if self.model is None and isinstance(model, str) else self.model


_decode = msgspec.json.Decoder(_Conversation).decode
_decode_message = msgspec.json.Decoder(_Message).decode
_decode_comparison = msgspec.json.Decoder(Compared).decode


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
        files = tuple(imported_file(file, file.data) for file in one.attachments)
        told = one.imported(one.origin, origins.get(one.parent_id, before), now)
        messages.append(replace(told, model=one.writer, attachments=files))
        origins[one.id] = one.origin
    active = origins.get(said.active_leaf_id) or (messages[-1].origin if messages else None)
    parameters = from_values(said.parameters)
    yield said.imported(said.origin, messages, active, now, tags=said.tags, parameters=parameters)
    for number, raw in enumerate(said.comparisons, 1):
        try:
            yield _imported(_decode_comparison(raw), said.origin, origins, now)
        except BROKEN as error:
            yield Unread(f"{where}, comparison {number}", why(error))


def _imported(one: Compared, conversation: str, origins: Mapping[int | None, str], now: str) -> ImportedComparison:
    """Raises msgspec.ValidationError for what is none."""
    if not one.origin:
        raise msgspec.ValidationError("it has no origin")
    return ImportedComparison(
        origin=one.origin,
        conversation=conversation,
        started_at=moment_text(one.started_at) or now,
        sides=tuple(
            ImportedSide(
                side.position, origins.get(side.message_id), side.backend, side.model, side.zone, side.was_shared
            )
            for side in one.sides
        ),
        workload=one.workload,
        is_hidden=one.is_hidden,
        vote=one.vote and replace(one.vote, voted_at=moment_text(one.vote.voted_at) or now),
    )
