"""What has come of one reply, with the clock of its attempt, and how that ends in the ledger's words."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from hybridchat.domain import events as wire
from hybridchat.domain.chat import Attempt, Message, MessageState, Outcome, Zone
from hybridchat.domain.secrets.masking import Unmasker
from hybridchat.domain.stats import tokens_per_s
from hybridchat.domain.text import count_of
from hybridchat.errors import ErrorKind
from hybridchat.ledger.store import AttemptEnd

# Each API's word for a reply that was as long as it might be; the last is for a full context window.
_CUT_OFF = {"length", "max_tokens", "MAX_TOKENS", "model_context_window_exceeded"}
_BROKEN_OFF = {ErrorKind.RESET, ErrorKind.CUT_SHORT, ErrorKind.TIMEOUT}

Final = wire.Finished | wire.Failed | None
"""What ended a stream; None: it was ended from outside, or broke its contract."""


class Reply:
    """What has come so far, with the clock of its attempt. Times are milliseconds since `start`."""

    def __init__(self, values: Mapping[str, str] = {}) -> None:
        """`values`: what the placeholders of the request stand for; they are put back."""
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._unmask_text, self._unmask_thinking = Unmasker(values), Unmasker(values)
        self._started_at = time.perf_counter()
        self._loading_at_ms: float | None = None
        self._first_thinking_ms: float | None = None
        self.thinking_ms: float | None = None
        self.ttft_ms: float | None = None
        self.came_in_pieces = False  # else it has no speed that could be measured
        self.load_ms: float | None = None
        self.model: str | None = None
        self.signature = ""
        self.refusal = ""
        self.usage = wire.Usage()
        self.was_sent = False

    def elapsed_ms(self) -> float:
        return (time.perf_counter() - self._started_at) * 1000

    @property
    def text(self) -> str:
        return _joined(self._text)

    @property
    def thinking(self) -> str:
        return _joined(self._thinking)

    def loading(self) -> None:
        if self._loading_at_ms is None:
            self._loading_at_ms = self.elapsed_ms()

    def started(self, model: str | None) -> None:
        self.model = model
        if self._loading_at_ms is not None:
            self.load_ms = self.elapsed_ms() - self._loading_at_ms

    def add(self, text: str, *, is_thinking: bool) -> tuple[float | None, str]:
        """Takes a piece; returns the time to first token if this is the first, and what can be shown by now."""
        now_ms = self.elapsed_ms()
        if is_thinking:
            text = self._unmask_thinking.take(text)
            self._thinking.append(text)
            if self._first_thinking_ms is None:
                self._first_thinking_ms = now_ms
        else:
            text = self._unmask_text.take(text)
            self._text.append(text)
            self._end_thinking(now_ms)
        if self.ttft_ms is not None:
            self.came_in_pieces = True
            return None, text
        self.ttft_ms = now_ms
        return now_ms, text

    def rests(self) -> Iterator[tuple[str, bool]]:
        """What waited for the end of a placeholder, when no more comes; True for thinking."""
        for parts, unmasker in ((self._thinking, self._unmask_thinking), (self._text, self._unmask_text)):
            if rest := unmasker.rest():
                parts.append(rest)
                yield rest, parts is self._thinking

    def _end_thinking(self, now_ms: float) -> None:
        if self._first_thinking_ms is not None and self.thinking_ms is None:
            self.thinking_ms = now_ms - self._first_thinking_ms

    def close(self) -> float:
        """Stops the clock; returns the latency."""
        now_ms = self.elapsed_ms()
        self._end_thinking(now_ms)
        if self.usage.load_ms is not None:
            self.load_ms = self.usage.load_ms
        return now_ms


class EndedBy(NamedTuple):
    """A reply that was ended from outside: stopped by the user, interrupted by closing, or refused before it began."""

    outcome: Outcome
    note: str = ""
    error_kind: ErrorKind | None = None


class _Verdict(NamedTuple):
    """How an attempt ended."""

    outcome: Outcome
    state: MessageState
    note: str
    error_kind: ErrorKind | None = None


def attempt_end(attempt: Attempt, message_id: int, reply: Reply, final: Final, by: EndedBy | None) -> AttemptEnd:
    """Stops the reply's clock."""
    latency_ms = reply.close()
    usage, verdict = reply.usage, _verdict(reply, final, by, attempt.max_tokens)
    was_streamed = reply.came_in_pieces and not (usage.thinking_tokens and not reply.thinking)
    return AttemptEnd(
        attempt_id=attempt.attempt_id,
        message_id=message_id,
        text=reply.text,
        thinking=reply.thinking,
        thinking_ms=reply.thinking_ms,
        signature=reply.signature,
        state=verdict.state,
        note=verdict.note,
        outcome=verdict.outcome,
        model=reply.model or attempt.model,
        error_kind=verdict.error_kind,
        was_forwarded=verdict.error_kind is ErrorKind.FORWARDED,
        finish_reason=final.finish_reason if isinstance(final, wire.Finished) else None,
        ttft_ms=reply.ttft_ms,
        latency_ms=latency_ms,
        load_ms=reply.load_ms,
        prompt_tokens=usage.prompt_tokens,
        cached_tokens=usage.cached_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        completion_tokens=usage.completion_tokens,
        thinking_tokens=usage.thinking_tokens,
        tokens_per_s=tokens_per_s(usage.completion_tokens, latency_ms, reply.ttft_ms, was_streamed=was_streamed),
        cache_write_1h_tokens=usage.cache_write_1h_tokens,
        queue_ms=usage.queue_ms,
        prompt_ms=usage.prompt_ms,
        was_sent=reply.was_sent,
        skipped_events=final.skipped if isinstance(final, wire.Finished) else None,
    )


def _verdict(reply: Reply, final: Final, by: EndedBy | None, max_tokens: int | None) -> _Verdict:
    """`max_tokens`: what the budgets let it have."""
    if isinstance(final, wire.Finished):
        were = "was" if final.skipped == 1 else "were"
        skipped = f"{count_of(final.skipped, 'event')} {were} not understood" if final.skipped else ""
        cut_off = _cut_off(max_tokens) if final.finish_reason in _CUT_OFF else ""
        note = in_clauses(reply.refusal or ("" if reply.text else "empty reply"), cut_off, skipped)
        return _Verdict(Outcome.OK, MessageState.COMPLETE, note)
    if isinstance(final, wire.Failed):
        note = f"{final.message} — {final.remedy}" if final.remedy else final.message
        if reply.text and final.kind in _BROKEN_OFF:
            note += "; or ask it to go on: what came goes along"
        outcome = Outcome.REFUSED if final.kind is ErrorKind.REFUSED else Outcome.ERROR
        return _Verdict(outcome, MessageState.FAILED, note, final.kind)
    if by is None:  # the backend broke its contract: neither Finished nor Failed
        note = "the stream ended without an end mark"
        return _Verdict(Outcome.ERROR, MessageState.FAILED, note, ErrorKind.CUT_SHORT)
    match by.outcome:
        case Outcome.STOPPED:
            return _Verdict(by.outcome, MessageState.STOPPED, by.note, by.error_kind)
        case Outcome.REFUSED:
            return _Verdict(by.outcome, MessageState.FAILED, by.note, ErrorKind.REFUSED)
        case _:
            return _Verdict(by.outcome, MessageState.INTERRUPTED, by.note)


def _cut_off(max_tokens: int | None) -> str:
    """Nobody should take a part for the whole."""
    limit = f"{max_tokens:,} tokens, the most that was asked for" if max_tokens else "the most tokens it may have"
    return f"cut off at {limit}; ask it to go on"


def in_clauses(*parts: str) -> str:
    return "; ".join(filter(None, parts))


def message_after(message: Message, attempt: Attempt, end: AttemptEnd) -> Message:
    """The message and its attempt as the ledger has them once `end` is written."""
    fields = {name: getattr(end, name) for name in _ATTEMPT_END_FIELDS}
    if end.was_forwarded:
        fields |= {"zone": Zone.MANAGED, "proof": None}
    return replace(
        message,
        text=end.text,
        thinking=end.thinking,
        thinking_ms=end.thinking_ms,
        signature=end.signature,
        state=end.state,
        note=end.note,
        attempt=replace(attempt, **fields),
    )


_ATTEMPT_END_FIELDS = tuple(set(Attempt.__struct_fields__) & set(AttemptEnd.__struct_fields__))


def _joined(parts: list[str]) -> str:
    """The parts as one text, joined in place so that the next call costs little."""
    if len(parts) > 1:
        parts[:] = ["".join(parts)]
    return parts[0] if parts else ""
