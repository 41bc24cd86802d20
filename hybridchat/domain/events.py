"""What a backend yields while it answers. Consumers `match` on these; adding one is visible everywhere."""

from __future__ import annotations

from msgspec import Struct

from hybridchat.errors import ErrorKind


class Loading(Struct, frozen=True):
    """The engine is loading its model; `fraction` is 0 to 1 or None. Before `Started`, any number of times."""

    detail: str
    fraction: float | None = None


class Started(Struct, frozen=True):
    """The response began: `model` as the server names it, or None."""

    model: str | None = None


class Thinking(Struct, frozen=True):
    text: str


class Text(Struct, frozen=True):
    text: str


class Signature(Struct, frozen=True):
    """Opaque proof of the thinking that came, for later turns with the same model; the last one wins."""

    value: str


class Refusal(Struct, frozen=True):
    """The model, or a filter before or after it, declined. Words of the model's own come as Text; `reason` is one
    readable line that goes under the reply."""

    reason: str


class Limits(Struct, frozen=True):
    """What the provider's rate limits leave, as its headers tell. Unknown is None; `reset_s` counts from now."""

    requests_left: int | None = None
    requests_limit: int | None = None
    requests_reset_s: float | None = None
    tokens_left: int | None = None
    tokens_limit: int | None = None
    tokens_reset_s: float | None = None


class Usage(Struct, frozen=True):
    """Token counts as the server reports them; the last one wins. Unknown is None.

    `prompt_tokens` includes cached ones, `completion_tokens` includes thinking.
    `load_ms` is the engine's model load, `queue_ms` how long the request waited there and `prompt_ms` how long the
    prompt was read, where it says so.
    """

    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    completion_tokens: int | None = None
    thinking_tokens: int | None = None
    load_ms: float | None = None
    cache_write_1h_tokens: int | None = None  # of cache_write_tokens, those kept for an hour; the rest: 5 minutes
    queue_ms: float | None = None
    prompt_ms: float | None = None


class Requested(Struct, frozen=True):
    """A request leaves: its path on the server and its body, which holds no key. The last one is the one that counts:
    what an API refuses may be asked again in other words."""

    path: str
    body: bytes

    def __repr__(self) -> str:
        return f"Requested({self.path!r}, {len(self.body)} bytes)"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        """A crash prints the variables of every frame."""
        return [("path", self.path)]


class Finished(Struct, frozen=True):
    """The protocol's own end. `skipped` counts events that were no part of the protocol."""

    finish_reason: str | None
    skipped: int = 0


class Failed(Struct, frozen=True):
    """The attempt broke; what came before stays. Exactly one of Finished and Failed ends a stream."""

    kind: ErrorKind
    message: str
    remedy: str = ""
    status: int | None = None
    retry_after_s: float | None = None
    should_retry: bool | None = None  # the server's own word, where it has one
    prompt_tokens: int | None = None  # of a context overflow, where the server tells
    context_window: int | None = None
    remote_host: str | None = None  # of a reply that was forwarded: who computed, as the server says


Event = Requested | Loading | Started | Limits | Thinking | Signature | Text | Refusal | Usage | Finished | Failed
