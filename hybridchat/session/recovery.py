"""What a failed attempt leads to: the same once more after a wait, a local backend instead, or nothing."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from msgspec.structs import replace

from hybridchat.backends.base import Backend
from hybridchat.domain.chat import Attempt, Disclosure, Privacy
from hybridchat.domain.events import Failed, Limits
from hybridchat.domain.privacy import why_forbidden
from hybridchat.domain.retry import may_answer_elsewhere, plan_retry
from hybridchat.domain.tuning import trace_of
from hybridchat.errors import BackendError, ErrorKind, Refused
from hybridchat.session.fleet import Fleet
from hybridchat.session.planning import FALLBACK, Planner, history_of
from hybridchat.session.reply import Final, in_clauses
from hybridchat.session.sending import chat_request, new_attempt
from hybridchat.session.state import Chat, Draft, Plan, without_oldest
from hybridchat.session.turn import Again, Try

_WHAT = {
    ErrorKind.RATE_LIMIT: "limited its rate",
    ErrorKind.OVERLOADED: "was overloaded",
    ErrorKind.SERVER: "failed",
    ErrorKind.RESET: "broke the connection",
    ErrorKind.CUT_SHORT: "broke off",
    ErrorKind.TIMEOUT: "was silent",
    ErrorKind.CONNECT: "could not be reached",
    ErrorKind.DNS: "could not be found",
    ErrorKind.TLS: "could not be reached safely",
    ErrorKind.QUOTA: "has no credit left",
}


def make_try(fleet: Fleet, planner: Planner, chat: Chat, draft: Draft, plan: Plan, *why: str) -> Try:
    """The attempt that the plan means. `why` it is a fallback, if it is one."""
    target = plan.decision.target
    assert target is not None
    history = without_oldest(history_of(chat, draft), plan.left_out_turns)
    request = chat_request(chat.system, history, draft, target, fleet.specs[target.backend])
    trace = trace_of(fleet.carried(target, request.parameters), chat.system)
    values: dict[str, str] = {}
    if plan.found is not None and plan.found.disclosure is Disclosure.MASKED:
        request, values = planner.masked(chat, request)
    forecast, privacy = planner.forecast(target, request), planner.privacy(chat)
    reasons = (*(f"{FALLBACK}: {reason}" for reason in why), *plan.decision.reasons)
    return Try(
        target=target,
        request=request,
        attempt=new_attempt(draft, plan, target, privacy, reasons, forecast, trace),
        instead_of=in_clauses(*why, plan.instead_of),
        values=values,
    )


class Recovery:
    """The course of one turn: opens its backends, and says what follows each of its attempts."""

    def __init__(
        self,
        fleet: Fleet,
        planner: Planner,
        chat: Chat,
        draft: Draft,
        plan: Plan,
        first: Try,
        on_recorded: Callable[[Attempt, str], None],
    ) -> None:
        """`draft.history` is set: by now the chat's own messages include the draft."""
        self._fleet = fleet
        self._planner = planner
        self._chat = chat
        self._draft = draft
        self._plan = plan
        self._on_recorded = on_recorded
        self._aim_at(first)

    def _aim_at(self, try_: Try) -> None:
        self._try = try_
        self._retries = 0
        self._until = time.monotonic() + try_.request.deadline_s
        self._is_out = False

    def privacy(self) -> Privacy:
        return self._planner.privacy(self._chat)

    async def backend(self) -> Backend:
        """The retries of a turn go on while its own failures pause the backend for others."""
        target = self._try.target
        self._is_out = False
        if forbidden := why_forbidden(self.privacy(), target.zone, target.proof):  # since the plan was made
            raise Refused(f"nothing was sent: {forbidden}")
        paused = None if self._retries else self._fleet.begin(target.backend)
        self._is_out = paused is None
        if paused:  # since the plan was made
            raise BackendError(ErrorKind.OVERLOADED, f"{target.backend} is {paused}")
        return await self._fleet.backend(target.backend, target.zone)

    def after(self, final: Final, *, came_anything: bool) -> Again | str:
        target = self._try.target
        was_probe = self._fleet.breaker(target.backend).is_probing
        if self._is_out:
            self._fleet.note_end(target.backend, final)
        if not isinstance(final, Failed):
            return ""
        if final.kind is ErrorKind.FORWARDED:
            self._fleet.demote(target.backend, final.remote_host or "another host")
        if final.kind is ErrorKind.CONTEXT_OVERFLOW:
            self._fleet.note_overflow(target.backend, target.model, self._plan.counted_tokens, final)
        if came_anything:
            return ""
        if not self._is_out:
            return self._fall_back(final) or ""
        retry = plan_retry(final, retries=self._retries, is_local=target.is_local, jitter=random.random())
        left_s = self._until - time.monotonic()
        if retry.wait_s is not None and retry.wait_s < left_s and not was_probe:
            self._retries += 1
            request = replace(self._try.request, deadline_s=left_s - retry.wait_s)
            why = f"{target.backend} {_WHAT[final.kind]}"
            return Again(self._try._replace(request=request), retry.wait_s, why, self._retries)
        return self._fall_back(final) or retry.why

    def _fall_back(self, failed: Failed) -> Again | None:
        """A managed backend cannot answer: a local one may, where that is allowed and possible."""
        target = self._try.target
        if target.is_local or not may_answer_elsewhere(failed.kind):
            return None
        plan = self._planner.fallback(self._chat, self._draft)
        if plan is None:
            return None
        why = f"{target.backend} {_WHAT[failed.kind]}"
        if failed.kind is ErrorKind.QUOTA:
            why += f" ({failed.remedy})"
        self._plan = plan
        self._aim_at(make_try(self._fleet, self._planner, self._chat, self._draft, plan, why))
        return Again(self._try, 0.0, why)

    def promised(self) -> AbstractContextManager[None]:
        return self._fleet.promised(self._try.target)

    def limits(self, limits: Limits) -> None:
        self._fleet.note_limits(self._try.target.backend, limits)

    def recorded(self, attempt: Attempt, note: str) -> None:
        self._on_recorded(attempt, note)
