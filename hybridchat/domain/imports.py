"""What comes from elsewhere, on its way into the ledger. Its texts are raw, as they came."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from msgspec import Struct

from hybridchat.domain.attachments import AttachedFile, Attachment
from hybridchat.domain.chat import Effort, MessageState, Parameters, Privacy, Reasoning, Role


class ImportedMessage(Struct, frozen=True, kw_only=True):
    """`origin` names it for good: within its conversation, or everywhere if it is from another ledger. `parent` is the
    origin of the message before it."""

    origin: str
    parent: str | None
    role: Role
    text: str
    created_at: str
    thinking: str = ""
    thinking_ms: float | None = None
    state: MessageState = MessageState.COMPLETE
    note: str = ""
    signature: str = ""
    model: str | None = None  # that wrote it, as its source says
    attachments: tuple[ImportedFile, ...] = ()
    attempts: tuple[ImportedAttempt, ...] = ()  # of another ledger; from anywhere else nothing was measured


class ImportedFile(Struct, frozen=True):
    """What went along with a message; its content where that came too."""

    file: AttachedFile
    data: bytes | None = None


def imported_file(told: AttachedFile, data: bytes | None) -> ImportedFile:
    """What is said of a content that came along is not believed: it is counted here. Of one that did not come, the
    digest must not name another that is here already."""
    if data is not None:
        return ImportedFile(Attachment(told.name, told.media_type, data, told.pages).file, data)
    digest = sha256(f"not here: {told.digest}".encode()).hexdigest()
    return ImportedFile(AttachedFile(digest, told.name, told.media_type, max(0, told.size_bytes)))


class ImportedAttempt(Struct, frozen=True):
    """A row of another ledger's `attempt`, by its columns there."""

    origin: str
    columns: Mapping[str, Any]


class ImportedConversation(Struct, frozen=True, kw_only=True):
    """A whole tree. `origin` names it for good, everywhere."""

    origin: str
    title: str
    created_at: str
    updated_at: str
    messages: tuple[ImportedMessage, ...]  # each after its parent
    active: str | None  # the origin of the leaf that was shown
    privacy: Privacy | None = None  # None: its source knows no such thing
    system: str = ""
    workload: str | None = None
    reasoning: Reasoning = Reasoning.NORMAL
    effort: Effort | None = None
    parameters: Parameters = Parameters()
    tags: tuple[str, ...] = ()
    starred_at: str | None = None
    archived_at: str | None = None


class Unread(Struct, frozen=True):
    """An entry of a source that could not be read: one line each for where and why."""

    where: str
    why: str


Found = ImportedConversation | ImportedAttempt | Unread
