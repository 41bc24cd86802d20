"""How an export calls who spoke, and what it leaves out."""

from __future__ import annotations

from collections.abc import Sized

from hybridchat.domain.chat import Attempt, Conversation, Message, Role

_SPEAKERS = {Role.USER: "You", Role.ASSISTANT: "Assistant", Role.SYSTEM: "System"}


def extent(conversation: Conversation, messages: Sized) -> str:
    """Which part of the conversation that is; "": all of it."""
    is_part = conversation.message_count > len(messages)
    return f"one branch: {len(messages):,} of {conversation.message_count:,} messages" if is_part else ""


def heading(message: Message) -> str:
    """With what is known about where a reply was computed, or of an imported one, by what; raw."""
    origin = message.model if message.attempt is None else _origin(message.attempt)
    return " · ".join(filter(None, (_SPEAKERS[message.role], origin)))


def _origin(attempt: Attempt) -> str:
    zone = f"{attempt.zone}, {attempt.proof}" if attempt.proof else str(attempt.zone)
    return f"{attempt.model} on {attempt.backend} ({zone})"
