"""The moment of sending: the user's words go to disk, then the request is made."""

from __future__ import annotations

import asyncio

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
from hybridchat.domain.privacy import strictest
from hybridchat.domain.routing import Candidate
from hybridchat.domain.text import title_of
from hybridchat.ledger.store import Ledger, NewAttempt, NewTurn, TurnIds
from hybridchat.session.events import TurnBegan
from hybridchat.session.state import Chat, Draft, Plan
from hybridchat.session.turn import Emit, Turn


def chat_request(chat: Chat, draft: Draft, target: Candidate, spec: BackendSpec) -> ChatRequest:
    """Everything that goes along: the system prompt, the branch so far, the draft.

    Questions without an answer are joined: many chat templates refuse two messages of one role in a row.
    """
    messages = [ChatMessage(Role.SYSTEM, chat.system)] if chat.system else []
    for message in [*(_history_message(m, target) for m in chat.messages), ChatMessage(Role.USER, draft.text)]:
        if message.text and messages and messages[-1].role is message.role:
            messages[-1] = ChatMessage(message.role, f"{messages[-1].text}\n\n{message.text}")
        elif message.text:
            messages.append(message)
    parameters = draft.parameters
    if parameters.num_ctx is None and spec.num_ctx is not None:
        parameters = replace(parameters, num_ctx=spec.num_ctx)
    return ChatRequest(
        model=target.model,
        messages=tuple(messages),
        parameters=parameters,
        idle_s=spec.idle_s,
        deadline_s=spec.deadline_s,
    )


def _history_message(message: Message, target: Candidate) -> ChatMessage:
    """Thinking goes back only to the model that thought it, and only where it came signed."""
    by = message.attempt
    if not message.signature or by is None or (by.kind, by.backend) != (target.kind, target.backend):
        return ChatMessage(message.role, message.text)
    return ChatMessage(message.role, message.text, thinking=message.thinking, signature=message.signature)


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
    changed_meanwhile = _adopt(chat, new_turn, ids)
    if changed_meanwhile:
        await asyncio.wrap_future(ledger.update_conversation(ids.conversation_id, **changed_meanwhile))
    assert chat.conversation is not None
    now = ids.started_at
    running = _running_attempt(attempt, ids)
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
    chat.turn = Turn(ledger, emit, reply, running)
    emit(TurnBegan(chat.conversation, user, reply, target))
    return chat.turn


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


def _adopt(chat: Chat, turn: NewTurn, ids: TurnIds) -> dict[str, object]:
    """The chat becomes, or goes on as, the conversation that the ledger now holds.

    Returns the wishes that the user changed while the words were on their way to disk: they win.
    """
    before = chat.conversation or Conversation(ids.conversation_id, turn.title, ids.started_at, ids.started_at)
    chat.workload = chat.workload or turn.workload
    chat.reasoning = chat.reasoning or turn.reasoning
    chat.privacy = strictest(chat.privacy, turn.privacy)
    wishes = {name: getattr(chat, name) for name in ("privacy", "route", "model", "workload", "reasoning")}
    changed: dict[str, object] = {name: wish for name, wish in wishes.items() if wish != getattr(turn, name)}
    decided = {"decided_backend": turn.decided_backend, "decided_model": turn.decided_model}
    if changed:
        changed |= dict.fromkeys(decided)
    elif turn.decided_backend is None:
        decided = {name: getattr(before, name) for name in decided}
    chat.conversation = replace(
        before,
        **wishes,
        **(dict.fromkeys(decided) if changed else decided),
        system=turn.system,
        updated_at=ids.started_at,
        active_leaf_id=ids.reply_message_id,
        message_count=before.message_count + 2,
    )
    return changed


def _running_attempt(new: NewAttempt, ids: TurnIds) -> Attempt:
    return Attempt(
        attempt_id=ids.attempt_id,
        conversation_id=ids.conversation_id,
        message_id=ids.reply_message_id,
        started_at=ids.started_at,
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
