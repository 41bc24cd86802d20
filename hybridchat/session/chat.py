"""The session: open conversations, their routes, their running turns. The screen and the command line hold one each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from functools import partial

from msgspec.structs import replace

from hybridchat.backends.base import BackendSpec
from hybridchat.backends.registry import warm_up
from hybridchat.backends.spec import spec_of
from hybridchat.config import BackendConfig, Config
from hybridchat.config.folders import FolderPin
from hybridchat.config.secrets import make_scanner
from hybridchat.domain.chat import (
    Attachment,
    Disclosure,
    Effort,
    Health,
    Outcome,
    Parameters,
    Privacy,
    Purpose,
    Reasoning,
    Zone,
)
from hybridchat.domain.privacy import in_words, strictest, why_forbidden
from hybridchat.errors import ErrorKind, Refused, UsageError
from hybridchat.ledger.store import Ledger
from hybridchat.net.client import why_unguarded
from hybridchat.session.answers import Answers
from hybridchat.session.bookkeeping import Bookkeeper
from hybridchat.session.budget_file import BudgetFile, BudgetSettings
from hybridchat.session.budgets import Budgets
from hybridchat.session.disclosing import Gate
from hybridchat.session.events import HealthChanged, Notice, SessionEvent
from hybridchat.session.finding import Finding
from hybridchat.session.fleet import Fleet, KeepKey, OpenBackend
from hybridchat.session.floor import Floor
from hybridchat.session.forecasts import Forecasts
from hybridchat.session.forking import Forks
from hybridchat.session.ledgers import Ledgers
from hybridchat.session.planning import Planner
from hybridchat.session.prices import PriceBook
from hybridchat.session.state import Chat, Draft, Plan
from hybridchat.session.transfer import Transfer
from hybridchat.session.turns import Turns
from hybridchat.session.vouches import Vouches
from hybridchat.session.ways import Way

__all__ = ["Chat", "Draft", "Plan", "Session"]

HEALTH_EVERY_S = 15.0
SUMMARIZE = (
    "Summarize our conversation so far, so that it can go on from your summary alone: what was asked and decided, "
    "names, numbers, facts and code that are still needed, and what is open. Write nothing but the summary."
)


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
        look_at_folder: Callable[[], FolderPin] | None = None,
        keep_key: KeepKey | None = None,
        budget_file: BudgetFile | None = None,
        vouches: Vouches | None = None,
        config_error: UsageError | None = None,
    ) -> None:
        """`config_error`: why `config` is the defaults instead of the user's. `look_at_folder` blocks, and says whether
        what is written there is pinned."""
        self._config = config
        self._ledger = open_ledger(self._on_ledger_trouble)
        self._ledgers = Ledgers(self._ledger, self._on_ledger_trouble)
        self.conversations = self._ledgers.conversations
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listeners: list[Callable[[SessionEvent], None]] = []
        self.fleet = fleet = Fleet(
            specs, open_backend, self._on_health, local_only=local_only, keep_key=keep_key, vouches=vouches
        )
        self.candidate, self.candidates, self.health = fleet.candidate, fleet.candidates, fleet.health
        self.set_key, self.standing, self.vouch = fleet.set_key, fleet.standing, fleet.vouch
        self.moved_key, self.confirm_key = fleet.moved_key, fleet.confirm_key
        self.floor = Floor(look_at_folder, local_only=local_only)
        forecasts = Forecasts(self._ledger, prices, self.fleet, self._spawn, lambda: self.books.refresh())
        self.look_up_price = forecasts.learn
        self.budgets = Budgets(BudgetSettings.of(config), self._ledgers, forecasts, budget_file)
        gate = Gate(partial(make_scanner, config.privacy.patterns))
        self.planner = Planner(config.route, self.fleet, self.floor, forecasts, self.budgets, gate, config_error)
        self.books = Bookkeeper(
            self._ledgers, prices, self.fleet, self._emit, self.planner.workload_tokens_30d, forecasts, self.budgets
        )
        self.books.counts_off_record = config.privacy.count_off_the_record
        self.turns = Turns(self._ledgers, self.fleet, self.planner, self.books, self._emit)
        self.stop, self.unqueue, self.wait = self.turns.stop, self.turns.unqueue, self.turns.wait
        answers = Answers(self._ledgers, self.planner, self.turns, self._emit)
        self.answer_again, self.escalate, self.other_side = answers.again, answers.escalate, answers.other_side
        self.siblings, self.with_siblings = answers.siblings, answers.with_siblings
        self.show_sibling = answers.show_sibling
        self.finding = Finding(self._ledgers, self._open_chats)
        self.make_fork = Forks(self._ledgers, self.floor).make
        self.transfer = Transfer(self._ledgers, self.floor, config.privacy)
        self._shown: Chat | None = None  # the newest one asked for
        self._deleted: list[int] = []
        self._watch: asyncio.Task[None] | None = None

    # --- life

    def listen(self, listener: Callable[[SessionEvent], None]) -> None:
        self._listeners.append(listener)

    async def start(self, *, watch: bool = True, panel: bool = True, only: str | None = None) -> None:
        """Tells why the ledger is in memory, read-only or restored, if it is; looks at each local backend and takes the
        first snapshot; with `watch`, goes on looking now and then.

        Without `panel` no snapshot is ever taken: it may cost the import of the price list. With `only`, no other
        backend is waited for. Raises Refused in a run that is local only where nothing would keep it so.
        """
        self.books.takes_snapshots = panel
        self._loop = asyncio.get_running_loop()
        status = await asyncio.wrap_future(self._ledger.opened)
        # Not beside the ledger's own imports: two threads' can lock each other out.
        await asyncio.to_thread(warm_up, {spec.kind for spec in self.fleet.specs.values()})
        self.planner.unguarded = await asyncio.to_thread(why_unguarded)
        if self.floor.why and self.planner.unguarded:
            raise self.planner.unguarded
        for notice in filter(None, (status.notice, *self.floor.notices)):
            self._emit(Notice(notice))
        if status.mode == "read_only":
            self.planner.read_only = status.notice
        self.books.count_workloads(self.planner.workloads())
        await asyncio.gather(self.books.settle_left_behind(), self.fleet.check_local(only))
        self.books.refresh()
        if watch:
            self._watch = asyncio.create_task(self._keep_watching())

    async def close(self) -> None:
        """Ends running replies (their words are kept), settles prices, purges what was deleted, closes everything.

        Each step is taken whatever the ones before it met.
        """
        self.turns.stop_beginning()
        if self._watch is not None:
            self._watch.cancel()
        async with AsyncExitStack() as steps:
            steps.push_async_callback(asyncio.to_thread, self._ledgers.close)
            steps.push_async_callback(self._purge)
            steps.push_async_callback(self.fleet.close)
            steps.push_async_callback(self.books.close)
            await self.turns.close()

    async def _purge(self) -> None:
        if self._deleted:
            await asyncio.wrap_future(self._ledger.purge_deleted())

    async def _keep_watching(self) -> None:
        while True:
            await asyncio.sleep(HEALTH_EVERY_S)
            await self.fleet.watch()
            self.books.refresh()  # other windows spend as well, and days end

    # --- conversations

    def new(
        self,
        *,
        privacy: Privacy | None = None,
        route: str | None = None,
        model: str | None = None,
        system: str = "",
        off_record: bool = False,
    ) -> Chat:
        """Off the record, it lives in memory only: it ends with this session."""
        born = strictest(privacy or Privacy(self._config.privacy.default), self.floor.privacy)
        route = route or self._config.route.default
        chat = Chat(privacy=born, route=route, model=model, system=system, is_off_record=off_record)
        self._ledgers.of_chat(chat)  # opens it now: the first message shall not wait
        self.books.focus(None)
        self._shown = chat
        return chat

    async def open(self, conversation_id: int) -> Chat:
        """Raises UsageError when there is none of that id."""
        self.books.focus(conversation_id)
        if conversation_id in self.turns.chats:
            self._shown = self.turns.chats[conversation_id]
            return self._shown
        ledger = self._ledgers.of(conversation_id)
        conversation = await asyncio.wrap_future(ledger.conversation(conversation_id))
        if conversation is None:
            raise UsageError(f"no conversation {conversation_id}", "`hybridchat list` shows all")
        chat = Chat.of(conversation, await asyncio.wrap_future(ledger.branch(conversation_id)))
        if chat.workload:
            self.books.count_workloads([chat.workload])
        self._shown = chat
        return chat

    async def open_latest(self) -> Chat | None:
        latest = await asyncio.wrap_future(self._ledger.latest_conversation())
        return await self.open(latest.id) if latest else None

    async def rename(self, conversation_id: int, title: str) -> None:
        await self._update(conversation_id, title=title)

    async def delete(self, conversation_id: int) -> None:
        """Gone from every list; `undo_delete` brings it back until the program ends."""
        chat = self.turns.chats.get(conversation_id)
        if chat is not None:
            chat.queue.clear()
            await self.stop(chat)
        await asyncio.wrap_future(self._ledgers.of(conversation_id).delete_conversation(conversation_id))
        self._deleted.append(conversation_id)
        self.books.refresh()

    async def undo_delete(self) -> int | None:
        """The conversation that came back, or None when there is nothing to undo."""
        if not self._deleted:
            return None
        conversation_id = self._deleted.pop()
        await asyncio.wrap_future(self._ledgers.of(conversation_id).restore_conversation(conversation_id))
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
        """Raises Refused below the floor, and for a looser one where there are turns, which `fork` leaves behind."""
        self.floor.check(privacy)
        if self.must_fork(chat, privacy):
            raise Refused(f"what was said {in_words(chat.privacy)} stays so", "go on in a fork, which leaves it behind")
        chat.privacy = privacy
        if chat.turn is not None and why_forbidden(privacy, chat.turn.zone, chat.turn.proof):
            left = "may have left" if chat.turn.zone is Zone.DEVICE else "left"
            note = f"pinned while it streamed: this turn {left} this machine"
            chat.turn.end(Outcome.STOPPED, note, ErrorKind.PINNED)
        await self._change(chat, privacy=privacy)

    def must_fork(self, chat: Chat, privacy: Privacy) -> bool:
        """Whether the chat has turns that it would loosen."""
        return (chat.is_sending or bool(chat.messages)) and strictest(chat.privacy, privacy) is not privacy

    async def set_reasoning(self, chat: Chat, reasoning: Reasoning) -> None:
        """An explicit level is the user's word: what auto had decided no longer binds."""
        chat.reasoning = reasoning
        await self._change(chat, reasoning=reasoning, decided_backend=None, decided_model=None)

    async def set_workload(self, chat: Chat, workload: str | None) -> None:
        chat.workload = workload
        if workload:
            self.books.count_workloads([workload])
        await self._change(chat, workload=workload, decided_backend=None, decided_model=None)

    async def set_effort(self, chat: Chat, effort: Effort | None) -> None:
        """How much the models may think, from the next message on; None leaves that to each of them."""
        chat.effort = effort
        await self._change(chat, effort=effort)

    async def _change(self, chat: Chat, **fields: object) -> None:
        if chat.conversation is not None:
            chat.conversation = replace(chat.conversation, **fields)
            await self._update(chat.conversation.id, **fields)

    async def _update(self, conversation_id: int, **fields: object) -> None:
        await asyncio.wrap_future(self._ledgers.of(conversation_id).update_conversation(conversation_id, **fields))
        for chat in self._open_chats(conversation_id):
            assert chat.conversation is not None
            chat.conversation = replace(chat.conversation, **fields)

    def _open_chats(self, conversation_id: int) -> list[Chat]:
        both = {self._shown, self.turns.chats.get(conversation_id)}
        return [chat for chat in both if chat is not None and chat.id == conversation_id]

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
        drop_turns: int = 0,
        disclosure: Disclosure | None = None,
        agreed: Mapping[str, int] | None = None,
        attachments: tuple[Attachment, ...] = (),
    ) -> None:
        """Queues behind a running reply, else sends; returns when the words are on disk (or queued).

        After a stopped or failed reply the queue waits; an empty text then sends what is next in it, with the route
        given here, if any.
        Raises HybridchatError when the route must be chosen, policy forbids, or nothing is configured: then nothing
        was sent, and the words are still the caller's (or, behind a queue, still in it). `drop_turns` oldest turns are
        left out, which the reply then says. Undecided, with the ways on in its plan, where a managed backend would get
        secrets or personal data: they leave with a `disclosure` alone;
        as they are, with `agreed`, only as many of each kind as the user was shown.
        """
        draft = Draft(text, route, model, parameters or Parameters(), purpose, drop_turns, disclosure=disclosure)
        draft = replace(draft, agreed=agreed, attachments=attachments)
        await self.turns.send(chat, draft)

    # --- other ways on

    def ways_on(self, chat: Chat) -> tuple[Way, ...]:
        """What the user may do about the last question when its reply failed without a word."""
        return self.planner.ways_on(chat)

    async def fork_with_summary(
        self,
        chat: Chat,
        backend: str | None = None,
        model: str | None = None,
        disclosure: Disclosure | None = None,
        agreed: Mapping[str, int] | None = None,
    ) -> Chat:
        """A new conversation, as private as that one and off the record where it is, whose first reply is a summary of
        it; streamed like any other.

        What the summarizer's window does not hold is left out, oldest turns first, and the reply says so.
        Raises HybridchatError as `send` does.
        """
        fork = self.new(
            privacy=strictest(self.planner.privacy(chat), await self._ledgers.privacy(chat)),
            route=chat.route,
            model=chat.model,
            system=chat.system,
            off_record=chat.is_off_record,
        )
        fork.reasoning, fork.workload, fork.effort = chat.reasoning, chat.workload, chat.effort
        draft = Draft(SUMMARIZE, backend, model, purpose=Purpose.SUMMARY, history=tuple(chat.messages))
        draft = replace(draft, disclosure=disclosure, agreed=agreed)
        ways = self.planner.plan(fork, draft).ways
        if ways and ways[0].kind == "drop":
            draft = replace(draft, drop_turns=ways[0].turns)
        await self.turns.send(fork, draft)
        if fork.id is not None and chat.conversation is not None:
            await self.rename(fork.id, f"{chat.conversation.title} (from a summary)")
        return fork

    # --- backends

    async def add_backend(self, entry: BackendConfig) -> None:
        """One that is in the config since the session began; a local one is looked at."""
        self.fleet.add(spec_of(entry))
        if self.fleet.specs[entry.id].zone.is_local:
            await self.fleet.check(entry.id)

    def key_host(self, backend: str) -> str:
        """The only place that the backend's key is sent to, such as https://api.openai.com."""
        return self.fleet.specs[backend].address.origin

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

    def _on_health(self, backend: str, health: Health) -> None:
        self._emit(HealthChanged(backend, health))

    def _spawn(self, work: Coroutine[object, object, object]) -> None:
        self.books.spawn(work)
