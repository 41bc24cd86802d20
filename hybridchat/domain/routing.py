"""Where a message goes: a pure function from what is known to a decision with its reasons."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from hybridchat.domain.chat import HealthState, Privacy, Proof, Reasoning, Zone


class Candidate(Struct, frozen=True, kw_only=True):
    """One backend with the model it would answer with."""

    backend: str
    kind: str
    model: str
    zone: Zone
    proof: Proof | None
    health: HealthState = HealthState.UNKNOWN
    health_detail: str = ""
    context_window: int | None = None  # tokens
    remote_host: str | None = None  # a forwarding model's real host


class Row(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of a routing table; every condition that is given must hold. The first row that holds decides."""

    to: str
    """local | managed | ask | a backend id"""
    why: str = ""
    """The reason shown to the user; default: the conditions in words."""
    privacy: tuple[Privacy, ...] = ()
    reasoning: Reasoning | None = None
    workload: tuple[str, ...] = ()
    min_tokens_per_month: int | None = None
    """The workload's tokens of the last 30 days must be above this."""
    local: str | None = None
    """none (no local backend configured) | healthy | unhealthy (configured, none healthy)"""


class RouteInput(Struct, frozen=True, kw_only=True):
    """Everything a decision may look at."""

    candidates: tuple[Candidate, ...]
    table: tuple[Row, ...]
    table_name: str
    privacy: Privacy = Privacy.OPEN
    wanted: str = "auto"  # the conversation's or the message's route: auto | local | managed | a backend id
    wanted_by: str = "conversation"  # who wants it: "message", "conversation", "config" (for the reasons)
    decided_backend: str | None = None  # what auto decided at the first message; it stays while it can answer
    decided_model: str | None = None
    reasoning: Reasoning = Reasoning.NORMAL
    workload: str | None = None
    workload_tokens_30d: int = 0
    prompt_tokens: int | None = None  # estimate of what would be sent; None: unknown


class Outlook(StrEnum):
    SEND = "send"
    ASK = "ask"  # the user must choose; `choices` says between what
    REFUSE = "refuse"  # no choice of route may answer


class Decision(Struct, frozen=True, kw_only=True):
    """What Enter will do. With SEND, `target` is set; `reasons` are ordered, the deciding one first."""

    outlook: Outlook
    reasons: tuple[str, ...]
    target: Candidate | None = None
    choices: tuple[Candidate, ...] = ()
    remedy: str = ""  # what to do, when not SEND; names the command line's flag


LOCAL_FIRST: tuple[Row, ...] = (
    Row(to="local", privacy=(Privacy.LOCAL_ONLY, Privacy.PRIVATE), why="this conversation is private"),
    Row(to="managed", reasoning=Reasoning.HIGH, why="high reasoning"),
    Row(to="local", local="healthy", why="a local backend is healthy"),
    Row(to="managed", local="none", why="no local backend is configured"),
    Row(to="ask", why="no local backend is healthy"),
)

# The source article's `choose_runtime`.
ARTICLE: tuple[Row, ...] = (
    Row(to="local", privacy=(Privacy.LOCAL_ONLY, Privacy.PRIVATE), why="strict privacy"),
    Row(to="managed", reasoning=Reasoning.HIGH, why="high reasoning"),
    Row(
        to="local",
        workload=("classification", "summarization"),
        min_tokens_per_month=50_000_000,
        why="high-volume classification or summarization",
    ),
    Row(to="managed", why="managed unless volume or privacy says otherwise"),
)

SHIPPED_TABLES: dict[str, tuple[Row, ...]] = {"local-first": LOCAL_FIRST, "article": ARTICLE}


def decide(given: RouteInput) -> Decision:
    """Hard rules first (privacy, context window, health), then the user's wish, then what was decided, then the table."""
    raise NotImplementedError
