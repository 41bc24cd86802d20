"""The moment of sending: the user's words go to disk, then the request is made."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from hybridchat.backends.base import BackendSpec
from hybridchat.domain.chat import (
    Attempt,
    ChatMessage,
    ChatRequest,
    Conversation,
    Disclosure,
    Message,
    MessageState,
    Privacy,
    Purpose,
    Role,
)
from hybridchat.domain.privacy import strictest
from hybridchat.domain.routing import Candidate
from hybridchat.domain.text import title_of
from hybridchat.ledger.store import Forecast, Ledger, NewAttempt, NewTurn, TurnIds
from hybridchat.session.state import Chat, Draft, Plan, loaded


def chat_request(
    system: str, history: Iterable[Message], draft: Draft, target: Candidate, spec: BackendSpec
) -> ChatRequest:
    """Everything that goes along: the system prompt, the branch so far, the draft.

    Questions without an answer are joined: many chat templates refuse two messages of one role in a row.
    """
    messages = [ChatMessage(Role.SYSTEM, system)] if system else []
    asked = ChatMessage(Role.USER, draft.text, draft.along.attachments)
    for message in [*(_history_message(m, target, draft) for m in history), asked]:
        if not message.text and not message.attachments:
            continue
        if messages and messages[-1].role is message.role:
            messages[-1] = _joined(messages[-1], message)
        else:
            messages.append(message)
    parameters = draft.parameters
    if parameters.num_ctx is None and spec.num_ctx is not None:
        parameters = replace(parameters, num_ctx=spec.num_ctx)
    goes_on_already = any(message.role is Role.ASSISTANT for message in messages)
    return ChatRequest(
        model=target.model,
        messages=tuple(messages),
        parameters=parameters,
        idle_s=spec.idle_s,
        deadline_s=spec.deadline_s,
        will_go_on=draft.purpose is Purpose.CHAT or (draft.purpose is Purpose.ASK and goes_on_already),
    )


def _history_message(message: Message, target: Candidate, draft: Draft) -> ChatMessage:
    """Thinking goes back only to the model that thought it, and only where it came signed; one that was thought over
    placeholders is signed with them."""
    by = message.attempt
    is_its_own = by is not None and (by.kind, by.backend, by.disclosure) in (
        (target.kind, target.backend, None),
        (target.kind, target.backend, Disclosure.AS_IS),
    )
    if not message.signature or not is_its_own:
        return ChatMessage(message.role, message.text, loaded(message, draft))
    return ChatMessage(message.role, message.text, thinking=message.thinking, signature=message.signature)


def _joined(first: ChatMessage, second: ChatMessage) -> ChatMessage:
    """Nothing is lost but an older signed thinking: a message holds one, and the newest is asked for."""
    thought = second if second.signature else first
    return ChatMessage(
        first.role,
        "\n\n".join(filter(None, (first.text, second.text))),
        (*first.attachments, *second.attachments),
        thinking=thought.thinking,
        signature=thought.signature,
    )


def new_attempt(
    draft: Draft,
    plan: Plan,
    target: Candidate,
    privacy: Privacy,
    reasons: Iterable[str],
    forecast: Forecast,
    trace: str | None,
) -> NewAttempt:
    """`trace`: what the request carries beside its words."""
    return NewAttempt(
        purpose=draft.purpose,
        backend=target.backend,
        kind=target.kind,
        model=target.model,
        zone=target.zone,
        proof=target.proof,
        privacy=privacy,
        workload=plan.workload,
        route_reason="; ".join(reasons),
        left_out_turns=plan.left_out_turns or None,
        found=msgspec.json.encode(plan.found.counts).decode() if plan.found else None,
        disclosure=plan.found.disclosure if plan.found else None,
        parameters=trace,
        forecast=forecast,
    )


async def begin_turn(ledger: Ledger, chat: Chat, draft: Draft, plan: Plan, attempt: NewAttempt) -> Message:
    """Commits the words and the attempt, and shows them in the chat; returns the reply, streaming and empty."""
    turn = new_turn(chat, draft, plan, attempt)
    ids = await asyncio.wrap_future(ledger.begin_turn(turn))
    return await adopt(ledger, chat, turn, ids)


async def begin_again(ledger: Ledger, chat: Chat, question: Message, attempt: NewAttempt) -> Message:
    """Answers a question of the branch again. A reply that is there stays, and the new one stands beside it; one
    without any words, if it is the last, gets a further attempt."""
    asked = chat.up_to(question.id)
    before = chat.messages[-1]
    if len(chat.messages) == len(asked) + 1 and not before.has_words:
        attempt = replace(attempt, attempt_no=before.attempt.attempt_no + 1 if before.attempt else 1)
        ids = await asyncio.wrap_future(ledger.begin_attempt(before.id, attempt))
    else:
        ids = await asyncio.wrap_future(ledger.begin_sibling(question.id, attempt))
    reply = streaming_reply(attempt, ids)
    assert chat.conversation is not None
    chat.conversation = replace(chat.conversation, updated_at=ids.started_at, active_leaf_id=reply.id)
    chat.show([*asked, reply])
    return reply


def streaming_reply(attempt: NewAttempt, ids: TurnIds) -> Message:
    return Message(
        ids.reply_message_id,
        ids.conversation_id,
        ids.user_message_id,
        Role.ASSISTANT,
        "",
        ids.started_at,
        state=MessageState.STREAMING,
        attempt=running_attempt(attempt, ids),
    )


def new_turn(chat: Chat, draft: Draft, plan: Plan, attempt: NewAttempt) -> NewTurn:
    """Auto's decision is kept at the first message that auto routes; an override, or a fallback, decides for itself
    alone."""
    by_auto = chat.route == "auto" and draft.route is None and not plan.instead_of
    return NewTurn(
        conversation_id=chat.id,
        title=title_of(draft.text or ", ".join(file.name for file in draft.along.files)),
        privacy=attempt.privacy,
        route=chat.route,
        model=chat.model,
        system=chat.system,
        workload=plan.workload,
        reasoning=plan.reasoning,
        effort=chat.effort,
        parameters=chat.parameters,
        parent_id=draft.rewords.parent_id if draft.rewords else chat.leaf_id,
        text=draft.text,
        attachments=draft.along.attachments,
        decided_backend=attempt.backend if by_auto else None,
        decided_model=attempt.model if by_auto else None,
        waited=draft.waited,
        attempt=attempt,
    )


async def adopt(ledger: Ledger, chat: Chat, turn: NewTurn, ids: TurnIds) -> Message:
    """Shows in the chat what the ledger now holds; returns the reply."""
    changed_meanwhile = _adopt(chat, turn, ids)
    if changed_meanwhile:
        await asyncio.wrap_future(ledger.update_conversation(ids.conversation_id, **changed_meanwhile))
    user = Message(ids.user_message_id, ids.conversation_id, turn.parent_id, Role.USER, turn.text, ids.started_at)
    user = replace(user, attachments=tuple(attachment.file for attachment in turn.attachments))
    reply = streaming_reply(turn.attempt, ids)
    if turn.parent_id != chat.leaf_id:  # in other words than before: what followed is on another branch now
        chat.show(chat.up_to(turn.parent_id))
    chat.messages += [user, reply]
    return reply


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
    settings = {name: getattr(chat, name) for name in ("system", "effort", "parameters")}
    tuned = {name: setting for name, setting in settings.items() if setting != getattr(turn, name)}
    decided = {"decided_backend": turn.decided_backend, "decided_model": turn.decided_model}
    if changed:
        changed |= dict.fromkeys(decided)
    elif turn.decided_backend is None:
        decided = {name: getattr(before, name) for name in decided}
    chat.conversation = replace(
        before,
        **wishes,
        **settings,
        **(dict.fromkeys(decided) if changed else decided),
        updated_at=ids.started_at,
        archived_at=None,
        active_leaf_id=ids.reply_message_id,
        message_count=before.message_count + 2,
    )
    return {**changed, **tuned}


def running_attempt(new: NewAttempt, ids: TurnIds) -> Attempt:
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
        left_out_turns=new.left_out_turns,
        found=new.found,
        disclosure=new.disclosure,
        parameters=new.parameters,
        requested_model=new.model,
        prompt_characters=new.forecast.prompt_characters,
        prompt_tokens_estimated=new.forecast.prompt_tokens_estimated,
        estimate_low_usd=new.forecast.estimate_low_usd,
        estimate_high_usd=new.forecast.estimate_high_usd,
        max_tokens=ids.max_tokens,
    )
