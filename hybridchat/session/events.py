"""What a session tells its listeners, on the event loop's thread.

The texts in it are raw: clean them on the way to a screen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct

from hybridchat.domain.chat import Attempt, Conversation, Health, Message, MessageState
from hybridchat.domain.events import Limits
from hybridchat.domain.routing import Candidate
from hybridchat.domain.stats import Snapshot
from hybridchat.session.ways import Way

if TYPE_CHECKING:
    from hybridchat.domain.compare import Compared


class TurnBegan(Struct, frozen=True):
    """The words are on disk; the request is about to leave. `reply` is the empty, streaming assistant message.

    With `instead_of`, a branch begins where that message was, which is on another one now with all that follows it.
    `user` is an earlier one where it is only answered again.
    """

    conversation: Conversation
    user: Message
    reply: Message
    target: Candidate
    instead_of: int | None = None
    budget: str = ""  # what the budgets say to it, such as that it must be shorter; one line


class RetryWaits(Struct, frozen=True):
    """The attempt failed before its first token; attempt `attempt_no` of this reply follows at `until_monotonic`
    (time.monotonic()), unless the reply is stopped until then. It is retry `retry_no` of at most MAX_RETRIES."""

    conversation_id: int
    message_id: int
    until_monotonic: float
    reason: str
    attempt_no: int
    retry_no: int


class AttemptBegan(Struct, frozen=True):
    """A further attempt for the same reply: a retry, or `target` instead of a managed backend that cannot answer."""

    conversation_id: int
    message_id: int
    target: Candidate
    attempt: Attempt
    is_fallback: bool


class EngineLoading(Struct, frozen=True):
    """The engine loads its model before it can answer; `fraction` is 0 to 1 or None."""

    conversation_id: int
    message_id: int
    detail: str
    fraction: float | None


class Delta(Struct, frozen=True):
    """A piece of the reply as it arrived."""

    conversation_id: int
    message_id: int
    text: str
    is_thinking: bool
    ttft_ms: float | None = None  # on the first piece only


class TurnEnded(Struct, frozen=True):
    """The reply's last word is on disk. `reply` has its final text, state, note and attempt."""

    conversation_id: int
    reply: Message
    is_hidden: bool = False  # of a blind comparison: nobody must be told who answered


class ComparisonBegan(Struct, frozen=True):
    """Several backends answer one question; the words are on disk, and what does not wait is about to leave.

    `replies` are those that begin now, in the order of the sides. With `instead_of`, the question is an earlier one,
    and the chat shows the first of them where that reply stood.
    """

    conversation: Conversation
    user: Message
    replies: tuple[Message, ...]
    compared: Compared
    instead_of: int | None = None


class ComparisonEnded(Struct, frozen=True):
    """After the TurnEnded of each side."""

    conversation_id: int
    comparison_id: int


class Judged(Struct, frozen=True):
    """A vote was given, changed or taken back, or the names of a blind comparison are shown."""

    compared: Compared


class Offered(Struct, frozen=True):
    """After a TurnEnded without an answer: what the user may do about it. Nothing of it happens by itself."""

    conversation_id: int
    message_id: int
    ways: tuple[Way, ...]


class BranchShown(Struct, frozen=True):
    """Another branch of this conversation is shown: its chat's messages are others now."""

    conversation_id: int


class LimitsChanged(Struct, frozen=True):
    """What a provider's rate limits leave, as its last reply told."""

    backend: str
    limits: Limits


class AttemptPriced(Struct, frozen=True):
    """The cost came in after the end; the attempt as the ledger now has it."""

    attempt: Attempt


class QueueChanged(Struct, frozen=True):
    """The messages that wait for the running reply of this conversation, in order."""

    conversation_id: int | None
    texts: tuple[str, ...]


class HealthChanged(Struct, frozen=True):
    backend: str
    health: Health


class SnapshotChanged(Struct, frozen=True):
    snapshot: Snapshot


class Notice(Struct, frozen=True):
    """One line that the user should see: a banner. `severity`: information | warning | error."""

    text: str
    severity: str = "warning"


SessionEvent = (
    TurnBegan
    | RetryWaits
    | AttemptBegan
    | EngineLoading
    | Delta
    | TurnEnded
    | ComparisonBegan
    | ComparisonEnded
    | Judged
    | Offered
    | BranchShown
    | LimitsChanged
    | AttemptPriced
    | QueueChanged
    | HealthChanged
    | SnapshotChanged
    | Notice
)

Emit = Callable[[SessionEvent], None]

__all__ = [
    "AttemptBegan",
    "AttemptPriced",
    "BranchShown",
    "ComparisonBegan",
    "ComparisonEnded",
    "Delta",
    "Emit",
    "EngineLoading",
    "HealthChanged",
    "Judged",
    "LimitsChanged",
    "MessageState",
    "Notice",
    "Offered",
    "QueueChanged",
    "RetryWaits",
    "SessionEvent",
    "SnapshotChanged",
    "TurnBegan",
    "TurnEnded",
]
