"""What comes from elsewhere, on its way into the ledger. Its texts are raw, as they came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from msgspec import Struct, ValidationError

from hybridchat.domain.attachments import AttachedFile, Attachment
from hybridchat.domain.chat import Effort, MessageState, Parameters, Privacy, Reasoning, Role, Zone
from hybridchat.domain.compare import FEWEST, MOST, Judgement, Vote
from hybridchat.domain.moments import moment_text
from hybridchat.domain.tags import tags_among


class _Said(Struct, frozen=True, kw_only=True):
    """What a message says, wherever it is kept."""

    role: Role
    text: str
    created_at: str
    thinking: str = ""
    thinking_ms: float | None = None
    state: MessageState = MessageState.COMPLETE
    note: str = ""
    signature: str = ""
    model: str | None = None  # that wrote it, as its source says


class ImportedMessage(_Said, frozen=True, kw_only=True):
    """`origin` names it for good: within its conversation, or everywhere if it is from another ledger. `parent` is the
    origin of the message before it."""

    origin: str
    parent: str | None
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


class ImportedDetail(Struct, frozen=True):
    """How an attempt ended in words, and its request as that ledger keeps it: JSON with references to messages by their
    numbers there (`names` has their origins), and to `texts` that no message says. `digest`: SHA-256 of the body."""

    note: str
    path: str
    request: str | None
    digest: bytes
    names: Mapping[int, str]
    texts: Mapping[int, str]


class ImportedAttempt(Struct, frozen=True):
    """A row of another ledger's `attempt`, by its columns there."""

    origin: str
    columns: Mapping[str, Any]
    detail: ImportedDetail | None = None


class ImportedSide(Struct, frozen=True):
    """One side of a comparison; `message` is the origin of its reply, None where that is gone."""

    position: int
    message: str | None
    backend: str
    model: str
    zone: Zone
    was_shared: bool


class ImportedComparison(Struct, frozen=True, kw_only=True):
    """Which replies stood side by side elsewhere, and what was said of them. No text is in it."""

    origin: str
    conversation: str | None  # its origin; None where it was deleted
    started_at: str
    sides: tuple[ImportedSide, ...]
    workload: str | None = None
    is_hidden: bool = False
    vote: Vote | None = None

    def __post_init__(self) -> None:
        """Raises ValidationError for what no comparison can be: it is somebody else's file."""
        positions = [side.position for side in self.sides]
        if positions != list(range(len(positions))) or not FEWEST <= len(positions) <= MOST:
            raise ValidationError(f"it has no {FEWEST} to {MOST} sides in order")
        if self.vote and (self.vote.winner in positions) != (self.vote.judgement is Judgement.BETTER):
            raise ValidationError("its vote is for none of its sides")


class _About(Struct, frozen=True, kw_only=True):
    """What is known of a conversation, wherever it is kept."""

    created_at: str
    updated_at: str
    system: str = ""
    workload: str | None = None
    reasoning: Reasoning = Reasoning.NORMAL
    effort: Effort | None = None
    starred_at: str | None = None
    archived_at: str | None = None


class ImportedConversation(_About, frozen=True, kw_only=True):
    """A whole tree. `origin` names it for good, everywhere."""

    origin: str
    title: str
    messages: tuple[ImportedMessage, ...]  # each after its parent
    active: str | None  # the origin of the leaf that was shown
    privacy: Privacy | None = None  # None: its source knows no such thing
    parameters: Parameters = Parameters()
    tags: tuple[str, ...] = ()


class Unread(Struct, frozen=True):
    """An entry of a source that could not be read: one line each for where and why."""

    where: str
    why: str


Found = ImportedConversation | ImportedAttempt | ImportedComparison | Unread


class OwnConversation(_About, frozen=True, kw_only=True):
    """A conversation as a hybridchat keeps it, in its JSON and its ledger alike. `now` stands for what is no time."""

    privacy: Privacy
    title: str = ""
    active_leaf_id: int | None = None
    origin: str | None = None

    def imported(
        self,
        origin: str,
        messages: Iterable[ImportedMessage],
        active: str | None,
        now: str,
        *,
        tags: Iterable[str],
        parameters: Parameters,
    ) -> ImportedConversation:
        about: dict[str, Any] = {name: getattr(self, name) for name in _About.__struct_fields__}
        about |= {name: moment_text(about[name]) for name in ("starred_at", "archived_at")}
        about |= {name: moment_text(about[name]) or now for name in ("created_at", "updated_at")}
        return ImportedConversation(
            origin=origin,
            title=self.title,
            messages=tuple(messages),
            active=active,
            privacy=self.privacy,
            parameters=parameters,
            tags=tags_among(tags),
            **about,
        )


class OwnMessage(_Said, frozen=True, kw_only=True):
    """One message of it. `id` and `parent_id` hold within it."""

    id: int
    parent_id: int | None = None
    origin: str | None = None

    def imported(
        self, origin: str, parent: str | None, now: str, attempts: tuple[ImportedAttempt, ...] = ()
    ) -> ImportedMessage:
        said: dict[str, Any] = {name: getattr(self, name) for name in _Said.__struct_fields__}
        said["created_at"] = moment_text(self.created_at) or now
        return ImportedMessage(origin=origin, parent=parent, attempts=attempts, **said)
