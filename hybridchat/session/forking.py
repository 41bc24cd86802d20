"""Going on in a fork: another conversation, to which the user lets go along what was said in the first one, or nothing.

So a pin is loosened without ever sending what was said under it: a conversation with turns keeps its privacy, and what
goes along was shown before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Iterator, Sequence

from msgspec import Struct

from hybridchat.domain.chat import Conversation, Message, MessageState, Privacy, Reasoning, Role
from hybridchat.domain.privacy import strictest
from hybridchat.errors import UsageError
from hybridchat.ledger.store import NewFork
from hybridchat.session.floor import Floor
from hybridchat.session.ledgers import Ledgers
from hybridchat.session.state import Chat

FORKED = " (forked)"  # at the end of a title


class PastTurn(Struct, frozen=True):
    """A message of the user with what answered it, as far as they have words: those would go along, nothing else."""

    number: int  # in the conversation, from 1
    messages: tuple[Message, ...]

    @property
    def text_bytes(self) -> int:
        """And of what was attached."""
        words = sum(len(message.text.encode(errors="replace")) for message in self.messages)
        return words + sum(file.size_bytes for message in self.messages for file in message.attachments)


def past_turns(chat: Chat) -> tuple[PastTurn, ...]:
    """Of the branch that is shown, oldest first; without those that have no word."""
    turns = (PastTurn(number, tuple(turn)) for number, turn in enumerate(_by_turn(chat.messages), 1))
    return tuple(turn for turn in turns if turn.messages)


def _by_turn(messages: Iterable[Message]) -> Iterator[list[Message]]:
    turn: list[Message] = []
    is_first = True
    for message in messages:
        if message.role is Role.USER and not is_first:
            yield turn
            turn = []
        is_first = False
        if message.text or message.attachments:
            turn.append(message)
    yield turn


class Forks:
    """Makes them in the ledger of the conversation, which may be in memory. Nothing is sent by that."""

    def __init__(self, ledgers: Ledgers, floor: Floor) -> None:
        self._ledgers = ledgers
        self._floor = floor

    async def make(
        self, chat: Chat, privacy: Privacy, turns: Collection[int] = (), *, with_system: bool = False
    ) -> int:
        """The id of a conversation of that privacy, with those turns of the chat (by number) and its system prompt.

        Raises Refused below the floor, UsageError while a reply runs, before the first message, and for a turn that is
        not there.
        """
        await self._floor.look_again()
        self._floor.check(privacy)
        past = past_turns(chat)
        if chat.conversation is None:
            raise UsageError("this conversation has no message yet", "change its privacy instead")
        chat.require_rest()
        if missing := set(turns) - {turn.number for turn in past}:
            raise UsageError(f"there is no turn {min(missing)} with words", f"this conversation has {len(past)}")
        along = (message for turn in past if turn.number in turns for message in turn.messages)
        return await self._fork(chat, chat.conversation, privacy, along, system=chat.system if with_system else "")

    async def at(self, chat: Chat, path: Sequence[Message]) -> int:
        """The id of a conversation as private as the chat, with its system prompt, that begins with that path. Raises
        UsageError before the first message, and where the last of the path is still being written."""
        await self._floor.look_again()
        if chat.conversation is None:
            raise UsageError("this conversation has no message yet", "write the first one")
        if path[-1].state is MessageState.STREAMING:
            raise UsageError("this reply is still being written", "fork from the one before, or wait for its end")
        written = await self._ledgers.privacy(chat)
        privacy = strictest(strictest(chat.privacy, written), self._floor.privacy)
        along = (message for message in path if message.text or message.attachments)
        return await self._fork(chat, chat.conversation, privacy, along, system=chat.system)

    async def _fork(
        self, chat: Chat, conversation: Conversation, privacy: Privacy, along: Iterable[Message], *, system: str
    ) -> int:
        new = NewFork(
            title=f"{conversation.title.removesuffix(FORKED)}{FORKED}",
            privacy=privacy,
            route=chat.route,
            model=chat.model,
            system=system,
            workload=chat.workload,
            reasoning=chat.reasoning or Reasoning.NORMAL,
            effort=chat.effort,
            parameters=chat.parameters,
            messages=tuple(along),
        )
        return await asyncio.wrap_future(self._ledgers.of_chat(chat).fork(new))
