"""The moment of sending: the user's words go to disk, then the request is made."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from msgspec.structs import replace

from hybridchat.backends.base import BackendSpec
from hybridchat.domain.chat import (
    Attempt,
    ChatMessage,
    ChatRequest,
    Conversation,
    Message,
    MessageState,
    Privacy,
    Role,
)
from hybridchat.domain.routing import Candidate
from hybridchat.domain.text import title_of
from hybridchat.ledger.store import Ledger, NewAttempt, NewTurn, TurnIds
from hybridchat.session.events import TurnBegan
from hybridchat.session.state import Chat, Draft, Plan
from hybridchat.session.turn import Emit, Turn


def chat_request(chat: Chat, draft: Draft, target: Candidate, spec: BackendSpec) -> ChatRequest:
    """Everything that goes along: the system prompt, the branch so far, the draft."""
    system = [ChatMessage(Role.SYSTEM, chat.system)] if chat.system else []
    history = [ChatMessage(m.role, m.text) for m in chat.messages if m.text]
    parameters = draft.parameters
    if parameters.num_ctx is None and spec.num_ctx is not None:
        parameters = replace(parameters, num_ctx=spec.num_ctx)
    return ChatRequest(
        model=target.model,
        messages=(*system, *history, ChatMessage(Role.USER, draft.text)),
        parameters=parameters,
        idle_s=spec.idle_s,
        deadline_s=spec.deadline_s,
    )


async def begin_turn(
    ledger: Ledger, emit: Emit, chat: Chat, draft: Draft, plan: Plan, target: Candidate, privacy: Privacy
) -> Turn:
    """Commits the words and the attempt, shows them in the chat, and returns the turn, ready to start."""
    attempt = NewAttempt(
        purpose=draft.purpose,
        backend=target.backend,
        kind=target.kind,
        model=target.model,
        zone=target.zone,
        proof=target.proof,
        privacy=privacy,
        workload=plan.workload,
        route_reason="; ".join(plan.decision.reasons),
    )
    new_turn = _new_turn(chat, draft, plan, attempt, privacy)
    ids = await asyncio.wrap_future(ledger.begin_turn(new_turn))
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    _adopt(chat, new_turn, ids, now)
    assert chat.conversation is not None
    running = _running_attempt(attempt, ids, now)
    user = Message(ids.user_message_id, ids.conversation_id, chat.leaf_id, Role.USER, draft.text, now)
    reply = Message(
        ids.reply_message_id,
        ids.conversation_id,
        user.id,
        Role.ASSISTANT,
        "",
        now,
        state=MessageState.STREAMING,
        attempt=running,
    )
    chat.messages += [user, reply]
    emit(TurnBegan(chat.conversation, user, reply, target))
    return Turn(ledger, emit, reply, running)


def _new_turn(chat: Chat, draft: Draft, plan: Plan, attempt: NewAttempt, privacy: Privacy) -> NewTurn:
    """Auto's decision is kept at the first message that auto routes; an override decides for itself alone."""
    by_auto = chat.route == "auto" and draft.route is None
    return NewTurn(
        conversation_id=chat.id,
        title=title_of(draft.text),
        privacy=privacy,
        route=chat.route,
        model=chat.model,
        system=chat.system,
        workload=plan.workload,
        reasoning=plan.reasoning,
        parent_id=chat.leaf_id,
        text=draft.text,
        decided_backend=attempt.backend if by_auto else None,
        decided_model=attempt.model if by_auto else None,
        attempt=attempt,
    )


def _adopt(chat: Chat, turn: NewTurn, ids: TurnIds, now: str) -> None:
    """The chat becomes, or goes on as, the conversation that the ledger now holds."""
    before = chat.conversation or Conversation(
        ids.conversation_id,
        turn.title,
        now,
        now,
        privacy=turn.privacy,
        route=turn.route,
        model=turn.model,
        system=turn.system,
        workload=turn.workload,
        reasoning=turn.reasoning,
    )
    chat.privacy = turn.privacy
    chat.workload, chat.reasoning = turn.workload, turn.reasoning
    chat.conversation = replace(
        before,
        updated_at=now,
        decided_backend=turn.decided_backend or before.decided_backend,
        decided_model=turn.decided_model or before.decided_model,
        active_leaf_id=ids.reply_message_id,
        message_count=before.message_count + 2,
    )


def _running_attempt(new: NewAttempt, ids: TurnIds, now: str) -> Attempt:
    return Attempt(
        attempt_id=ids.attempt_id,
        conversation_id=ids.conversation_id,
        message_id=ids.reply_message_id,
        started_at=now,
        purpose=new.purpose,
        backend=new.backend,
        kind=new.kind,
        model=new.model,
        zone=new.zone,
        proof=new.proof,
        privacy=new.privacy,
        workload=new.workload,
        route_reason=new.route_reason,
        attempt_no=new.attempt_no,
    )
