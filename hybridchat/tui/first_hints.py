"""What may help somebody once, and when: each hint is about an action, and done with when that was done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from hybridchat.domain.chat import Message, MessageState

LONG_LINES = 40
SETTLED_IN = 3  # answers, or chats


class Moment(NamedTuple):
    """A reply has ended."""

    reply: Message
    answers: int  # in this chat
    chats: int  # so far
    has_other_side: bool


class FirstHint(NamedTuple):
    action: str
    words: str  # {} is its key
    helps: Callable[[Moment], object]


FIRST_HINTS = (
    FirstHint("ways", "{} shows what can be done about it", lambda m: m.reply.state is MessageState.FAILED),
    FirstHint("copy_code", "{} copies the code", lambda m: "```" in m.reply.text),
    FirstHint("toggle_thinking", "{} shows what the model thought before", lambda m: m.reply.thinking),
    FirstHint("escalate", "{} asks the other side too; both stay", lambda m: m.has_other_side),
    FirstHint("read", "{} goes into the text: arrows scroll it", lambda m: _lines(m.reply) > LONG_LINES),
    FirstHint("commands", "{} finds all that can be done", lambda m: m.answers >= SETTLED_IN),
    FirstHint("search", "{} searches all that was said", lambda m: m.chats >= SETTLED_IN),
)


def choose(moment: Moment, is_new: Callable[[str], bool], hints: Sequence[FirstHint] = FIRST_HINTS) -> FirstHint | None:
    """The first that helps now and was never seen."""
    return next((hint for hint in hints if is_new(hint.action) and hint.helps(moment)), None)


def _lines(message: Message) -> int:
    return message.text.count("\n") + 1
