"""The ledger as the session uses it: writes go to one thread, reads to another; every call answers with a Future.

Nothing here knows asyncio (`asyncio.wrap_future` is the caller's) and nothing imports sqlite-utils on the hot path.
"""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from hybridchat.domain.chat import (
    Attempt,
    Conversation,
    CostBasis,
    Message,
    MessageState,
    Outcome,
    Privacy,
    Proof,
    Purpose,
    Reasoning,
    Zone,
)
from hybridchat.domain.stats import Snapshot


class LedgerStatus(Struct, frozen=True):
    """`mode`: normal | read_only (from a newer version) | memory (home missing or read-only). `notice`: one line or ""."""

    mode: str
    notice: str = ""


class NewTurn(Struct, frozen=True, kw_only=True):
    """A user's message with its first attempt: one transaction, synchronous=FULL, before a byte goes out."""

    conversation_id: int | None  # None: a new conversation is made, with the next seven fields
    title: str
    privacy: Privacy
    route: str
    model: str | None
    system: str
    workload: str | None
    reasoning: Reasoning
    parent_id: int | None  # the leaf that the message answers
    text: str
    decided_backend: str | None  # what auto decided; stored on the conversation
    decided_model: str | None
    attempt: NewAttempt


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


class TurnIds(Struct, frozen=True):
    conversation_id: int
    user_message_id: int
    reply_message_id: int  # the assistant's message, state streaming, empty
    attempt_id: int


class AttemptEnd(Struct, frozen=True, kw_only=True):
    """How an attempt ended, with the whole reply: one transaction over attempt, message and the daily summary."""

    attempt_id: int
    message_id: int
    text: str
    thinking: str
    thinking_ms: float | None
    state: MessageState
    note: str
    outcome: Outcome
    model: str  # as the server named it, if it did
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


class AttemptCost(Struct, frozen=True, kw_only=True):
    """Set once, when the price is known. `usd` is exact decimal text or None."""

    attempt_id: int
    usd: str | None
    basis: CostBasis
    detail: str  # provenance: price package and version and price date, or why unknown


class UsageFilter(Struct, frozen=True):
    """ISO 8601 UTC bounds (since inclusive, until exclusive) and a backend id; None: all."""

    since: str | None = None
    until: str | None = None
    backend: str | None = None


class Ledger(Protocol):
    """Opened by `open_ledger`. All methods are safe from any thread. Futures raise LedgerError with a remedy."""

    path: Path | None
    status: LedgerStatus

    # writes
    def begin_turn(self, turn: NewTurn) -> Future[TurnIds]: ...
    def begin_attempt(self, message_id: int, attempt: NewAttempt) -> Future[int]: ...  # a further attempt for the same reply
    def flush_reply(self, message_id: int, text: str, thinking: str) -> Future[None]: ...
    def end_attempt(self, end: AttemptEnd) -> Future[None]: ...
    def set_cost(self, cost: AttemptCost) -> Future[None]: ...
    def update_conversation(self, conversation_id: int, **fields: object) -> Future[None]: ...  # title, route, model, privacy, system, workload, reasoning, decided_backend, decided_model, active_leaf_id
    def delete_conversation(self, conversation_id: int) -> Future[None]: ...  # marked; out of every list and search
    def restore_conversation(self, conversation_id: int) -> Future[None]: ...  # undo
    def purge_deleted(self) -> Future[int]: ...  # text really removed, usage rows stay; at quit

    # reads
    def conversations(self, limit: int = 200, before_id: int | None = None) -> Future[list[Conversation]]: ...  # newest activity first
    def conversation(self, conversation_id: int) -> Future[Conversation | None]: ...
    def latest_conversation(self) -> Future[Conversation | None]: ...
    def branch(self, conversation_id: int) -> Future[list[Message]]: ...  # root → active leaf, each reply with its last attempt
    def tree(self, conversation_id: int) -> Future[list[Message]]: ...  # every message, by id
    def snapshot(self, conversation_id: int | None, now: str, timezone_offset_s: int) -> Future[Snapshot]: ...  # without the counterfactual
    def local_usage_today(self, now: str, timezone_offset_s: int) -> Future[list[Attempt]]: ...  # local replies of today, for the counterfactual
    def workload_tokens_30d(self, workload: str | None, now: str) -> Future[int]: ...
    def search(self, query: str, limit: int = 50) -> Future[list[SearchHit]]: ...

    def close(self) -> None: ...  # drains the writer; releases the process lock


class SearchHit(Struct, frozen=True):
    conversation_id: int
    message_id: int
    title: str
    snippet: str  # with \x02 and \x03 around the hits


def open_ledger(path: Path | None) -> Ledger:
    """Opens (creating, migrating, recovering) the ledger; None: in memory. Marks the attempts of dead processes as interrupted.

    A damaged file is kept as `.corrupt-TIME` and the newest backup restored (fault 32), a newer schema is opened
    read-only (33), an unusable home gives memory mode (30); `status.notice` says so. Raises LedgerError for a symlink.
    """
    raise NotImplementedError
