"""One reply, from the request to the record: the only place where a backend's events become a message."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import aclosing
from typing import NamedTuple

from msgspec.structs import replace

from hybridchat.backends.base import Backend
from hybridchat.domain import events as wire
from hybridchat.domain.chat import Attempt, ChatRequest, Message, MessageState, Outcome, Proof, Zone
from hybridchat.domain.stats import tokens_per_s
from hybridchat.errors import BackendError, ErrorKind, HybridchatError
from hybridchat.ledger.store import AttemptEnd, Ledger
from hybridchat.session.events import Delta, EngineLoading, Notice, SessionEvent

FLUSH_S = 0.25
RECORD_S = 2.0
_BROKEN_OFF = {ErrorKind.RESET, ErrorKind.CUT_SHORT, ErrorKind.TIMEOUT}

Emit = Callable[[SessionEvent], None]


class Reply:
    """What has come so far, with the clock of its attempt. Times are milliseconds since `start`."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._started_at = time.perf_counter()
        self._loading_at_ms: float | None = None
        self._first_thinking_ms: float | None = None
        self.thinking_ms: float | None = None
        self.ttft_ms: float | None = None
        self.load_ms: float | None = None
        self.model: str | None = None
        self.signature = ""
        self.refusal = ""
        self.usage = wire.Usage()

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

    def add(self, text: str, *, is_thinking: bool) -> float | None:
        """Takes a piece; returns the time to first token if this is the first."""
        now_ms = self.elapsed_ms()
        if is_thinking:
            self._thinking.append(text)
            if self._first_thinking_ms is None:
                self._first_thinking_ms = now_ms
        else:
            self._text.append(text)
            self._end_thinking(now_ms)
        if self.ttft_ms is not None:
            return None
        self.ttft_ms = now_ms
        return now_ms

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


class Turn:
    """A running reply. `ended` resolves to the recorded message, whatever happens to the backend."""

    def __init__(self, ledger: Ledger, emit: Emit, reply: Message, attempt: Attempt) -> None:
        self.ended: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self.reply = Reply()
        self._ledger = ledger
        self._emit = emit
        self._message = reply
        self._attempt = attempt
        self._flush_timer: asyncio.TimerHandle | None = None
        self._flushed: Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_streaming = False
        self._end: tuple[Outcome, str] | None = None  # how it was ended from outside, and the note

    @property
    def zone(self) -> Zone:
        return self._attempt.zone

    @property
    def proof(self) -> Proof | None:
        return self._attempt.proof

    def start(self, get_backend: Callable[[], Awaitable[Backend]], request: ChatRequest) -> None:
        self._task = asyncio.create_task(self._run(get_backend, request))

    def end(self, outcome: Outcome, note: str = "") -> None:
        """Ends the reply from outside: stopped by the user, interrupted by closing, or refused before it began."""
        if self._end is None and not self.ended.done():
            self._end = (outcome, note)
            if self._task is not None and self._is_streaming:  # before its first step, it would record nothing
                self._task.cancel()

    async def wait(self) -> Message:
        """The recorded reply."""
        return await asyncio.shield(self.ended)

    async def _run(self, get_backend: Callable[[], Awaitable[Backend]], request: ChatRequest) -> None:
        final: wire.Finished | wire.Failed | None = None
        if self._end is None:
            self._is_streaming = True
            final = await self._stream(get_backend, request)
            self._is_streaming = False
        await self._record(final)

    async def _stream(
        self, get_backend: Callable[[], Awaitable[Backend]], request: ChatRequest
    ) -> wire.Finished | wire.Failed | None:
        """Takes every event; returns the one that ended the stream, or None when the reply was ended from outside."""
        final: wire.Finished | wire.Failed | None = None
        try:
            backend = await get_backend()
            async with aclosing(backend.chat(request)) as stream:
                async for event in stream:
                    if isinstance(event, wire.Finished | wire.Failed):
                        final = event
                        break
                    self._take(event)
        except asyncio.CancelledError:
            if self._end is None:
                self._end = (Outcome.INTERRUPTED, "interrupted")
            # A stop while the finished connection drains comes too late: the reply is whole.
        except BackendError as error:
            return wire.Failed(error.kind, error.message, error.remedy, error.status, error.retry_after_s)
        except HybridchatError as error:
            return wire.Failed(ErrorKind.REFUSED, error.message, error.remedy)
        except Exception as error:  # noqa: BLE001 - a defect of ours must not lose the words that came
            return wire.Failed(ErrorKind.PROTOCOL, f"internal error: {type(error).__name__}", "run with --debug")
        return final

    def _take(self, event: wire.Event) -> None:
        match event:
            case wire.Text(text) | wire.Thinking(text):
                if text:
                    self._take_piece(text, is_thinking=isinstance(event, wire.Thinking))
            case wire.Usage():
                self.reply.usage = event
            case wire.Signature(value):
                self.reply.signature = value
            case wire.Refusal(reason):
                self.reply.refusal = reason
            case wire.Started(model):
                self.reply.started(model)
            case wire.Loading(detail, fraction):
                self.reply.loading()
                self._emit(EngineLoading(self._message.conversation_id, self._message.id, detail, fraction))

    def _take_piece(self, text: str, *, is_thinking: bool) -> None:
        ttft_ms = self.reply.add(text, is_thinking=is_thinking)
        if self._flush_timer is None:
            self._flush_timer = asyncio.get_running_loop().call_later(FLUSH_S, self._flush)
        self._emit(Delta(self._message.conversation_id, self._message.id, text, is_thinking, ttft_ms))

    def _flush(self) -> None:
        """At most one write waits, so that a full disk does not pile up copies of the reply."""
        if self._flushed is not None and not self._flushed.done():
            self._flush_timer = asyncio.get_running_loop().call_later(FLUSH_S, self._flush)
            return
        self._flush_timer = None
        self._flushed = self._ledger.flush_reply(self._message.id, self.reply.text, self.reply.thinking)

    async def _record(self, final: wire.Finished | wire.Failed | None) -> None:
        if self._flush_timer is not None:
            self._flush_timer.cancel()
        end = self._ending(final)
        recorded = asyncio.wrap_future(self._ledger.end_attempt(end))
        # A full disk keeps the write waiting in the ledger; the reply on the screen must not wait with it.
        await asyncio.wait({recorded}, timeout=RECORD_S)
        recorded.add_done_callback(self._tell_if_unrecorded)
        self.ended.set_result(message_after(self._message, self._attempt, end))

    def _tell_if_unrecorded(self, recorded: asyncio.Future[None]) -> None:
        error = None if recorded.cancelled() else recorded.exception()
        if error is not None:
            self._emit(Notice(f"this reply was not saved: {error}", "error"))

    def _ending(self, final: wire.Finished | wire.Failed | None) -> AttemptEnd:
        latency_ms = self.reply.close()
        reply, usage = self.reply, self.reply.usage
        verdict = self._verdict(final)
        thinking_hidden = bool(usage.thinking_tokens) and not reply.thinking
        return AttemptEnd(
            attempt_id=self._attempt.attempt_id,
            message_id=self._message.id,
            text=reply.text,
            thinking=reply.thinking,
            thinking_ms=reply.thinking_ms,
            signature=reply.signature,
            state=verdict.state,
            note=verdict.note,
            outcome=verdict.outcome,
            model=reply.model or self._attempt.model,
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
            tokens_per_s=tokens_per_s(usage.completion_tokens, thinking_hidden, latency_ms, reply.ttft_ms),
            skipped_events=final.skipped if isinstance(final, wire.Finished) else None,
        )

    def _verdict(self, final: wire.Finished | wire.Failed | None) -> _Verdict:
        if isinstance(final, wire.Finished):
            notes = [self.reply.refusal or ("" if self.reply.text else "empty reply")]
            if final.skipped:
                notes.append(f"{final.skipped} event{'s were' if final.skipped > 1 else ' was'} not understood")
            note = "; ".join(filter(None, notes))
            return _Verdict(Outcome.OK, MessageState.COMPLETE, note)
        if isinstance(final, wire.Failed):
            note = f"{final.message} — {final.remedy}" if final.remedy else final.message
            if self.reply.text and final.kind in _BROKEN_OFF:
                note += "; or ask it to go on: what came goes along"
            outcome = Outcome.REFUSED if final.kind is ErrorKind.REFUSED else Outcome.ERROR
            return _Verdict(outcome, MessageState.FAILED, note, final.kind)
        if self._end is None:  # the backend broke its contract: neither Finished nor Failed
            note = "the stream ended without an end mark"
            return _Verdict(Outcome.ERROR, MessageState.FAILED, note, ErrorKind.CUT_SHORT)
        outcome, note = self._end
        match outcome:
            case Outcome.STOPPED:
                return _Verdict(outcome, MessageState.STOPPED, note)
            case Outcome.REFUSED:
                return _Verdict(outcome, MessageState.FAILED, note, ErrorKind.REFUSED)
            case _:
                return _Verdict(outcome, MessageState.INTERRUPTED, note)


class _Verdict(NamedTuple):
    """How a reply ended."""

    outcome: Outcome
    state: MessageState
    note: str
    error_kind: ErrorKind | None = None


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
