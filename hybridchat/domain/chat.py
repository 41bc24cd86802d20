"""The values that every room speaks in: conversations, messages, attempts, models."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from functools import cached_property

from msgspec import Struct

from hybridchat.domain.attachments import AttachedFile, Attachment
from hybridchat.errors import ErrorKind

OFF_RECORD_FROM = 1 << 52
"""Ids from here on are of conversations off the record, and of their messages: they live in memory only."""


def is_off_record(number: int | None) -> bool:
    """By the id of a conversation or a message."""
    return number is not None and number >= OFF_RECORD_FROM


class Role(StrEnum):
    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class Zone(StrEnum):
    """Who computes. "Local" = device or private."""

    DEVICE = "device"
    PRIVATE = "private"
    MANAGED = "managed"

    @property
    def is_local(self) -> bool:
        return self is not Zone.MANAGED


class Proof(StrEnum):
    """How a device or private zone is known; managed zones have none (None)."""

    VERIFIED = "verified"
    VOUCHED = "vouched"
    ASSUMED = "assumed"


class Disclosure(StrEnum):
    """What the user decided about secrets and personal data in what a managed backend gets."""

    MASKED = "masked"
    AS_IS = "as_is"


class Privacy(StrEnum):
    """Where a conversation may go."""

    LOCAL_ONLY = "local_only"
    PRIVATE = "private"
    OPEN = "open"


class Kind(StrEnum):
    """The wire protocol of a backend. `SIMULATED` is the demo's and cannot be configured."""

    VLLM = "vllm"
    OLLAMA = "ollama"
    LLAMACPP = "llamacpp"
    EMBEDDED = "embedded"
    OPENAI = "openai"
    OPENAI_RESPONSES = "openai-responses"
    ANTHROPIC = "anthropic"
    GEMINI = "gemini"
    OPENAI_COMPATIBLE = "openai-compatible"
    SIMULATED = "simulated"


class Purpose(StrEnum):
    CHAT = "chat"
    ASK = "ask"
    COMPARE = "compare"
    SUMMARY = "summary"  # of an earlier conversation, to go on with


class Outcome(StrEnum):
    OK = "ok"
    STOPPED = "stopped"  # by the user
    INTERRUPTED = "interrupted"  # the process died; found at a later start
    REFUSED = "refused"  # by our own policy; nothing was sent
    ERROR = "error"


class MessageState(StrEnum):
    COMPLETE = "complete"
    STREAMING = "streaming"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


class CostBasis(StrEnum):
    PRICED = "priced"  # genai-prices, at the attempt's time
    CONFIGURED = "configured"  # [backend.price] in the config
    ESTIMATED = "estimated"
    ENERGY = "energy"
    UNKNOWN = "unknown"


class Reasoning(StrEnum):
    """How hard the task is, as the user or a rule says; never guessed by a model call."""

    NORMAL = "normal"
    HIGH = "high"


class Effort(StrEnum):
    """How much a model may think before it answers; each API has its own way to be told."""

    OFF = "off"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class ChatMessage(Struct, frozen=True):
    """One message as it goes to a backend.

    `thinking` and `signature` are those of a reply that this very model gave over this very protocol, else empty.
    """

    role: Role
    text: str
    attachments: tuple[Attachment, ...] = ()
    thinking: str = ""
    signature: str = ""


class Parameters(Struct, frozen=True, omit_defaults=True):
    """Sampling and limits; None leaves the server's default."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    num_ctx: int | None = None  # Ollama's context size, in tokens
    effort: Effort | None = None


class ChatRequest(Struct, frozen=True):
    """One attempt, ready for a backend. `deadline_s` bounds the whole stream, `idle_s` the silence within it."""

    model: str
    messages: tuple[ChatMessage, ...]
    parameters: Parameters = Parameters()
    idle_s: float = 60.0
    deadline_s: float = 1800.0
    will_go_on: bool = True  # a later turn is likely, which pays for what a prompt cache is told to keep


class Message(Struct, frozen=True, gc=False):
    """One node of a conversation's tree, as the ledger keeps it. Times are UTC ISO 8601."""

    id: int
    conversation_id: int
    parent_id: int | None
    role: Role
    text: str
    created_at: str
    thinking: str = ""
    thinking_ms: float | None = None
    state: MessageState = MessageState.COMPLETE
    attempt: Attempt | None = None  # of an assistant message: its last attempt
    note: str = ""  # why it ended early, as one readable line
    signature: str = ""  # opaque, of the thinking: some APIs want it back with later turns
    model: str | None = None  # of an imported or forked reply, that has no attempt: who wrote it, as its source says
    origin: str = ""  # its name in every other ledger
    attachments: tuple[AttachedFile, ...] = ()  # what went along with it

    @property
    def has_words(self) -> bool:
        """Whether anything has come of it, be it thinking alone."""
        return bool(self.text or self.thinking)

    @property
    def is_forked(self) -> bool:
        """A reply that came about in another conversation of hybridchat's, here or on another machine."""
        return self.attempt is None and self.model is not None and self.origin.startswith("hybridchat:")


class Attempt(Struct, frozen=True, kw_only=True, gc=False):
    """One call to one backend; the fields are the columns of the view `usage`. Unknown is None."""

    attempt_id: int
    conversation_id: int | None
    message_id: int | None
    started_at: str
    purpose: Purpose
    backend: str
    kind: str
    model: str
    zone: Zone
    proof: Proof | None
    privacy: Privacy
    workload: str | None = None
    route_reason: str = ""
    ttft_ms: float | None = None
    latency_ms: float | None = None
    load_ms: float | None = None
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    completion_tokens: int | None = None
    thinking_tokens: int | None = None
    tokens_per_s: float | None = None
    cost_usd: float | None = None
    cost_basis: CostBasis = CostBasis.UNKNOWN
    outcome: Outcome | None = None  # None while it runs
    error_kind: str | None = None
    finish_reason: str | None = None
    attempt_no: int = 1
    skipped_events: int | None = None  # of the stream, those that were no part of the protocol
    left_out_turns: int | None = None  # of the conversation's oldest, so that the rest fits the context window
    requested_model: str | None = None  # as it was asked for; `model` is what the server calls itself
    cache_write_1h_tokens: int | None = None  # of cache_write_tokens, those kept for an hour
    prompt_characters: int | None = None
    prompt_tokens_estimated: int | None = None  # before it was sent, as the next two
    estimate_low_usd: float | None = None
    estimate_high_usd: float | None = None
    max_tokens: int | None = None  # that the reply was allowed, where a budget decided it
    found: str | None = None  # secrets and personal data in what was sent: a JSON object of kinds and counts
    disclosure: Disclosure | None = None  # what the user decided about them
    parameters: str | None = None  # what the request carried beside its words: a JSON object of numbers
    queue_ms: float | None = None  # of the time to the first token, waiting in the server's queue, where it says so
    prompt_ms: float | None = None  # of it, reading the prompt, where it says so


class Conversation(Struct, frozen=True):
    """One conversation without its messages. `route` is auto, local, managed or a backend's id."""

    id: int
    title: str
    created_at: str
    updated_at: str
    privacy: Privacy = Privacy.OPEN
    route: str = "auto"
    model: str | None = None  # pinned with the backend in `route`
    decided_backend: str | None = None  # what auto decided at the first message; it stays
    decided_model: str | None = None
    system: str = ""
    workload: str | None = None
    reasoning: Reasoning = Reasoning.NORMAL
    effort: Effort | None = None  # None: the model's own
    active_leaf_id: int | None = None
    message_count: int = 0
    waiting: tuple[str, ...] = ()  # messages that wait for the running reply
    origin: str = ""  # its name in every other ledger
    tags: tuple[str, ...] = ()  # the user's, sorted
    starred_at: str | None = None  # not deleted by age, either
    archived_at: str | None = None  # out of the lists until it goes on
    parameters: Parameters = Parameters()  # but for the effort, which has a field of its own
    system_at: str | None = None  # since when its system prompt is another one; None: since its beginning


class ModelInfo(Struct, frozen=True):
    """What a backend says about one model. Unknown is None."""

    name: str
    context_window: int | None = None  # tokens
    size_bytes: int | None = None
    loaded: bool | None = None
    remote_host: str | None = None  # set: the server forwards it, so it is managed whatever its name
    capabilities: tuple[str, ...] = ()
    sees: bool | None = None  # whether it takes pictures


class HealthState(StrEnum):
    UNKNOWN = "unknown"
    HEALTHY = "healthy"
    LOADING = "loading"
    UNHEALTHY = "unhealthy"


class Health(Struct, frozen=True, dict=True):
    """The last look at a backend: what it is, what to do about that, what it offers. `str()` is one line of it."""

    state: HealthState = HealthState.UNKNOWN
    detail: str = "not checked yet"
    models: tuple[ModelInfo, ...] = ()
    checked_at: float | None = None  # time.monotonic()
    remedy: str = ""
    error_kind: ErrorKind | None = None  # why it is unhealthy, where a call of the server told
    fails_closed: bool = False  # it answered to a name under which Ollama never forwards

    def __str__(self) -> str:
        return f"{self.detail} — {self.remedy}" if self.remedy else self.detail

    def model(self, name: str | None) -> ModelInfo | None:
        """The entry of that name (with or without Ollama's default tag), or None."""
        return self._by_name.get(name or "") or self._by_name.get(f"{name}:latest")

    @cached_property
    def _by_name(self) -> dict[str, ModelInfo]:
        """Some providers list thousands, and each of them is asked for. Of two alike, the first counts."""
        return {model.name: model for model in reversed(self.models)}


def is_alias(name: str, listed: Collection[str]) -> bool:
    """Whether rented models are known by that name too: a shorter one than the list's dated ones, or a variant of one
    (`name:nitro`)."""
    return name.partition(":")[0] in listed or any(one.startswith(f"{name}-") for one in listed)
