"""Conversations, plans and turns of the scripted session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from msgspec.structs import replace

from hybridchat.domain.budget import Verdict
from hybridchat.domain.chat import (
    Attempt,
    Conversation,
    CostBasis,
    Disclosure,
    Health,
    HealthState,
    Kind,
    Message,
    MessageState,
    ModelInfo,
    Outcome,
    Privacy,
    Proof,
    Purpose,
    Reasoning,
    Role,
    Zone,
)
from hybridchat.domain.peers import Peer
from hybridchat.domain.pricing import CostEstimate
from hybridchat.domain.privacy import strictest
from hybridchat.domain.routing import LOCAL_FIRST, Candidate, Decision, Outlook, RouteInput, decide
from hybridchat.errors import Refused, UsageError
from hybridchat.session.events import (
    Delta,
    QueueChanged,
    SessionEvent,
    SnapshotChanged,
    TurnBegan,
    TurnEnded,
)
from hybridchat.session.floor import Floor
from hybridchat.session.forking import past_turns
from hybridchat.session.planning import stays_home
from hybridchat.session.standing import Standing
from hybridchat.session.state import NOTHING, Along, Chat, Draft, Plan, count_turns
from hybridchat.session.ways import Way
from tests.tui.fake_comparing import FakeComparing
from tests.tui.fake_turn import RunningTurn
from tests.tui.samples import SNAPSHOT

if TYPE_CHECKING:
    from hybridchat.session.chat import Session

NOW = "2026-11-20T14:02:00.000+00:00"

LAB = Candidate(
    backend="lab",
    kind=Kind.VLLM,
    model="tiny",
    zone=Zone.DEVICE,
    proof=Proof.VOUCHED,
    health=HealthState.HEALTHY,
    context_window=8192,
)
CLOUD = Candidate(
    backend="openai", kind=Kind.OPENAI, model="gpt-big", zone=Zone.MANAGED, proof=None, health=HealthState.UNKNOWN
)


PEER = Peer(pid=812, executable="/usr/bin/python3.11")


class FakeChats:
    """Replies arrive by `feed` and `finish`, so that a test decides what the screen sees when."""

    def __init__(self, candidates: Sequence[Candidate] = (LAB, CLOUD), *, local_only: bool = False) -> None:
        self.backends = list(candidates)
        self.comparing = FakeComparing(self)
        self.floor = Floor(None, local_only=local_only)
        self.sent: list[Draft] = []
        self.kept: dict[int, Chat] = {}
        self.deleted: list[int] = []
        self.ways: tuple[Way, ...] = ()  # what may be done about a draft that cannot be sent, or a reply that failed
        self.verdict: Verdict | None = None  # of the budgets, to any draft
        self.checked: list[str] = []
        self.vouched: list[tuple[str, Peer | None]] = []
        self.keys_wanted = 0
        self.snapshot = SNAPSHOT
        self.is_started = self.is_closed = False
        self.fails_with: Exception | None = None
        self._listener: Callable[[SessionEvent], None] = lambda event: None
        self._next_id = 1

    def as_session(self) -> Session:
        return cast("Session", self)

    async def opener(self) -> Session:
        return self.as_session()

    # --- life

    async def start(self) -> None:
        self.is_started = True
        self.emit(SnapshotChanged(self.snapshot))

    async def close(self) -> None:
        self.is_closed = True

    def listen(self, listener: Callable[[SessionEvent], None]) -> None:
        self._listener = listener

    def emit(self, event: SessionEvent) -> None:
        self._listener(event)

    # --- conversations

    def new(
        self,
        *,
        privacy: Privacy | None = None,
        route: str | None = None,
        model: str | None = None,
        off_record: bool = False,
    ) -> Chat:
        born = strictest(privacy or Privacy.OPEN, self.floor.privacy)
        return Chat(privacy=born, route=route or "auto", model=model, is_off_record=off_record)

    def add(self, title: str, messages: Sequence[tuple[Role, str]] = (), updated_at: str = NOW) -> int:
        """A conversation as if from an earlier day."""
        number = self._id()
        chat = self.new()
        chat.conversation = Conversation(number, title, updated_at, updated_at)
        for role, text in messages:
            chat.messages.append(self._message(number, role, text, MessageState.COMPLETE))
        self.kept[number] = chat
        return number

    async def open(self, conversation_id: int) -> Chat:
        if conversation_id not in self.kept or conversation_id in self.deleted:
            raise UsageError(f"no conversation {conversation_id}", "`hybridchat list` shows all")
        return self.kept[conversation_id]

    async def open_latest(self) -> Chat | None:
        return self.kept[max(self.kept)] if self.kept else None

    async def conversations(self, limit: int = 200) -> list[Conversation]:
        all_of_them = [c.conversation for i, c in self.kept.items() if i not in self.deleted and c.conversation]
        return sorted(all_of_them, key=lambda c: (c.updated_at, c.id), reverse=True)[:limit]

    async def rename(self, conversation_id: int, title: str) -> None:
        chat = self.kept[conversation_id]
        assert chat.conversation is not None
        chat.conversation = replace(chat.conversation, title=title)

    async def delete(self, conversation_id: int) -> None:
        self.deleted.append(conversation_id)

    async def undo_delete(self) -> int | None:
        return self.deleted.pop() if self.deleted else None

    async def set_route(self, chat: Chat, route: str, model: str | None = None) -> None:
        chat.route, chat.model = route, model

    async def set_privacy(self, chat: Chat, privacy: Privacy) -> None:
        assert not self.must_fork(chat, privacy)
        chat.privacy = privacy

    def must_fork(self, chat: Chat, privacy: Privacy) -> bool:
        return bool(chat.messages) and strictest(chat.privacy, privacy) is not privacy

    async def make_fork(self, chat: Chat, privacy: Privacy, turns: Collection[int] = (), *, with_system: bool) -> int:
        assert chat.conversation is not None
        along = [message for turn in past_turns(chat) if turn.number in turns for message in turn.messages]
        number = self.add(f"{chat.conversation.title} (forked)", [(message.role, message.text) for message in along])
        self.kept[number].privacy = privacy
        self.kept[number].system = chat.system if with_system else ""
        return number

    async def set_reasoning(self, chat: Chat, reasoning: Reasoning) -> None:
        chat.reasoning = reasoning

    async def set_workload(self, chat: Chat, workload: str | None) -> None:
        chat.workload = workload

    # --- turns

    def plan(
        self,
        chat: Chat,
        draft: str,
        *,
        route: str | None = None,
        model: str | None = None,
        along: Along = NOTHING,
        rewords: int | None = None,
    ) -> Plan:
        wanted, model = route or chat.route, model or chat.model
        candidates = [replace(c, model=model) if model and c.backend == wanted else c for c in self.backends]
        reasoning = chat.reasoning or Reasoning.NORMAL
        decision = decide(
            RouteInput(
                candidates=tuple(candidates),
                table=LOCAL_FIRST,
                table_name="local-first",
                privacy=chat.privacy,
                wanted=wanted,
                wanted_by="message" if route else "conversation",
                stays_home=stays_home(chat.messages) and not chat.may_leave,
                reasoning=reasoning,
            )
        )
        if self.ways and route is None:
            why = str(self.verdict) if self.verdict else "lab: ≈ 9,000 tokens do not fit tiny's context window of 8,192"
            decision = Decision(outlook=Outlook.REFUSE, reasons=(why,))
        turns = count_turns(chat.messages)
        ways = self.ways or tuple(Way("ask", candidate, turns) for candidate in decision.choices)
        tokens = len(draft) // 4 + 4
        is_managed = decision.target is not None and not decision.target.is_local
        usd = tokens * Decimal("2.5e-6")
        cost = CostEstimate(usd, 3 * usd, with_reply=True, source="list price") if is_managed else None
        return Plan(
            decision,
            reasoning,
            chat.workload,
            tokens,
            prompt_spread=(tokens * 7 // 10, tokens * 8 // 5),
            cost=cost,
            budget=self.verdict if route is None or is_managed else None,
            forbidden=CLOUD if self.verdict and self.verdict.forbids and not is_managed else None,
            ways=() if decision.outlook is Outlook.SEND else ways,
            privacy=chat.privacy,
        )

    async def send(
        self,
        chat: Chat,
        text: str,
        *,
        route: str | None = None,
        model: str | None = None,
        drop_turns: int = 0,
        disclosure: Disclosure | None = None,
        agreed: Mapping[str, int] | None = None,
        along: Along = NOTHING,
        rewords: int | None = None,
    ) -> None:
        if self.fails_with is not None:
            raise self.fails_with
        if rewords is not None:  # branches are tried over the real session
            raise UsageError("a reply is running", "stop it, wait for its end, or go on in a fork")
        draft = Draft(text, route, model, drop_turns=drop_turns, disclosure=disclosure, along=along)
        if text or along:
            chat.queue.append(draft)
        elif route:
            chat.queue[0] = replace(chat.queue[0], route=route, model=model)
        try:
            if not chat.is_streaming:
                self._send_next(chat)
        except Refused:
            if draft in chat.queue:
                chat.queue.remove(draft)
            raise
        finally:
            self.emit(QueueChanged(chat.id, tuple(d.text for d in chat.queue)))

    def _target(self, chat: Chat, draft: Draft) -> Candidate:
        decision = self.plan(chat, draft.text, route=draft.route, model=draft.model).decision
        if decision.outlook is not Outlook.SEND or decision.target is None:
            raise Refused("; ".join(decision.reasons), decision.remedy)
        return decision.target

    def _begin(self, chat: Chat, draft: Draft, target: Candidate) -> None:
        if chat.conversation is None:
            chat.conversation = Conversation(self._id(), draft.text[:40], NOW, NOW, privacy=chat.privacy)
            self.kept[chat.conversation.id] = chat
        number = chat.conversation.id
        user = self._message(number, Role.USER, draft.text, MessageState.COMPLETE)
        reply = self._message(number, Role.ASSISTANT, "", MessageState.STREAMING, target)
        reply = replace(reply, parent_id=user.id)
        chat.messages += [user, reply]
        chat.turn = cast(Any, RunningTurn(reply))
        self.emit(TurnBegan(chat.conversation, user, reply, target))

    def feed(self, chat: Chat, text: str, *, is_thinking: bool = False, ttft_ms: float | None = None) -> None:
        """A piece of the running reply arrives."""
        assert chat.id is not None and chat.turn is not None
        chat.turn.reply.add(text, is_thinking=is_thinking)
        self.emit(Delta(chat.id, chat.messages[-1].id, text, is_thinking, ttft_ms))

    def finish(self, chat: Chat, state: MessageState = MessageState.COMPLETE, note: str = "") -> Message:
        """The running reply ends; what waits is sent, as after a good reply."""
        assert chat.turn is not None and chat.id is not None
        text, thinking = chat.turn.reply.text, chat.turn.reply.thinking
        before = chat.messages[-1]
        assert before.attempt is not None
        attempt = replace(before.attempt, ttft_ms=84.0, latency_ms=2900.0, completion_tokens=312, tokens_per_s=111.0)
        reply = replace(before, text=text, thinking=thinking, state=state, note=note, attempt=attempt)
        chat.turn = None
        chat.replace(reply)
        self.emit(TurnEnded(chat.id, reply))
        if chat.queue and state is MessageState.COMPLETE:
            self._send_next(chat)
        return reply

    def _send_next(self, chat: Chat) -> None:
        target = self._target(chat, chat.queue[0])
        draft = chat.queue.pop(0)
        self.sent.append(draft)
        self._begin(chat, draft, target)

    async def stop(self, chat: Chat) -> None:
        await asyncio.sleep(0)
        if chat.turn is not None:
            self.finish(chat, MessageState.STOPPED)

    def unqueue(self, chat: Chat, index: int = -1) -> Draft:
        draft = chat.queue.pop(index)
        self.emit(QueueChanged(chat.id, tuple(d.text for d in chat.queue)))
        return draft

    # --- backends

    def candidates(self, model: str | None = None) -> tuple[Candidate, ...]:
        return tuple(self.backends)

    def candidate(self, backend: str, model: str) -> Candidate:
        return replace(next(c for c in self.backends if c.backend == backend), model=model)

    def standing(self, backend: str) -> Standing:
        found = next(c for c in self.backends if c.backend == backend)
        return Standing(
            backend=backend,
            kind=Kind(found.kind),
            url="http://127.0.0.1:8000",
            zone=found.zone,
            proof=found.proof,
            how="as the test says",
            doubt=found.doubt,
            peer=PEER if found.zone is Zone.DEVICE else None,
            seen_s=3.0 if found.zone is Zone.DEVICE else None,
        )

    async def vouch(self, backend: str, seen: Peer | None = None) -> None:
        self.vouched.append((backend, seen))
        self.backends = [replace(c, proof=Proof.VOUCHED) if c.backend == backend else c for c in self.backends]
        self.ways = ()

    async def check_health(self, backend: str) -> None:
        self.checked.append(backend)

    async def check_keyless(self) -> None:
        self.keys_wanted += 1

    def health(self, backend: str) -> Health:
        found = next(c for c in self.backends if c.backend == backend)
        if not found.model and backend not in self.checked:
            return Health()
        return Health(found.health, "", (ModelInfo(found.model or "offered"), ModelInfo(f"{found.model}-2")))

    # --- making

    def _id(self) -> int:
        self._next_id += 1
        return self._next_id

    def _message(
        self, conversation_id: int, role: Role, text: str, state: MessageState, target: Candidate = LAB
    ) -> Message:
        number = self._id()
        attempt = _attempt(number, conversation_id, target) if role is Role.ASSISTANT else None
        if attempt is not None and state is MessageState.COMPLETE:
            attempt = replace(attempt, ttft_ms=84.0, completion_tokens=312, tokens_per_s=111.0, outcome=Outcome.OK)
        return Message(number, conversation_id, None, role, text, NOW, state=state, attempt=attempt)


def _attempt(number: int, conversation_id: int, target: Candidate) -> Attempt:
    is_managed = not target.is_local
    return Attempt(
        attempt_id=number,
        conversation_id=conversation_id,
        message_id=number,
        started_at=NOW,
        purpose=Purpose.CHAT,
        backend=target.backend,
        kind=target.kind,
        model=target.model,
        zone=target.zone,
        proof=target.proof,
        privacy=Privacy.OPEN,
        cost_usd=0.0042 if is_managed else None,
        cost_basis=CostBasis.PRICED if is_managed else CostBasis.UNKNOWN,
    )
