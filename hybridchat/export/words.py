"""How an export calls who spoke, and what it leaves out."""

from __future__ import annotations

from collections.abc import Sized

from hybridchat.domain.chat import Attempt, Conversation, Message, Role
from hybridchat.domain.text import title_of
from hybridchat.export.branches import Branch, Tree

_SPEAKERS = {Role.USER: "You", Role.ASSISTANT: "Assistant", Role.SYSTEM: "System"}


def extent(conversation: Conversation, messages: Sized, branches: int = 1) -> str:
    """Which part of the conversation that is, or of how many branches; "": it has but one, and that is all of it."""
    if branches > 1:
        return f"{branches:,} branches"
    is_part = conversation.message_count > len(messages)
    return f"one branch: {len(messages):,} of {conversation.message_count:,} messages" if is_part else ""


def place(tree: Tree, message: Message) -> str:
    """`2 of 3`: which of those that follow the same message; "" for the only one."""
    beside = tree.beside(message)
    return f"{beside.index(message) + 1} of {len(beside)}" if len(beside) > 1 else ""


def leaves(branch: Branch) -> str:
    """How the message begins that a branch leaves at; inert."""
    return f"“{title_of(branch.after.text) or '…'}”" if branch.after else "the beginning"


def heading(message: Message) -> str:
    """With what is known about where a reply was computed, or of an imported one, by what; raw."""
    origin = message.model if message.attempt is None else _origin(message.attempt)
    return " · ".join(filter(None, (_SPEAKERS[message.role], origin)))


def _origin(attempt: Attempt) -> str:
    zone = f"{attempt.zone}, {attempt.proof}" if attempt.proof else str(attempt.zone)
    return f"{attempt.model} on {attempt.backend} ({zone})"
