"""`hybridchat fork`: go on elsewhere, with exactly the turns that were shown and agreed to."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click
from msgspec import Struct
from msgspec.structs import replace

from hybridchat.cli import output
from hybridchat.cli.finite import Counted
from hybridchat.cli.known import CONVERSATION
from hybridchat.cli.running import run
from hybridchat.cli.store import load_wiring
from hybridchat.domain.chat import Privacy, Role
from hybridchat.domain.privacy import in_words
from hybridchat.domain.text import count_of
from hybridchat.errors import EXIT_REFUSED, UsageError

if TYPE_CHECKING:
    from hybridchat.session.chat import Session
    from hybridchat.session.forking import PastTurn
    from hybridchat.session.state import Chat

PRIVACIES = {"local-only": Privacy.LOCAL_ONLY, "private": Privacy.PRIVATE, "open": Privacy.OPEN}


class GoesAlong(Struct, frozen=True):
    """One message that goes along. `turn` is None for the system prompt."""

    turn: int | None
    role: Role
    text: str


class Fork(Struct, frozen=True, kw_only=True):
    """What was asked for; `conversation_id` is None where it was not made."""

    conversation_id: int | None
    forked_from: int
    privacy: Privacy
    text_bytes: int
    goes_along: tuple[GoesAlong, ...]


@click.command("fork")
@click.argument("conversation_id", type=CONVERSATION, metavar="ID")
@click.option("--privacy", type=click.Choice(list(PRIVACIES)), help="Of the fork; default: that of the conversation.")
@click.option("--with-turns", "turns", metavar="N|all", default="0", help="The newest N turns go along; default: none.")
@click.option("--with-system", is_flag=True, help="The system prompt goes along.")
@click.option("--at", "message_id", type=Counted(), metavar="N", help="All to that message goes along, as private.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@output.json_option
def command(
    conversation_id: int,
    privacy: str | None,
    turns: str,
    with_system: bool,
    message_id: int | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Go on with a conversation in another one: from any message of it, or with another privacy.

    What was said stays where it was said, as private as it is. Only what you name goes along; it is printed first. It
    leaves this device, where it may, with the next message that you send there.

    \b
    hybridchat fork 12 --at 345
    hybridchat fork 12 --privacy open
    hybridchat fork 12 --privacy open --with-turns 2
    """
    if message_id is not None and (privacy or turns != "0" or with_system):
        raise UsageError("--at takes all along, and stays as private", "leave the others out, or --at")
    session = load_wiring().open_session()
    if message_id is not None:
        fork = run(make_at(session, conversation_id, message_id))
    else:
        fork = run(make(session, conversation_id, privacy, turns, with_system, yes=yes, as_json=as_json))
    if as_json:
        output.json(fork)
    if fork.conversation_id is None:
        output.error("no fork was made: the turns above would go along — add --yes, or leave out --with-turns")
        raise click.exceptions.Exit(EXIT_REFUSED)
    output.note(f"conversation {fork.conversation_id} goes on from {conversation_id}; it is {in_words(fork.privacy)}")


async def make_at(session: Session, conversation_id: int, message_id: int) -> Fork:
    """From that message, as private as the conversation. Closes the session."""
    from hybridchat.session.forking import past_turns

    try:
        chat = await session.open(conversation_id)
        made = await session.open(await session.branches.fork(chat, message_id))
        fork = _fork_of(conversation_id, made, past_turns(made), made.privacy, with_system=True)
        return replace(fork, conversation_id=made.id)
    finally:
        await session.close()


async def make(
    session: Session,
    conversation_id: int,
    privacy: str | None,
    wanted: str,
    with_system: bool,
    *,
    yes: bool,
    as_json: bool,
) -> Fork:
    """Prints what would go along, and makes the fork where that is nothing or was agreed to. Closes the session."""
    from hybridchat.session.forking import past_turns

    try:
        chat = await session.open(conversation_id)
        to = PRIVACIES[privacy] if privacy else chat.privacy
        session.floor.check(to)
        turns = _newest(past_turns(chat), wanted)
        fork = _fork_of(conversation_id, chat, turns, to, with_system=with_system)
        if not as_json:
            _print(fork)
        if fork.goes_along and not yes and not _is_agreed(fork, may_ask=not as_json):
            return fork
        made = await session.make_fork(chat, to, [turn.number for turn in turns], with_system=with_system)
        return replace(fork, conversation_id=made)
    finally:
        await session.close()


def _newest(turns: tuple[PastTurn, ...], wanted: str) -> tuple[PastTurn, ...]:
    if wanted == "all":
        return turns
    if not wanted.isdecimal():
        raise UsageError(f"--with-turns {wanted!r} is no number of turns", "give a number, or all")
    return turns[max(0, len(turns) - int(wanted)) :]


def _fork_of(conversation_id: int, chat: Chat, turns: tuple[PastTurn, ...], to: Privacy, *, with_system: bool) -> Fork:
    """Not made yet, with those turns of the chat."""
    system = [GoesAlong(None, Role.SYSTEM, chat.system)] if with_system and chat.system else []
    along = (*system, *(GoesAlong(turn.number, m.role, m.text) for turn in turns for m in turn.messages))
    size = sum(len(one.text.encode(errors="replace")) for one in along)
    return Fork(conversation_id=None, forked_from=conversation_id, privacy=to, text_bytes=size, goes_along=along)


def _print(fork: Fork) -> None:
    for one in fork.goes_along:
        where = "system prompt" if one.turn is None else f"turn {one.turn}, {one.role}"
        output.line(f"--- {where}, {count_of(len(one.text.encode(errors='replace')), 'byte')}\n{one.text}")
    messages, size = count_of(len(fork.goes_along), "message"), count_of(fork.text_bytes, "byte")
    output.note(f"{messages} would go along, {size}" if fork.goes_along else "nothing goes along")


def _is_agreed(fork: Fork, *, may_ask: bool) -> bool:
    if not may_ask or not sys.stdin.isatty():
        return False
    return click.confirm(f"Make a fork that is {in_words(fork.privacy)}, with all of this?", default=False, err=True)
