"""One reply, from the request to the record: the only place where a backend's events become a message."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager, aclosing
from typing import NamedTuple, Protocol

from msgspec.structs import replace

from hybridchat.backends.base import Backend
from hybridchat.domain import events as wire
from hybridchat.domain.audit import Errand
from hybridchat.domain.chat import (
    Attempt,
    ChatRequest,
    Disclosure,
    Message,
    MessageState,
    Outcome,
    Privacy,
    Zone,
    is_off_record,
)
from hybridchat.domain.privacy import why_forbidden
from hybridchat.domain.retry import slept
from hybridchat.domain.routing import Candidate
from hybridchat.domain.text import oldest_turns
from hybridchat.errors import BackendError, ErrorKind, HybridchatError
from hybridchat.ledger.store import Ledger, NewAttempt
from hybridchat.net.audit import on_errand
from hybridchat.session.budgets import with_max_tokens
from hybridchat.session.disclosing import counts_of, in_words
from hybridchat.session.events import AttemptBegan, Delta, Emit, EngineLoading, LimitsChanged, Notice, RetryWaits
from hybridchat.session.reply import EndedBy, Final, Reply, attempt_end, in_clauses, message_after
from hybridchat.session.sending import running_attempt

FLUSH_S = 0.25
RECORD_S = 2.0


class Try(NamedTuple):
    """One attempt, ready to be made."""

    target: Candidate
    request: ChatRequest
    attempt: NewAttempt
    instead_of: str = ""  # of a fallback: what became of the managed backend
    values: Mapping[str, str] = {}  # what the placeholders in the request stand for

    def mark(self, verb: str) -> str:
        """What goes under the reply: who was asked instead of whom, and what did not go along."""
        turns = self.attempt.left_out_turns
        found = in_words(counts_of(self.attempt.found))
        done = "masked" if self.attempt.disclosure is Disclosure.MASKED else "sent as it is"
        return in_clauses(
            f"{verb} {self.target.model} on {self.target.backend}: {self.instead_of}" if self.instead_of else "",
            f"without {oldest_turns(turns)}" if turns else "",
            f"{found} {done}" if found else "",
        )


class Again(NamedTuple):
    """What follows a failed attempt."""

    next: Try
    wait_s: float
    reason: str
    retry_no: int = 0  # 0: a fallback


class Course(Protocol):
    """What a turn asks and tells about its attempts."""

    async def backend(self) -> Backend:
        """For the attempt that begins now. Raises HybridchatError when it must not be made."""
        ...

    def promised(self) -> AbstractContextManager[None]:
        """Within, requests go to whom the plan meant, or end as Refused."""
        ...

    def after(self, final: Final, *, came_anything: bool) -> Again | str:
        """What follows an attempt; a text, or "", says why nothing does."""
        ...

    def privacy(self) -> Privacy:
        """The conversation's as it is now."""
        ...

    def limits(self, limits: wire.Limits) -> None:
        """What the provider's rate limits leave."""
        ...

    def recorded(self, attempt: Attempt, note: str) -> None:
        """The attempt's end is in the ledger."""
        ...


class Turn:
    """A running reply. `ended` resolves to the recorded message, whatever happens to the backend.

    Its attempts follow each other: each has its own row and one recorded end, and never do two run at once.
    """

    def __init__(self, ledger: Ledger, emit: Emit, course: Course, first: Try, message: Message) -> None:
        assert message.attempt is not None
        self.ended: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self.reply = Reply(first.values)
        self._ledger = ledger
        self._emit = emit
        self._course = course
        self._try = first
        self._message = message
        self._attempt = message.attempt
        self._requested: wire.Requested | None = None  # what the attempt sends, until that is kept
        self._flush_timer: asyncio.TimerHandle | None = None
        self._flushed: Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_interruptible = False  # streaming, or waiting for the next attempt
        self._ended_by: EndedBy | None = None

    @property
    def message(self) -> Message:
        """With the text that has come so far."""
        so_far = {"text": self.reply.text, "thinking": self.reply.thinking}
        return replace(self._message, **so_far, state=MessageState.STREAMING)  # between two attempts, too

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    def end(self, outcome: Outcome, note: str = "", error_kind: ErrorKind | None = None) -> None:
        """Ends the reply from outside: stopped by the user, interrupted by closing, or refused before it began."""
        if self._ended_by is None and not self.ended.done():
            self._ended_by = EndedBy(outcome, note, error_kind)
            if self._task is not None and self._is_interruptible:  # in its other steps, it would record nothing
                self._task.cancel()

    def obey(self, privacy: Privacy) -> None:
        """Ends it where a pin that was set meanwhile forbids who answers."""
        if why_forbidden(privacy, self._attempt.zone, self._attempt.proof):
            left = "may have left" if self._attempt.zone is Zone.DEVICE else "left"
            note = f"pinned while it streamed: this turn {left} this machine"
            self.end(Outcome.STOPPED, note, ErrorKind.PINNED)

    async def wait(self) -> Message:
        """The recorded reply, once those who listen to `ended` have heard of it."""
        reply = await asyncio.shield(self.ended)
        await asyncio.sleep(0)  # a future that is done already is awaited without a turn for its callbacks
        return reply

    async def _run(self) -> None:
        follows = await self._make_attempt()
        while follows is not None and await self._begin_next(follows):
            follows = await self._make_attempt()
        self.ended.set_result(self._message)

    async def _make_attempt(self) -> Again | None:
        """Streams, records, and says what follows."""
        final: Final = None
        if self._ended_by is None:
            self._is_interruptible = True
            final = await self._stream()
            self._is_interruptible = False
        follows = self._course.after(final, came_anything=self.reply.ttft_ms is not None)
        await self._record(final, follows if isinstance(follows, str) else "")
        return follows if isinstance(follows, Again) else None

    async def _stream(self) -> Final:
        """Takes every event; returns the one that ended the stream, or None when the reply was ended from outside."""
        final: Final = None
        try:
            backend = await self._course.backend()
            request = with_max_tokens(self._try.request, self._attempt.max_tokens)
            self.reply.was_sent = True
            with on_errand(self._errand()), self._course.promised():
                async with aclosing(backend.chat(request)) as stream:
                    async for event in stream:
                        if isinstance(event, wire.Finished | wire.Failed):
                            final = event
                            break
                        self._take(event)
        except asyncio.CancelledError:
            if self._ended_by is None:
                self._ended_by = EndedBy(Outcome.INTERRUPTED, "interrupted")
            # A stop while the finished connection drains comes too late: the reply is whole.
        except BackendError as error:
            return wire.Failed(error.kind, error.message, error.remedy, error.status, error.retry_after_s)
        except HybridchatError as error:
            return wire.Failed(ErrorKind.REFUSED, error.message, error.remedy)
        except Exception as error:  # noqa: BLE001 - a defect of ours must not lose the words that came
            return wire.Failed(ErrorKind.PROTOCOL, f"internal error: {type(error).__name__}", "run with --debug")
        return final

    def _errand(self) -> Errand:
        """What leaves is in the audit also off the record, but leads to no conversation there."""
        attempt, counts = self._attempt, counts_of(self._attempt.found)
        is_masked = attempt.disclosure is Disclosure.MASKED
        is_kept = not is_off_record(attempt.conversation_id)
        return Errand(
            purpose=attempt.purpose,
            conversation_id=attempt.conversation_id if is_kept else None,
            message_id=attempt.message_id if is_kept else None,
            attempt_id=attempt.attempt_id if is_kept else None,
            masked=counts if is_masked else {},
            overridden={} if is_masked else counts,
        )

    def _take(self, event: wire.Event) -> None:
        match event:
            case wire.Requested():
                self._requested = event  # not kept yet: the record that it leaves must not wait behind a long one
                self._flush_soon()
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
            case wire.Limits():
                self._course.limits(event)
                self._emit(LimitsChanged(self._attempt.backend, event))
            case wire.Loading(detail, fraction):
                self.reply.loading()
                self._emit(EngineLoading(self._message.conversation_id, self._message.id, detail, fraction))

    def _take_piece(self, text: str, *, is_thinking: bool) -> None:
        ttft_ms, text = self.reply.add(text, is_thinking=is_thinking)
        self._flush_soon()
        self._tell(text, ttft_ms, is_thinking=is_thinking)

    def _tell(self, text: str, ttft_ms: float | None, *, is_thinking: bool) -> None:
        self._emit(Delta(self._message.conversation_id, self._message.id, text, is_thinking, ttft_ms))

    def _flush_soon(self) -> None:
        if self._flush_timer is None:
            self._flush_timer = asyncio.get_running_loop().call_later(FLUSH_S, self._flush)

    def _flush(self) -> None:
        """At most one write waits, so that a full disk does not pile up copies of the reply."""
        self._flush_timer = None
        if self._flushed is not None and not self._flushed.done():
            self._flush_soon()
            return
        self._keep_request()
        if self.reply.ttft_ms is not None:
            self._flushed = self._ledger.flush_reply(self._message.id, self.reply.text, self.reply.thinking)

    def _keep_request(self) -> None:
        if self._requested is not None:
            path, body = self._requested.path, self._requested.body
            self._ledger.keep_request(self._attempt.attempt_id, path, body, self._try.values)
            self._requested = None

    # --- between attempts

    async def _begin_next(self, again: Again) -> bool:
        """Waits, and begins the next attempt; False: the reply stays as the last one left it, and says why."""
        number = self._attempt.attempt_no + 1
        why_not = await self._pause(again, number)
        if self._ended_by is not None:
            was_closed = self._ended_by.outcome is Outcome.INTERRUPTED
            state = MessageState.INTERRUPTED if was_closed else MessageState.STOPPED
            await self._leave(state, self._ended_by.note or "stopped before the next try")
            return False
        if why_not:
            await self._leave(MessageState.FAILED, why_not)
            return False
        new = replace(again.next.attempt, attempt_no=number, privacy=self._course.privacy())
        try:
            ids = await asyncio.wrap_future(self._ledger.begin_attempt(self._message.id, new))
        except HybridchatError as error:
            await self._leave(MessageState.FAILED, f"not tried again: {error}")
            return False
        self._try, self._attempt, self.reply = again.next, running_attempt(new, ids), Reply(again.next.values)
        self._message = replace(self._message, state=MessageState.STREAMING, note="", attempt=self._attempt)
        self._emit(
            AttemptBegan(
                self._message.conversation_id, self._message.id, again.next.target, self._attempt, not again.retry_no
            )
        )
        return True

    async def _pause(self, again: Again, number: int) -> str:
        """Returns why the next attempt must not be made by itself, or ""."""
        if not again.retry_no or self._ended_by is not None:
            return ""
        monotonic, wall = time.monotonic(), time.time()
        until = monotonic + again.wait_s
        message = self._message
        self._emit(RetryWaits(message.conversation_id, message.id, until, again.reason, number, again.retry_no))
        self._is_interruptible = True
        try:
            await asyncio.sleep(again.wait_s)
        except asyncio.CancelledError:
            if self._ended_by is None:
                self._ended_by = EndedBy(Outcome.INTERRUPTED, "interrupted")
        finally:
            self._is_interruptible = False
        if slept(again.wait_s, time.monotonic() - monotonic, time.time() - wall):
            return (
                "the machine slept or its clock jumped meanwhile, so it was not sent again: ask again if you still want"
            )
        return ""

    async def _leave(self, state: MessageState, why: str) -> None:
        note = in_clauses(self._message.note, why)
        self._message = replace(self._message, state=state, note=note)
        await self._keep(self._ledger.end_reply(self._message.id, state, note))

    # --- the record

    async def _record(self, final: Final, why_over: str) -> None:
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None
        for text, is_thinking in self.reply.rests():
            self._tell(text, None, is_thinking=is_thinking)
        self._keep_request()
        end = attempt_end(self._attempt, self._message.id, self.reply, final, self._ended_by)
        mark = self._try.mark("asked" if end.state is MessageState.FAILED else "answered by")
        end = replace(end, note=in_clauses(mark, end.note, why_over))
        await self._keep(self._ledger.end_attempt(end))
        self._message = message_after(self._message, self._attempt, end)
        assert self._message.attempt is not None
        self._attempt = self._message.attempt
        self._course.recorded(self._attempt, end.note)

    async def _keep(self, write: Future[None]) -> None:
        """A full disk keeps the write waiting in the ledger; the reply on the screen must not wait with it."""
        kept = asyncio.wrap_future(write)
        await asyncio.wait({kept}, timeout=RECORD_S)
        kept.add_done_callback(self._tell_if_unrecorded)

    def _tell_if_unrecorded(self, recorded: asyncio.Future[None]) -> None:
        error = None if recorded.cancelled() else recorded.exception()
        if error is not None:
            self._emit(Notice(f"this reply was not saved: {error}", "error"))
