"""The session: open conversations, their routes, their running turns. The screen and the command line hold one each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from hybridchat.backends.base import BackendSpec
from hybridchat.backends.registry import warm_up
from hybridchat.backends.spec import spec_of
from hybridchat.config import BackendConfig, Config
from hybridchat.config.folders import FolderPin
from hybridchat.config.secrets import make_scanner
from hybridchat.domain.chat import Disclosure, Health, Parameters, Purpose
from hybridchat.domain.privacy import strictest
from hybridchat.errors import UsageError
from hybridchat.keys import secret_variables
from hybridchat.ledger.store import Ledger
from hybridchat.net.client import why_unguarded
from hybridchat.session.answers import Answers
from hybridchat.session.attached import Attached
from hybridchat.session.bookkeeping import Bookkeeper
from hybridchat.session.branches import Branches
from hybridchat.session.budget_file import BudgetFile, BudgetSettings
from hybridchat.session.budgets import Budgets
from hybridchat.session.chats import Chats
from hybridchat.session.deleting import Deleting
from hybridchat.session.disclosing import Gate
from hybridchat.session.drafts import Drafts
from hybridchat.session.events import HealthChanged, Notice, SessionEvent
from hybridchat.session.finding import Finding
from hybridchat.session.fleet import Fleet, KeepKey, OpenBackend
from hybridchat.session.floor import Floor
from hybridchat.session.forecasts import Forecasts
from hybridchat.session.forking import Forks
from hybridchat.session.gathering import Gathering
from hybridchat.session.history import History
from hybridchat.session.ledgers import Ledgers
from hybridchat.session.planning import Planner, reworded
from hybridchat.session.presets import Presets
from hybridchat.session.prices import PriceBook
from hybridchat.session.prompts import Prompts, PromptUse
from hybridchat.session.state import NOTHING, Along, Chat, Draft, Plan
from hybridchat.session.transfer import Transfer
from hybridchat.session.turns import Turns
from hybridchat.session.unread import Unread
from hybridchat.session.vouches import Vouches
from hybridchat.session.ways import Way

if TYPE_CHECKING:
    from hybridchat.session.comparing import Comparing
    from hybridchat.session.details import ReplyReader

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
        config_file: Path | None = None,
        prompts: Prompts | None = None,
    ) -> None:
        """`config_error`: why `config` is the defaults instead of the user's. `config_file`: where presets are kept.
        `look_at_folder` blocks, and says whether what is written there is pinned."""
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
        self.attached = Attached(self._ledgers, self._emit)
        self.turns = Turns(self._ledgers, self.fleet, self.planner, self.books, self.attached, self._emit)
        self.stop, self.unqueue, self.wait = self.turns.stop, self.turns.unqueue, self.turns.wait
        self.prompts = prompts or Prompts()
        self._open_rooms(config, config_file)
        self._watch: asyncio.Task[None] | None = None

    def _open_rooms(self, config: Config, config_file: Path | None) -> None:
        """What is done with conversations, each kind of it in a room of its own."""
        forks = Forks(self._ledgers, self.floor)
        self.make_fork = forks.make
        self.branches = branches = Branches(self._ledgers, forks, self._emit)
        self.show_sibling = branches.show
        answers = self._answers = Answers(self._ledgers, self.planner, self.turns, branches)
        self.answer_again, self.escalate, self.other_side = answers.again, answers.escalate, answers.other_side
        self.plan_again, self.messages_before = answers.plan_again, answers.messages_before
        self.siblings, self.with_siblings = answers.siblings, answers.with_siblings
        chats = Chats(config, self._ledgers, self.fleet, self.floor, self.turns, self.books)
        self.new, self.open, self.open_latest, self.rename = chats.new, chats.open, chats.open_latest, chats.rename
        deleting = Deleting(self._ledgers, self.turns, self.books, branches, chats.open_as)
        self.delete, self.delete_branch = deleting.conversation, deleting.branch
        self.undo_delete, self._purge = deleting.undo, deleting.purge
        self.unread = Unread(self._ledgers)
        self.set_route, self.set_privacy, self.must_fork = chats.set_route, chats.set_privacy, chats.must_fork
        self.set_reasoning, self.set_workload = chats.set_reasoning, chats.set_workload
        self.set_effort, self.set_settings = chats.set_effort, chats.set_settings
        self.drafts, self.history = Drafts(self._ledgers, chats.set_privacy, self._emit), History(self._ledgers)
        self.untaken, self.presets = self.fleet.untaken, Presets(config_file, chats, self.floor)
        self.use_prompt = PromptUse(self.prompts, self.presets, chats).prepare
        self.finding = Finding(self._ledgers, chats.open_as)
        self.gathering = Gathering(config.privacy.local_only_folders, chats.set_privacy, self._emit)
        self.transfer = Transfer(self._ledgers, self.floor, config.privacy)
        self.key_variables = partial(secret_variables, config)

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

    async def _keep_watching(self) -> None:
        while True:
            await asyncio.sleep(HEALTH_EVERY_S)
            await self.fleet.watch()
            self.books.refresh()  # other windows spend as well, and days end

    # --- turns

    def plan(
        self,
        chat: Chat,
        draft: str,
        *,
        route: str | None = None,
        model: str | None = None,
        rewords: int | None = None,
        along: Along = NOTHING,
    ) -> Plan:
        """Pure and fast (no I/O): what sending this draft now would do. `route`/`model` override for one message;
        `rewords` is as in `send`."""
        return self.planner.plan(chat, reworded(chat, Draft(draft, route, model, along=along), rewords))

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
        along: Along = NOTHING,
        rewords: int | None = None,
    ) -> None:
        """Queues behind a running reply, else sends; returns when the words are on disk (or queued).

        After a stopped or failed reply the queue waits; an empty text then sends what is next in it, with the route
        given here, if any.
        Raises HybridchatError when the route must be chosen, policy forbids, or nothing is configured: then nothing
        was sent, and the words are still the caller's (or, behind a queue, still in it). `drop_turns` oldest turns are
        left out, which the reply then says. Undecided, with the ways on in its plan, where a managed backend would get
        secrets or personal data: they leave with a `disclosure` alone;
        as they are, with `agreed`, only as many of each kind as the user was shown.
        With `rewords`, the text stands beside that message of the user, in its place; it never waits.
        """
        draft = Draft(text, route, model, parameters or Parameters(), purpose, drop_turns, disclosure=disclosure)
        draft = replace(draft, agreed=agreed, along=along)
        await (self.turns.send(chat, draft) if rewords is None else self._answers.reword(chat, rewords, draft))

    @cached_property
    def comparing(self) -> Comparing:
        """Made when it is first wanted: it must not take time from the start."""
        from hybridchat.session.comparing import Comparing

        return Comparing(self._ledgers, self.fleet, self.planner, self.turns, self._emit)

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
        fork.parameters = chat.parameters
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

    @cached_property
    def replies(self) -> ReplyReader:
        """What is known of replies."""
        from hybridchat.session.details import ReplyReader

        return ReplyReader(self._ledgers)

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
