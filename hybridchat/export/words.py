"""How an export calls who spoke."""

from __future__ import annotations

from hybridchat.domain.chat import Attempt, Message, Role

_SPEAKERS = {Role.USER: "You", Role.ASSISTANT: "Assistant", Role.SYSTEM: "System"}


def heading(message: Message) -> str:
    """With what is known about where a reply was computed, or of an imported one, by what; raw."""
    origin = message.model if message.attempt is None else _origin(message.attempt)
    return " · ".join(filter(None, (_SPEAKERS[message.role], origin)))


def _origin(attempt: Attempt) -> str:
    zone = f"{attempt.zone}, {attempt.proof}" if attempt.proof else str(attempt.zone)
    return f"{attempt.model} on {attempt.backend} ({zone})"
