"""The turns of all chats: what waits, what begins, what runs, and what an end means for the next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import astuple, replace

from hybridchat.domain.chat import Attempt, Message, MessageState, Outcome
from hybridchat.domain.privacy import strictest
from hybridchat.domain.routing import Outlook
from hybridchat.domain.text import clean_line
from hybridchat.errors import ErrorKind, HybridchatError, UsageError
from hybridchat.ledger.store import NewWaiting
from hybridchat.ledger.waiting import Taken
from hybridchat.session.attached import Attached
from hybridchat.session.bookkeeping import Bookkeeper
from hybridchat.session.events import Emit, Notice, Offered, QueueChanged, TurnBegan, TurnEnded
from hybridchat.session.fleet import Fleet
from hybridchat.session.ledgers import Ledgers
from hybridchat.session.planning import Planner
from hybridchat.session.recovery import Recovery, make_try
from hybridchat.session.sending import begin_again, begin_turn
from hybridchat.session.state import Chat, Draft, Plan, tuned
from hybridchat.session.turn import Try, Turn

if TYPE_CHECKING:
    from hybridchat.session.side_by_side import SideBySide


class Ready(NamedTuple):
    """A draft that may be sent, its plan, and its first attempt."""

    draft: Draft
    plan: Plan
    first: Try


class Turns:
    """At most one turn runs in a chat; the rest of its messages wait in order."""

    def __init__(
        self, ledgers: Ledgers, fleet: Fleet, planner: Planner, books: Bookkeeper, attached: Attached, emit: Emit
    ) -> None:
        self._ledgers = ledgers
        self._fleet = fleet
        self._planner = planner
        self._books = books
        self._attached = attached
        self._emit = emit
        self.chats: dict[int, Chat] = {}  # those that run or have messages waiting: who leaves one finds it again
        self._beginning: set[asyncio.Task[None]] = set()  # turns whose words are on their way to disk
        self._is_closing = False
        self._has_told_unread = False

    async def send(self, chat: Chat, draft: Draft) -> None:
        """Queues it behind a running reply, else sends it; without words, sends what is next in the queue.

        Raises HybridchatError as `Session.send` does.
        """
        if draft.is_empty and not chat.queue:
            raise UsageError("the message is empty", "type one")
        if not draft.is_empty:
            chat.queue.append(draft)
        elif draft.route:
            names = ("route", "model", "drop_turns", "disclosure", "agreed")
            chosen = {name: getattr(draft, name) for name in names}
            chat.queue[0] = replace(chat.queue[0], **chosen)
        try:
            await self._send_next(chat)
        except HybridchatError:
            if draft in chat.queue:
                chat.queue.remove(draft)
            raise
        finally:
            self._queue_changed(chat)

    async def branch_off(self, chat: Chat, draft: Draft) -> None:
        """Answers a question again, or asks it in other words; that never waits. Raises HybridchatError as `send`
        does."""
        chat.require_rest()
        if draft.rewords is not None and draft.is_empty:
            raise UsageError("the message is empty", "type one")
        if draft.rewords is not None and chat.queue:
            raise UsageError("messages wait to be sent after the last reply", "send them first, or take them back")
        try:
            await self.begin(chat, self._begin_turn(chat, draft))
        finally:
            self._queue_changed(chat)

    async def _send_next(self, chat: Chat) -> None:
        """Sends the first of the queue, unless a reply is running. What cannot be sent goes back to where it was; what
        another window has sent is sent by it alone."""
        if chat.is_streaming or not chat.queue:
            return
        draft = chat.queue.pop(0)
        stored, chat.waiting = chat.waiting[:1], chat.waiting[1:]
        waited = stored[0].text if stored else None
        try:
            await self.begin(chat, self._begin_turn(chat, replace(draft, waited=waited)))
        except Taken:
            await self._read_queue(chat)
            raise
        except HybridchatError:
            chat.queue.insert(0, draft)
            chat.waiting = (*stored, *chat.waiting)
            raise

    async def _read_queue(self, chat: Chat) -> None:
        """As other windows have left it."""
        assert chat.id is not None
        ledger = self._ledgers.of_chat(chat)
        if (kept := await asyncio.wrap_future(ledger.conversation(chat.id))) is not None:
            files = await asyncio.wrap_future(ledger.waiting_files(chat.id))
            chat.wait_as(kept, files)

    async def begin(self, chat: Chat, turn: Coroutine[None, None, None]) -> None:
        """Runs what puts words on disk and begins; who calls and gives up does not tear words from their record."""
        chat.is_sending, chat.stop_wanted = True, False
        if chat.id is not None:
            self.chats[chat.id] = chat
        await asyncio.shield(self._start(turn))

    def _start(self, beginning: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Kept until it is done: the loop alone would let go of it."""
        task = asyncio.create_task(beginning)
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)
        return task

    async def _begin_turn(self, chat: Chat, draft: Draft) -> None:
        is_new = chat.id is None
        try:
            ready = await self.prepare(chat, draft)
            instead_of, ledger = _makes_way(chat, draft), self._ledgers.of_chat(chat)
            if draft.answers is not None:
                reply = await begin_again(ledger, chat, draft.answers, ready.first.attempt)
            else:
                reply = await begin_turn(ledger, chat, ready.draft, ready.plan, ready.first.attempt)
        finally:
            chat.is_sending = False
        assert chat.conversation is not None
        turn = chat.turn = self.turn(chat, ready, reply)
        budget = str(ready.plan.budget or "")
        self._emit(TurnBegan(chat.conversation, chat.messages[-2], reply, ready.first.target, instead_of, budget))
        self.began(chat, turn, self._turn_ended, is_new=is_new)

    async def prepare(self, chat: Chat, draft: Draft) -> Ready:
        """All that is asked before anything is sent. Raises HybridchatError where the draft must not be."""
        chat.privacy = strictest(chat.privacy, await self._ledgers.privacy(chat))
        draft = await self._attached.loaded(chat, tuned(chat, draft))
        await self._planner.look(chat, draft)
        plan = self._planner.plan(chat, draft, is_sending=True)
        if plan.decision.outlook is not Outlook.SEND:
            raise self._planner.refusal(plan)
        self._tell_unread(plan)
        draft = replace(draft, history=tuple(chat.messages) if draft.history is None else draft.history)
        return Ready(draft, plan, make_try(self._fleet, self._planner, chat, draft, plan))

    def turn(self, chat: Chat, ready: Ready, reply: Message) -> Turn:
        """Of a reply whose attempt is in the ledger; not started yet."""
        course = Recovery(self._fleet, self._planner, chat, ready.draft, ready.plan, ready.first, self._recorded)
        return Turn(self._ledgers.of_chat(chat), self._emit, course, ready.first, reply)

    def began(
        self, chat: Chat, turn: Turn | SideBySide, on_end: Callable[[Chat, Message], None], *, is_new: bool
    ) -> None:
        """Starts what runs in the chat from now on, unless the user has changed their mind meanwhile."""
        assert chat.conversation is not None
        self.chats[chat.conversation.id] = chat
        if is_new:
            self._books.focus(chat.id)
        if self._is_closing:
            turn.end(Outcome.INTERRUPTED, "hybridchat was closed")
        elif chat.stop_wanted:
            turn.end(Outcome.STOPPED)
        turn.ended.add_done_callback(lambda ended: on_end(chat, ended.result()))
        turn.start()

    def _tell_unread(self, plan: Plan) -> None:
        """Once a run, before anything is sent."""
        if plan.unread and not self._has_told_unread:
            self._has_told_unread = True
            names = clean_line(", ".join(plan.unread), 120)
            self._emit(Notice(f"{names}: pictures, PDF documents and other bytes leave without being looked through"))

    # --- the end of attempts and turns

    def _recorded(self, attempt: Attempt, note: str) -> None:
        if attempt.outcome is Outcome.OK:
            self._fleet.note_success(attempt.backend)
        elif attempt.error_kind == ErrorKind.FORWARDED:
            text = f"{attempt.backend} forwards to another host and now counts as managed: {note}"
            self._emit(Notice(text, "error"))
        elif attempt.error_kind:
            self._fleet.note_failure(attempt.backend, ErrorKind(attempt.error_kind), note)
        self._books.reply_ended(attempt)

    def over(self, chat: Chat, reply: Message) -> None:
        """Nothing runs in the chat any more; that is its newest reply."""
        assert chat.id is not None
        chat.turn = None
        chat.may_leave = False
        chat.replace(reply)
        if not chat.queue:
            self.chats.pop(chat.id, None)

    def _turn_ended(self, chat: Chat, reply: Message) -> None:
        assert chat.id is not None
        self.over(chat, reply)
        self._emit(TurnEnded(chat.id, reply))
        if reply.state is MessageState.FAILED and (ways := self._planner.ways_on(chat)):
            self._emit(Offered(chat.id, reply.id, ways))
        if chat.queue and reply.state is MessageState.COMPLETE and not self._is_closing:
            self._start(self._send_queued(chat))

    async def _send_queued(self, chat: Chat) -> None:
        try:
            await self._send_next(chat)
        except HybridchatError as error:
            self._emit(Notice(f"the waiting message was not sent: {error}", "error"))
        self._queue_changed(chat)

    # --- stopping and waiting

    async def begun(self, chat: Chat) -> None:
        """Returns once no words of the chat are on their way to disk."""
        while chat.is_sending:
            await asyncio.wait(self._beginning)

    async def stop(self, chat: Chat) -> None:
        """Ends the running reply and keeps what came; returns once that is on disk."""
        chat.stop_wanted = chat.is_sending
        await self.begun(chat)
        if chat.turn is not None:
            chat.turn.end(Outcome.STOPPED)
            await chat.turn.wait()

    def unqueue(self, chat: Chat, index: int = -1) -> Draft:
        """Takes a waiting message back, with what was to go along."""
        draft = chat.queue.pop(index)
        self._queue_changed(chat)
        return draft

    async def wait(self, chat: Chat) -> Message:
        """The reply of the running turn when it has ended, or the newest message."""
        if chat.turn is not None:
            return await chat.turn.wait()
        return chat.messages[-1]

    def stop_beginning(self) -> None:
        """From now on nothing is sent: what is on its way to disk ends there."""
        self._is_closing = True

    async def close(self) -> None:
        """Ends what runs; its words are kept."""
        await asyncio.gather(*self._beginning, return_exceptions=True)
        for chat in list(self.chats.values()):
            if chat.turn is not None:
                chat.turn.end(Outcome.INTERRUPTED, "hybridchat was closed")
                await chat.turn.wait()

    def _queue_changed(self, chat: Chat) -> None:
        """Waiting words are in the ledger as well."""
        waiting = tuple(NewWaiting(draft.text, *astuple(draft.along)) for draft in chat.queue)
        if chat.id is not None and waiting != chat.waiting:
            gone, new = _changes(chat.waiting, waiting)
            chat.waiting = waiting
            self._ledgers.of_chat(chat).change_waiting(chat.id, gone, new)
        words = tuple(one.text for one in waiting)
        if words != chat.told:
            chat.told = words
            self._emit(QueueChanged(chat.id, words))
        if chat.id is not None and not chat.is_streaming and not chat.queue:
            self.chats.pop(chat.id, None)


def _makes_way(chat: Chat, draft: Draft) -> int | None:
    """The message in whose place a branch begins, if there is one."""
    if draft.rewords is not None:
        return draft.rewords.id
    after = chat.messages[len(chat.up_to(draft.answers.id)) :] if draft.answers else ()
    return after[0].id if after else None


def _changes(before: Sequence[NewWaiting], now: Sequence[NewWaiting]) -> tuple[list[str], list[NewWaiting]]:
    """What went out of a queue, by its words, and what came to its end."""
    left = list(now)
    gone = []
    for one in before:
        if left and left[0] == one:
            left.pop(0)
        else:
            gone.append(one.text)
    return gone, left
