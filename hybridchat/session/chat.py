"""The session: open conversations, their routes, their running turns. The screen and the command line hold one each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack

import msgspec
from msgspec.structs import replace

from hybridchat.backends.base import BackendSpec
from hybridchat.config import Config
from hybridchat.domain.chat import Conversation, Health, Message, Outcome, Parameters, Privacy, Purpose, Reasoning
from hybridchat.domain.privacy import strictest, why_forbidden
from hybridchat.domain.routing import Candidate, Outlook
from hybridchat.errors import ErrorKind, HybridchatError, Refused, UsageError
from hybridchat.ledger.store import Ledger
from hybridchat.net.client import warm_up
from hybridchat.session.bookkeeping import Bookkeeper
from hybridchat.session.events import HealthChanged, Notice, QueueChanged, SessionEvent, TurnEnded
from hybridchat.session.fleet import Fleet, KeepKey, OpenBackend
from hybridchat.session.planning import Planner
from hybridchat.session.prices import PriceBook
from hybridchat.session.sending import begin_turn, chat_request
from hybridchat.session.state import Chat, Draft, Plan

__all__ = ["Chat", "Draft", "Plan", "Session"]

HEALTH_EVERY_S = 15.0


class Session:
    """All methods run on the event loop's thread; those that touch disk or network are coroutines."""

    def __init__(
        self,
        *,
        config: Config,
        specs: Mapping[str, BackendSpec],
        open_ledger: Callable[[Callable[[str], None]], Ledger],
        prices: PriceBook,
        open_backend: OpenBackend,
        local_only: bool = False,
        keep_key: KeepKey | None = None,
        config_error: UsageError | None = None,
    ) -> None:
        """`config_error`: why `config` is the defaults instead of the user's."""
        self._config = config
        self._ledger = open_ledger(self._on_ledger_trouble)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listeners: list[Callable[[SessionEvent], None]] = []
        self.fleet = Fleet(specs, open_backend, self._on_health, local_only=local_only, keep_key=keep_key)
        self.set_key = self.fleet.set_key
        floor = Privacy.LOCAL_ONLY if local_only else Privacy.OPEN
        self.planner = Planner(config.route, self.fleet, floor, self._prompt_price, config_error)
        self.books = Bookkeeper(self._ledger, prices, self.fleet, self._emit, self.planner.workload_tokens_30d)
        self._chats: dict[int, Chat] = {}  # those that run or have messages waiting: who leaves one finds it again
        self._shown: Chat | None = None  # the newest one asked for
        self._beginning: set[asyncio.Task[None]] = set()  # turns whose words are on their way to disk
        self._is_closing = False
        self._deleted: list[int] = []
        self._watch: asyncio.Task[None] | None = None

    # --- life

    def listen(self, listener: Callable[[SessionEvent], None]) -> None:
        self._listeners.append(listener)

    async def start(self, *, watch: bool = True, panel: bool = True, only: str | None = None) -> None:
        """Tells why the ledger is in memory, read-only or restored, if it is; looks at each local backend and takes the
        first snapshot; with `watch`, goes on looking now and then.

        Without `panel` no snapshot is ever taken: it may cost the import of the price list. With `only`, no other
        backend is waited for.
        """
        self.books.takes_snapshots = panel
        self._loop = asyncio.get_running_loop()
        status = await asyncio.wrap_future(self._ledger.opened)
        await asyncio.to_thread(warm_up)  # not beside the ledger's own imports: two threads' can lock each other out
        if status.notice:
            self._emit(Notice(status.notice))
        if status.mode == "read_only":
            self.planner.read_only = status.notice
        self.books.count_workloads(self.planner.workloads())
        await self.fleet.check_local(only)
        self.books.refresh()
        if watch:
            self._watch = asyncio.create_task(self._keep_watching())

    async def close(self) -> None:
        """Ends running replies (their words are kept), settles prices, purges what was deleted, closes everything.

        Each step is taken whatever the ones before it met.
        """
        self._is_closing = True
        if self._watch is not None:
            self._watch.cancel()
        async with AsyncExitStack() as steps:
            steps.push_async_callback(asyncio.to_thread, self._ledger.close)
            steps.push_async_callback(self._purge)
            steps.push_async_callback(self.fleet.close)
            steps.push_async_callback(self.books.close)
            await asyncio.gather(*self._beginning, return_exceptions=True)
            for chat in list(self._chats.values()):
                if chat.turn is not None:
                    chat.turn.end(Outcome.INTERRUPTED, "hybridchat was closed")
                    await chat.turn.wait()

    async def _purge(self) -> None:
        if self._deleted:
            await asyncio.wrap_future(self._ledger.purge_deleted())

    async def _keep_watching(self) -> None:
        while True:
            await asyncio.sleep(HEALTH_EVERY_S)
            await self.fleet.watch()

    # --- conversations

    def new(
        self, *, privacy: Privacy | None = None, route: str | None = None, model: str | None = None, system: str = ""
    ) -> Chat:
        born = privacy or Privacy(self._config.privacy.default)
        chat = Chat(privacy=born, route=route or self._config.route.default, model=model, system=system)
        self.books.focus(None)
        self._shown = chat
        return chat

    async def open(self, conversation_id: int) -> Chat:
        """Raises UsageError when there is none of that id."""
        self.books.focus(conversation_id)
        if conversation_id in self._chats:
            self._shown = self._chats[conversation_id]
            return self._shown
        conversation = await asyncio.wrap_future(self._ledger.conversation(conversation_id))
        if conversation is None:
            raise UsageError(f"no conversation {conversation_id}", "`hybridchat list` shows all")
        chat = Chat.of(conversation, await asyncio.wrap_future(self._ledger.branch(conversation_id)))
        if chat.workload:
            self.books.count_workloads([chat.workload])
        self._shown = chat
        return chat

    async def open_latest(self) -> Chat | None:
        latest = await asyncio.wrap_future(self._ledger.latest_conversation())
        return await self.open(latest.id) if latest else None

    async def conversations(self, limit: int = 200) -> list[Conversation]:
        """Newest first."""
        return await asyncio.wrap_future(self._ledger.conversations(limit))

    async def rename(self, conversation_id: int, title: str) -> None:
        await self._update(conversation_id, title=title)

    async def delete(self, conversation_id: int) -> None:
        """Gone from every list; `undo_delete` brings it back until the program ends."""
        chat = self._chats.get(conversation_id)
        if chat is not None:
            chat.queue.clear()
            await self.stop(chat)
        await asyncio.wrap_future(self._ledger.delete_conversation(conversation_id))
        self._deleted.append(conversation_id)
        self.books.refresh()

    async def undo_delete(self) -> int | None:
        """The conversation that came back, or None when there is nothing to undo."""
        if not self._deleted:
            return None
        conversation_id = self._deleted.pop()
        await asyncio.wrap_future(self._ledger.restore_conversation(conversation_id))
        self.books.refresh()
        return conversation_id

    async def set_route(self, chat: Chat, route: str, model: str | None = None) -> None:
        """auto, local, managed or a backend's id; forgets what auto had decided."""
        if route not in {"auto", "local", "managed"} and route not in self.fleet.specs:
            raise UsageError(f"no backend {route!r}", f"one of: auto, local, managed, {', '.join(self.fleet.specs)}")
        chat.route, chat.model = route, model
        chat.may_leave = route == "managed" or any(
            not c.is_local for c in self.fleet.candidates(model) if c.backend == route
        )
        await self._change(chat, route=route, model=model, decided_backend=None, decided_model=None)

    async def set_privacy(self, chat: Chat, privacy: Privacy) -> None:
        """Raises Refused when it would loosen a conversation that has turns: old turns are never sent by loosening."""
        if chat.messages and strictest(chat.privacy, privacy) is not privacy:
            raise Refused("a conversation with turns cannot be loosened", "start a new one")
        chat.privacy = privacy
        if chat.turn is not None and why_forbidden(privacy, chat.turn.zone, chat.turn.proof):
            chat.turn.end(Outcome.STOPPED, "pinned while it streamed; this turn left this machine")
        await self._change(chat, privacy=privacy)

    def tighten(self, chat: Chat, privacy: Privacy) -> None:
        """From the next message on; stored with it, so that a message which is refused pins nothing."""
        chat.privacy = strictest(chat.privacy, privacy)

    async def set_reasoning(self, chat: Chat, reasoning: Reasoning) -> None:
        """An explicit level is the user's word: what auto had decided no longer binds."""
        chat.reasoning = reasoning
        await self._change(chat, reasoning=reasoning, decided_backend=None, decided_model=None)

    async def set_workload(self, chat: Chat, workload: str | None) -> None:
        chat.workload = workload
        if workload:
            self.books.count_workloads([workload])
        await self._change(chat, workload=workload, decided_backend=None, decided_model=None)

    async def _change(self, chat: Chat, **fields: object) -> None:
        if chat.conversation is not None:
            chat.conversation = replace(chat.conversation, **fields)
            await self._update(chat.conversation.id, **fields)

    async def _update(self, conversation_id: int, **fields: object) -> None:
        await asyncio.wrap_future(self._ledger.update_conversation(conversation_id, **fields))
        for chat in {self._shown, self._chats.get(conversation_id)}:
            if chat is not None and chat.conversation is not None and chat.id == conversation_id:
                chat.conversation = replace(chat.conversation, **fields)

    # --- turns

    def plan(self, chat: Chat, draft: str, *, route: str | None = None, model: str | None = None) -> Plan:
        """Pure and fast (no I/O): what sending this draft now would do. `route`/`model` override for one message."""
        return self.planner.plan(chat, Draft(draft, route, model))

    async def send(
        self,
        chat: Chat,
        text: str,
        *,
        route: str | None = None,
        model: str | None = None,
        parameters: Parameters | None = None,
        purpose: Purpose = Purpose.CHAT,
    ) -> None:
        """Queues behind a running reply, else sends; returns when the words are on disk (or queued).

        After a stopped or failed reply the queue waits; an empty text then sends what is next in it, with the route
        given here, if any.
        Raises HybridchatError when the route must be chosen, policy forbids, or nothing is configured: then nothing
        was sent, and the words are still the caller's (or, behind a queue, still in it).
        """
        draft = Draft(text, route, model, parameters or Parameters(), purpose)
        if not text.strip() and not chat.queue:
            raise UsageError("the message is empty", "type one")
        if text.strip():
            chat.queue.append(draft)
        elif route:
            chat.queue[0] = replace(chat.queue[0], route=route, model=model)
        try:
            await self._send_next(chat)
        except HybridchatError:
            if draft in chat.queue:
                chat.queue.remove(draft)
            raise
        finally:
            self._queue_changed(chat)

    async def _send_next(self, chat: Chat) -> None:
        """Sends the first of the queue, unless a reply is running. What cannot be sent goes back to where it was."""
        if chat.is_streaming or not chat.queue:
            return
        draft = chat.queue.pop(0)
        chat.is_sending, chat.stop_wanted = True, False
        if chat.id is not None:
            self._chats[chat.id] = chat
        beginning = asyncio.create_task(self._begin_turn(chat, draft))
        self._beginning.add(beginning)
        beginning.add_done_callback(self._beginning.discard)
        try:
            await asyncio.shield(beginning)  # a caller who gives up does not tear words from their record
        except HybridchatError:
            chat.queue.insert(0, draft)
            raise

    async def _begin_turn(self, chat: Chat, draft: Draft) -> None:
        is_new = chat.id is None
        try:
            plan = self.planner.plan(chat, draft)
            target = plan.decision.target
            if plan.decision.outlook is not Outlook.SEND or target is None:
                raise self.planner.refusal(plan.decision)
            request = chat_request(chat, draft, target, self.fleet.specs[target.backend])
            turn = await begin_turn(self._ledger, self._emit, chat, draft, plan, target, self.planner.privacy(chat))
        finally:
            chat.is_sending = False
        assert chat.id is not None
        self._chats[chat.id] = chat
        if is_new:
            self.books.focus(chat.id)
        forbidden = why_forbidden(self.planner.privacy(chat), target.zone, target.proof)
        if self._is_closing:
            turn.end(Outcome.INTERRUPTED, "hybridchat was closed")
        elif chat.stop_wanted:
            turn.end(Outcome.STOPPED)
        elif forbidden:  # pinned while the words were on their way to disk
            turn.end(Outcome.REFUSED, f"nothing was sent: {forbidden}")
        turn.ended.add_done_callback(lambda ended: self._turn_ended(chat, ended.result()))
        turn.start(lambda: self.fleet.backend(target.backend, target.zone), request)

    def _turn_ended(self, chat: Chat, reply: Message) -> None:
        attempt = reply.attempt
        assert chat.id is not None and attempt is not None
        chat.turn = None
        chat.may_leave = False
        chat.replace(reply)
        if not chat.queue:
            self._chats.pop(chat.id, None)
        if attempt.outcome is Outcome.OK:
            self.fleet.note_success(attempt.backend)
        elif attempt.error_kind:
            self._learn_from(attempt.backend, ErrorKind(attempt.error_kind), reply.note)
        self._emit(TurnEnded(chat.id, reply))
        self.books.reply_ended(attempt)
        if chat.queue and attempt.outcome is Outcome.OK and not self._is_closing:
            self._next_send = asyncio.create_task(self._send_queued(chat))

    async def _send_queued(self, chat: Chat) -> None:
        try:
            await self._send_next(chat)
        except HybridchatError as error:
            self._emit(Notice(f"the waiting message was not sent: {error}", "error"))
        self._queue_changed(chat)

    def _learn_from(self, backend: str, kind: ErrorKind, note: str) -> None:
        if kind is ErrorKind.FORWARDED:
            self.fleet.demote(backend)
            self._emit(Notice(f"{backend} forwards to another host and now counts as managed: {note}", "error"))
        else:
            self.fleet.note_failure(backend, kind, note)

    async def stop(self, chat: Chat) -> None:
        """Ends the running reply and keeps what came; returns once that is on disk."""
        chat.stop_wanted = chat.is_sending
        while chat.is_sending:
            await asyncio.wait(self._beginning)
        if chat.turn is not None:
            chat.turn.end(Outcome.STOPPED)
            await chat.turn.wait()

    def unqueue(self, chat: Chat, index: int = -1) -> str:
        """Takes a waiting message back and returns its words."""
        draft = chat.queue.pop(index)
        self._queue_changed(chat)
        return draft.text

    async def wait(self, chat: Chat) -> Message:
        """The reply of the running turn when it has ended, or the newest message."""
        if chat.turn is not None:
            return await chat.turn.wait()
        return chat.messages[-1]

    # --- backends

    def candidates(self, model: str | None = None) -> tuple[Candidate, ...]:
        return self.fleet.candidates(model)

    def health(self, backend: str) -> Health:
        return self.fleet.health(backend)

    async def check_health(self, backend: str | None = None) -> None:
        """One backend, or all of them: managed ones too, so only when the user asks."""
        names = [backend] if backend else list(self.fleet.specs)
        await asyncio.gather(*(self.fleet.check(name) for name in names))

    async def check_keyless(self) -> None:
        """For when the user wants to send: the keys that could not be had are asked for again."""
        await self.fleet.check_keyless()

    # --- telling

    def _emit(self, event: SessionEvent) -> None:
        for listener in self._listeners:
            listener(event)

    def _on_ledger_trouble(self, text: str) -> None:
        """From any thread. What happens before `start` is in the status that `start` tells."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._emit, Notice(text))

    def _queue_changed(self, chat: Chat) -> None:
        """Waiting words are on disk as well."""
        texts = tuple(draft.text for draft in chat.queue)
        if texts != chat.waiting:
            chat.waiting = texts
            if chat.id is not None:
                stored = msgspec.json.encode(texts).decode()
                self._ledger.update_conversation(chat.id, waiting=stored)
            self._emit(QueueChanged(chat.id, texts))
        if chat.id is not None and not chat.is_streaming and not chat.queue:
            self._chats.pop(chat.id, None)

    def _on_health(self, backend: str, health: Health) -> None:
        self._emit(HealthChanged(backend, health))

    def _prompt_price(self, backend: str, model: str) -> tuple[float, str] | None:
        return self.books.prompt_price(backend, model)
