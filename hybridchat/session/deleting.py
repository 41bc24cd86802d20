"""Deleting conversations and branches, and taking that back: until the program ends, the newest deletion first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from msgspec import Struct

from hybridchat.errors import HybridchatError, UsageError
from hybridchat.ledger.store import DeletedBranch
from hybridchat.session.bookkeeping import Bookkeeper
from hybridchat.session.branches import Branches
from hybridchat.session.ledgers import Ledgers
from hybridchat.session.state import Chat
from hybridchat.session.turns import Turns


class _Deletion(Struct, frozen=True):
    """`branch` None: the whole conversation. `leaf_id`: what was shown, where that went with the branch."""

    conversation_id: int
    branch: DeletedBranch | None = None
    leaf_id: int | None = None


class Deleting:
    def __init__(
        self,
        ledgers: Ledgers,
        turns: Turns,
        books: Bookkeeper,
        branches: Branches,
        open_as: Callable[[int], Collection[Chat]],
    ) -> None:
        self._ledgers = ledgers
        self._turns = turns
        self._books = books
        self._branches = branches
        self._open_as = open_as
        self._deleted: list[_Deletion] = []

    async def conversation(self, conversation_id: int) -> None:
        """Gone from every list; `undo` brings it back until the program ends. Raises UsageError for one that is not
        there: what another window deleted comes back there alone."""
        ledger = self._ledgers.of(conversation_id)
        if await asyncio.wrap_future(ledger.conversation(conversation_id)) is None:
            raise UsageError(f"no conversation {conversation_id}", "it was deleted")
        chat = self._turns.chats.get(conversation_id)
        if chat is not None:
            chat.queue.clear()
            await self._turns.stop(chat)
        await asyncio.wrap_future(ledger.delete_conversation(conversation_id))
        self._deleted.append(_Deletion(conversation_id))
        self._books.refresh()

    async def branch(self, chat: Chat, message_id: int) -> int | None:
        """A message of the chat and all that follows it, in every branch: how many went. None: nothing else was in the
        conversation, so that went as a whole. Raises UsageError while a reply runs in it."""
        if chat.id is None:
            raise UsageError("this conversation has no message yet", "there is nothing to delete")
        ledger = self._ledgers.of_chat(chat)
        beside = await asyncio.wrap_future(ledger.siblings(message_id))
        if not beside or beside[0].conversation_id != chat.id:
            raise UsageError(f"no message {message_id} in this conversation", "it was deleted")
        if chat.is_sending or (chat.turn is not None and message_id in {message.id for message in chat.messages}):
            raise UsageError("a reply is running in it", "stop it, or wait for its end")
        if len(beside) == 1 and beside[0].parent_id is None:
            await self.conversation(chat.id)
            return None
        deleted = await asyncio.wrap_future(ledger.delete_branch(message_id))
        was_shown = chat.leaf_id in deleted.message_ids
        self._deleted.append(_Deletion(chat.id, deleted, chat.leaf_id if was_shown else None))
        gone = set(deleted.message_ids)
        await self._show_again(chat.id, lambda chat: any(message.id in gone for message in chat.messages))
        return len(deleted.message_ids)

    async def undo(self) -> int | None:
        """The conversation that came back, or of which a branch did; None when there is nothing to undo."""
        if not self._deleted:
            return None
        last = self._deleted.pop()
        ledger = self._ledgers.of(last.conversation_id)
        try:
            if last.branch is None:
                await asyncio.wrap_future(ledger.restore_conversation(last.conversation_id))
            else:
                follows = await asyncio.wrap_future(ledger.restore_branch(last.branch, last.leaf_id))
        except HybridchatError:
            self._deleted.insert(0, last)  # the others first; then perhaps it can
            raise
        if last.branch is not None:
            await self._show_again(
                last.conversation_id,
                lambda chat: not chat.is_streaming and (last.leaf_id is not None or chat.leaf_id == follows),
            )
        self._books.refresh()
        return last.conversation_id

    async def _show_again(self, conversation_id: int, shows_otherwise: Callable[[Chat], bool]) -> None:
        """Wherever it is open and shows what is no more, or not all that is again. A running reply is never among
        what is gone."""
        for chat in self._open_as(conversation_id):
            if shows_otherwise(chat):
                await self._branches.show_active(chat)
            else:
                self._branches.changed(chat)

    async def purge(self) -> None:
        """What was deleted leaves the disk."""
        if self._deleted:
            await asyncio.wrap_future(self._ledgers.kept.purge_deleted())
