"""What a session tells its listeners, on the event loop's thread.

The texts in it are raw: clean them on the way to a screen.
"""

from __future__ import annotations

from msgspec import Struct

from hybridchat.domain.chat import Attempt, Conversation, Health, Message, MessageState
from hybridchat.domain.routing import Candidate
from hybridchat.domain.stats import Snapshot


class TurnBegan(Struct, frozen=True):
    """The words are on disk; the request is about to leave. `reply` is the empty, streaming assistant message."""

    conversation: Conversation
    user: Message
    reply: Message
    target: Candidate


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
    | EngineLoading
    | Delta
    | TurnEnded
    | AttemptPriced
    | QueueChanged
    | HealthChanged
    | SnapshotChanged
    | Notice
)

__all__ = [
    "AttemptPriced",
    "Delta",
    "EngineLoading",
    "HealthChanged",
    "MessageState",
    "Notice",
    "QueueChanged",
    "SessionEvent",
    "SnapshotChanged",
    "TurnBegan",
    "TurnEnded",
]
