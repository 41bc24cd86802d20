"""The branches of a line conversation: answered again, in other words, forked, deleted, and all of them in lines."""

from __future__ import annotations

from datetime import datetime

from hybridchat.cli import output
from hybridchat.cli.plain.talk import Talk
from hybridchat.domain.chat import Message, Role
from hybridchat.domain.outline import DEEPEST, SPEAKERS, TreeRow, rows
from hybridchat.domain.text import clean_line, count_of, title_of
from hybridchat.errors import UsageError
from hybridchat.session.state import Along
from hybridchat.tui.slashes import route_in
from hybridchat.tui.words import when


async def again(talk: Talk, argument: str) -> None:
    """The last question; to a backend that is named, what leaves is said and asked before."""
    to = route_in(argument) if argument else (None, None)
    if argument and not await talk.may_ask(await talk.priced(lambda: talk.session.plan_again(talk.chat, None, *to))):
        return
    await talk.answer(talk.session.answer_again(talk.chat, route=to[0], model=to[1]))


async def edit(talk: Talk, argument: str) -> None:
    """The next message in place of one of the user's, of that number or the last; once more, it is a new one again."""
    if talk.rewords is not None and not argument:
        talk.rewords, talk.along = None, Along(talk.along.attachments)
        output.note("Your next message is a new one again.")
        return
    mine = [message for message in talk.chat.messages if message.role is Role.USER]
    message = next((m for m in reversed(mine) if argument in ("", str(m.id))), None)
    if message is None:
        raise UsageError("that is none of your messages here", "/tree has their numbers")
    talk.rewords, talk.along = message.id, Along(talk.along.attachments, message.attachments)
    output.line(f"{message.id}. you: {title_of(message.text)}")
    output.note("Your next message stands in its place, and it stays beside that. /edit again leaves it as it is.")


async def tree(talk: Talk, argument: str) -> None:
    """All messages with their numbers; with one, the branch that it is on."""
    if argument:
        await talk.session.branches.show(talk.chat, _number(argument))
        await talk.show_last_turn()
        return
    nodes = await talk.session.branches.outline(talk.chat)
    if not nodes:
        output.note("This chat is empty.")
    now = datetime.now().astimezone()
    for row in rows(nodes, {message.id for message in talk.chat.messages}):
        output.line(_line(row, now))


def _line(row: TreeRow, now: datetime) -> str:
    """Indented where it is on a side branch; nothing is drawn."""
    node = row.node
    facts = [
        "" if row.is_shown else "not shown",
        f"{row.place} of {row.beside}" if row.beside > 1 else "",
        clean_line(node.model or "", 40),
        when(node.created_at, now),
    ]
    words = f"{SPEAKERS.get(node.role, '')}: {title_of(node.text) or 'no words'}"
    return f"{'  ' * min(row.depth, DEEPEST)}{node.id}. {words} ({', '.join(filter(None, facts))})"


async def fork(talk: Talk, argument: str) -> None:
    """From the message of that number, or the last."""
    made = await talk.session.branches.fork(talk.chat, _meant(talk, argument))
    talk.show_chat(await talk.session.open(made))
    output.note(f"This is the fork, with {count_of(len(talk.chat.messages), 'message')}. The chat before it stays.")


async def delete_branch(talk: Talk, argument: str) -> None:
    """The message of that number, or the last, with all that follows it."""
    count = await talk.session.delete_branch(talk.chat, _meant(talk, argument))
    if count is None:
        talk.show_chat(talk.session.new())
        output.note("Nothing else was in it: the chat is deleted. /undo brings it back, until you leave.")
    else:
        output.note(f"Deleted: {count_of(count, 'message')}. /undo brings that back, until you leave.")


def _meant(talk: Talk, argument: str) -> int:
    last: Message | None = talk.chat.messages[-1] if talk.chat.messages else None
    if last is None:
        raise UsageError("this chat is empty", "write the first message")
    return _number(argument) if argument else last.id


def _number(argument: str) -> int:
    if not argument.isdecimal():
        raise UsageError(f"{clean_line(argument, 40)!r} is no number of a message", "/tree has them")
    return int(argument)
