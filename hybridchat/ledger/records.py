"""The values that go into the ledger and come out of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from msgspec import Struct

from hybridchat.domain.attachments import AttachedFile, Attachment
from hybridchat.domain.budget import Hold, Limit
from hybridchat.domain.chat import (
    Attempt,
    CostBasis,
    Disclosure,
    Effort,
    Message,
    MessageState,
    Outcome,
    Parameters,
    Privacy,
    Proof,
    Purpose,
    Reasoning,
    Role,
    Zone,
)
from hybridchat.domain.stats import Money, Percentiles, Share


class LedgerStatus(Struct, frozen=True):
    """`mode`: normal, read_only (from a newer version), memory (home missing or read-only). `notice`: a line or ""."""

    mode: Literal["normal", "read_only", "memory"]
    notice: str = ""
    is_copy: bool = False  # in memory, of a file that can only be read: what is written to it is gone at the end


class NewConversation(Struct, frozen=True, kw_only=True):
    """What one begins with."""

    title: str
    privacy: Privacy
    route: str
    model: str | None
    system: str
    workload: str | None
    reasoning: Reasoning
    effort: Effort | None = None
    parameters: Parameters = Parameters()


class NewTurn(NewConversation, frozen=True, kw_only=True):
    """A user's message with its first attempt: one transaction, synchronous=FULL, before a byte goes out."""

    conversation_id: int | None  # None: a new conversation is made
    parent_id: int | None  # the leaf that the message answers
    text: str
    attachments: tuple[Attachment, ...] = ()
    decided_backend: str | None  # what auto decided; stored on the conversation
    decided_model: str | None
    waited: str | None = None  # its words as they waited in the ledger; they do no longer
    attempt: NewAttempt


class NewFork(NewConversation, frozen=True, kw_only=True):
    """A conversation that begins with messages of another one: their words alone, without thinking and attempts."""

    messages: tuple[Message, ...]


class NewWaiting(Struct, frozen=True):
    """A message that waits to be sent, with its attachments: new ones, and those that are here already."""

    text: str
    attachments: tuple[Attachment, ...] = ()
    enclosed: tuple[AttachedFile, ...] = ()


class NewMarks(Struct, frozen=True, kw_only=True):
    """What changes of a conversation's marks; None leaves one as it is. Tags are as `domain.tags` makes them."""

    starred: bool | None = None
    archived: bool | None = None
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()


class Forecast(Struct, frozen=True, kw_only=True):
    """What was known of an attempt's size and price before it was sent. With `limits`, what `hold` says is reserved
    against all of them in the transaction that begins the attempt, or OverBudget ends it."""

    prompt_characters: int | None = None
    prompt_tokens_counted: float | None = None  # by characters alone
    prompt_tokens_estimated: int | None = None  # corrected by the model's past
    estimate_low_usd: float | None = None
    estimate_high_usd: float | None = None
    hold: Hold | None = None
    limits: tuple[Limit, ...] = ()


class NewAttempt(Struct, frozen=True, kw_only=True):
    purpose: Purpose
    backend: str
    kind: str
    model: str
    zone: Zone
    proof: Proof | None
    privacy: Privacy
    workload: str | None
    route_reason: str
    attempt_no: int = 1
    left_out_turns: int | None = None
    found: str | None = None  # a JSON object: kinds and counts, never what was found
    disclosure: Disclosure | None = None
    parameters: str | None = None  # a JSON object of numbers: what goes beside the words
    forecast: Forecast = Forecast()


class TurnIds(Struct, frozen=True):
    conversation_id: int
    user_message_id: int
    reply_message_id: int  # the assistant's message, state streaming, empty
    attempt_id: int
    started_at: str  # of message and attempt
    max_tokens: int | None = None  # the most that the request may ask for, where a budget is reserved from


class AttemptEnd(Struct, frozen=True, kw_only=True):
    """How an attempt ended, with the whole reply: one transaction over attempt, message and the summaries."""

    attempt_id: int
    message_id: int
    text: str
    thinking: str
    thinking_ms: float | None
    signature: str
    state: MessageState
    note: str
    outcome: Outcome
    model: str  # as the server named it, if it did
    was_forwarded: bool = False  # another host computed, whatever the address said: the attempt was managed
    error_kind: str | None
    finish_reason: str | None
    ttft_ms: float | None
    latency_ms: float | None
    load_ms: float | None
    prompt_tokens: int | None
    cached_tokens: int | None
    cache_write_tokens: int | None
    completion_tokens: int | None
    thinking_tokens: int | None
    tokens_per_s: float | None
    skipped_events: int | None = None
    cache_write_1h_tokens: int | None = None
    queue_ms: float | None = None
    prompt_ms: float | None = None
    was_sent: bool = True  # the request may have reached the backend


class SentRequest(Struct, frozen=True):
    """What went to the server. `is_exact`: byte for byte; else something of it was deleted, or was too long to keep."""

    path: str
    body: str  # JSON
    is_exact: bool


class AttemptDetails(Struct, frozen=True, kw_only=True):
    """All that is known of one attempt."""

    attempt: Attempt
    cost_usd: str | None  # exact decimal text
    cost_detail: str  # where the price is from, or why there is none
    note: str  # how it ended
    request: SentRequest | None  # None: not sent, or not kept


class AttemptCost(Struct, frozen=True, kw_only=True):
    """Set once, when the price is known. `usd` is exact decimal text or None."""

    attempt_id: int
    usd: str | None
    basis: CostBasis
    detail: str  # provenance: price package and version and price date, or why unknown


class Unpriced(Struct, frozen=True):
    """An ended managed attempt that nobody has priced yet. Tokens are counted by characters; None: text unknown."""

    attempt: Attempt
    prompt_tokens_counted: float | None
    reply_tokens_counted: float | None
    reserved_usd: Decimal | None


class UsageFilter(Struct, frozen=True):
    """ISO 8601 bounds (since inclusive, until exclusive; UTC without an offset) and a backend id; None: all."""

    since: str | None = None
    until: str | None = None
    backend: str | None = None


EVERYTHING = UsageFilter()


class DepartureFilter(Struct, frozen=True, kw_only=True):
    """Bounds as UsageFilter has them; `host` is a name, or name:port; None: all."""

    since: str | None = None
    until: str | None = None
    host: str | None = None
    backend: str | None = None
    conversation_id: int | None = None


class DeletedBranch(Struct, frozen=True):
    """What was deleted with a message, itself first; the leaf where its conversation can go on without them; and the
    title that it had with them."""

    conversation_id: int
    message_ids: tuple[int, ...]
    leaf_id: int
    title: str


class Said(Struct, frozen=True):
    """A message of the user: its beginning, and where it was sent."""

    message_id: int
    conversation_id: int
    title: str
    privacy: Privacy  # of its conversation
    at: str
    text: str


class NewDraft(Struct, frozen=True):
    """What is typed and not sent, what is attached to it, and the privacy of its chat. With neither there is none."""

    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    privacy: Privacy | None = None


class LeftDraft(Struct, frozen=True):
    """What was typed and not sent by a window that is gone, what was attached to it, and the privacy of its chat; and
    whether one that lives has a draft there."""

    text: str
    is_elsewhere: bool
    attachments: tuple[Attachment, ...] = ()
    privacy: Privacy | None = None


class Activity(Struct, frozen=True):
    """Conversations in which a reply runs, in any window; and in which so many ended while nobody was there."""

    running: frozenset[int] = frozenset()
    unread: dict[int, int] = {}


class SearchHit(Struct, frozen=True):
    conversation_id: int
    message_id: int
    title: str
    snippet: str  # with \x02 and \x03 around the hits
    role: Role | None  # whose message it is; None for a title, whose message is the conversation's newest
    at: str  # when it was said; of a title, when the conversation last went on
    is_archived: bool


Grouping = Literal["backend", "model", "day", "workload"]


class StatRow(Struct, frozen=True, kw_only=True):
    """One group of attempts; `key` is the backend, model or workload ("" where none was known) or the local day."""

    key: str
    attempts: int
    replies: int  # outcome ok or stopped
    failures: int  # outcome error
    prompt_tokens: int | None  # None: no reply came with counts
    completion_tokens: int | None
    replies_without_usage: int
    cost: Money
    ttft_ms: Percentiles  # of the newest replies only (statistics.PERCENTILE_WINDOW), cold loads left out
    tokens_per_s: Percentiles  # of the same replies
    estimate_error: Percentiles  # of prompts: |estimated − counted| ÷ counted tokens, of the same replies
    estimate_held: Share  # of the same replies: those whose cost lay within what was shown before sending


class AdviceFacts(Struct, frozen=True, kw_only=True):
    """What the ledger can tell an advisor. Days are local, oldest first, today (unfinished) left out."""

    tokens_per_day: list[int]  # since the first attempt, at most 365 days
    tokens_per_hour: list[int]  # the last 30 × 24 hours, or since the first attempt
    tokens_30d: int
    ttft_ms: Percentiles  # of the newest replies of the last 30 days, cold loads left out
    failures_30d: Share  # failures ÷ (replies + failures)
    pinned_30d: Share  # of all attempts, those from conversations pinned private or local_only
    cost_30d: Money
