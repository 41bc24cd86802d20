"""The branches of a conversation: all of them in short, another one shown, and a fork from any message."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from hybridchat.domain.outline import Node, veiled
from hybridchat.errors import UsageError
from hybridchat.session.events import BranchShown, Emit
from hybridchat.session.forking import Forks
from hybridchat.session.ledgers import Ledgers
from hybridchat.session.state import Chat


class Branches:
    def __init__(self, ledgers: Ledgers, forks: Forks, emit: Emit) -> None:
        self._ledgers = ledgers
        self._forks = forks
        self._emit = emit

    async def outline(self, chat: Chat) -> list[Node]:
        """Every message of the conversation, by id. Of an answer that is blind still, its words alone."""
        if chat.id is None:
            return []
        ledger = self._ledgers.of_chat(chat)
        nodes = await asyncio.wrap_future(ledger.outline(chat.id))
        hidden = await asyncio.wrap_future(ledger.hidden(chat.id))
        return veiled(nodes, hidden)

    async def show(self, chat: Chat, message_id: int) -> None:
        """The conversation goes on from that message, and from what was said last after it."""
        chat.require_rest()
        ledger = self._ledgers.of_chat(chat)
        below = await asyncio.wrap_future(ledger.below(chat.id, message_id)) if chat.id is not None else []
        if chat.id is None or not below:
            raise _not_in_it(message_id)
        await asyncio.wrap_future(ledger.update_conversation(chat.id, active_leaf_id=below[-1]))
        await self.show_active(chat)

    async def ensure_shown(self, chat: Chat, message_id: int | None) -> None:
        """For what is done to a message, which may be on another branch by now."""
        if message_id is not None and chat.find(message_id) is None:
            await self.show(chat, message_id)

    async def show_active(self, chat: Chat) -> None:
        """As the ledger has it by now."""
        assert chat.conversation is not None
        ledger, number = self._ledgers.of_chat(chat), chat.conversation.id
        messages = await asyncio.wrap_future(ledger.branch(number))
        chat.conversation = await asyncio.wrap_future(ledger.conversation(number)) or chat.conversation
        chat.conversation = replace(chat.conversation, active_leaf_id=messages[-1].id if messages else None)
        chat.show(messages)
        self._emit(BranchShown(number))

    def changed(self, chat: Chat) -> None:
        """Not what is shown, but what is beside it."""
        assert chat.id is not None
        self._emit(BranchShown(chat.id))

    async def fork(self, chat: Chat, message_id: int) -> int:
        """The id of a conversation as private as this one that begins with what was said up to that message. Nothing
        is sent by that. Raises UsageError for a message that is not in this conversation, or still being written."""
        path = await asyncio.wrap_future(self._ledgers.of_chat(chat).path_to(message_id))
        if chat.id is None or not path or path[-1].conversation_id != chat.id:
            raise _not_in_it(message_id)
        return await self._forks.at(chat, path)


def _not_in_it(message_id: int) -> UsageError:
    return UsageError(f"no message {message_id} in this conversation", "`hybridchat show --tree` lists them")
