"""From the composer to the session: sending, the questions before it, what waits, and stopping."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace
from textual import work

from hybridchat.domain.chat import Proof
from hybridchat.domain.routing import Outlook
from hybridchat.domain.text import clean_line, oldest_turns
from hybridchat.errors import HybridchatError
from hybridchat.session.state import NOTHING, Along
from hybridchat.session.ways import RouteOpen, Undecided, Way
from hybridchat.tui.beside import BESIDE
from hybridchat.tui.enter import Enter
from hybridchat.tui.screens.calling import Calling
from hybridchat.tui.screens.history import History
from hybridchat.tui.screens.rewording import Rewordings
from hybridchat.tui.screens.spending import Spending, stop_rows
from hybridchat.tui.stops import AskUnpriced, SetLimit
from hybridchat.tui.widgets.bars import Banner
from hybridchat.tui.widgets.composer import Composer
from hybridchat.tui.words import LIMITS, left_out_words

if TYPE_CHECKING:
    from hybridchat.session.chat import Chat, Plan


class Sending(Spending, Calling, History, Rewordings):
    """Words leave the composer only on their way to the session; what the session does not take comes back."""

    def __init__(self) -> None:
        super().__init__()
        self._in_order = asyncio.Lock()
        self._submit_when_ready = False
        self._has_told_limits = False

    def on_composer_submitted(self, event: Composer.Submitted) -> None:
        if self.session is None:
            self._submit_when_ready = True  # typed faster than the start: it goes as soon as there is a session
        else:
            self.enter()

    def on_chat_view_opened(self) -> None:
        if self._submit_when_ready:
            self._submit_when_ready = False
            self.enter()

    def enter(self) -> None:
        """Enter was pressed: what is written is done, or sent."""
        if not self.do_call():
            self.submit()

    def submit(self, route: str | None = None, model: str | None = None) -> None:
        """What the line over the composer says that Enter does; with a route, for this one message."""
        if self.session is None or self.chat is None:
            return
        chat = self.chat
        if not self._can_submit(chat):
            return
        plan, enter = self.plan_enter(route, model)
        if enter.asks or enter.refuses:
            self.run_worker(self.session.check_keyless(), name=BESIDE, group="keys")
        if enter.asks:
            self._ask_where(plan, enter)
        else:
            rewords = self.rewords
            self._send(chat, *self.take_draft(), route, model, rewords=rewords)

    def _can_submit(self, chat: Chat) -> bool:
        """There is a draft, or what waits is not held up by a running reply."""
        return bool(self.composer.words.strip() or self.along or (chat.queue and not chat.is_streaming))

    @work(name=BESIDE)
    async def _send(
        self,
        chat: Chat,
        text: str,
        along: Along,
        route: str | None,
        model: str | None,
        drop_turns: int = 0,
        way: Way | None = None,
        rewords: int | None = None,
    ) -> None:
        assert self.session is not None
        disclosure, agreed = (way.disclosure, way.agreed) if way else (None, None)
        send = partial(self.session.send, chat, text, route=route, model=model, drop_turns=drop_turns, along=along)
        with self.on_its_way(chat, text, along):
            async with self._in_order:
                try:
                    await send(disclosure=disclosure, agreed=agreed, rewords=rewords)
                except HybridchatError as error:
                    self.give_back(chat, text, along, rewords)
                    self._tell_unsent(chat, error, Enter.ASK if text.strip() or along else Enter.ASK_WAITING)
        self.plan_now()

    def _tell_unsent(self, chat: Chat, error: HybridchatError, enter: Enter) -> None:
        """What is seen only when all that goes along was looked through, and counted, asks where it shall go."""
        if not isinstance(error, Undecided | RouteOpen) or error.plan.decision.outlook is not Outlook.ASK:
            self.banner(str(error), "error")
        elif chat is self.chat:
            self._ask_where(error.plan, enter)

    # --- questions

    @work
    async def _ask_where(self, plan: Plan, enter: Enter) -> None:
        assert self.chat is not None
        chat = self.chat
        why = f"{clean_line('; '.join(plan.decision.reasons), 300)}. Nothing has been sent."
        which = "what waits" if enter is Enter.ASK_WAITING else "this message"
        way = await self.choose_way(f"Where should {which} go?", chat, plan, why)
        if way is None or self.chat is not chat:
            return
        route, text = (way.candidate.backend, way.candidate.model), self.composer.words
        if way.kind == "summarize":
            await self.go_on_in_fork(chat, way, text)
            return
        drop = way.turns if way.kind == "drop" else plan.left_out_turns
        if enter is Enter.ASK_WAITING:
            self._send(chat, "", NOTHING, *route, drop, way)
        elif way.kind == "ask":
            self.submit(*route)
        else:
            rewords = self.rewords
            self._send(chat, *self.take_draft(), *route, drop, way, rewords)

    async def choose_way(self, title: str, chat: Chat, plan: Plan, why: str) -> Way | None:
        """The way that the user chose, and confirmed where turns would be left out. What changes a budget is done.

        The cursor's first place sends nothing, and there is no filter: neither Enter twice nor words typed blindly ever
        choose."""
        from hybridchat.tui.screens.ways import way_rows

        rows = [*way_rows(plan.ways), *stop_rows(plan)]
        if plan.is_undecided:
            rows = way_rows(plan.ways, "Edit it; send nothing")
            title = "This would leave your machine"
            why = why if self._has_told_limits else f"{why} {LIMITS}"
            self._has_told_limits = True
        if [way.kind for way in plan.ways] == ["vouch"]:
            return await self._vouch(plan.ways[0])
        while True:
            match await self.pick(title, rows, current="stay", note=why, has_filter=False):
                case Way(kind="drop") as way:
                    if await self._may_leave_out(chat, way.turns):
                        return way
                case Way(kind="vouch") as way:
                    return await self._vouch(way)
                case Way() as way:
                    return way
                case SetLimit() as limit:
                    await self.set_limit(limit)
                    return None
                case AskUnpriced(candidate):
                    self.allow_unpriced(candidate)
                    return None
                case _:
                    return None

    async def _vouch(self, way: Way) -> Way | None:
        """As a way that asks, once the user said yes; a look that proves it makes the question needless."""
        from hybridchat.tui.screens.standing import vouch_question

        assert self.session is not None
        backend = way.candidate.backend
        await self.session.check_health(backend)
        standing = self.session.standing(backend)
        with self.told():
            if standing.proof is Proof.ASSUMED:
                if not await self.ask(vouch_question(standing)):
                    return None
                await self.session.vouch(backend, standing.peer)
            self.plan_now()
            return replace(way, kind="ask")
        return None

    async def _may_leave_out(self, chat: Chat, turns: int) -> bool:
        from hybridchat.tui.screens.dialogs import Confirm

        detail = left_out_words(chat.messages, turns)
        return await self.ask(Confirm(f"Leave out {oldest_turns(turns)}?", detail, yes="Leave out")) is True

    async def go_on_in_fork(self, chat: Chat, way: Way, draft: str) -> None:
        """The draft goes along, unsent: first the summary should be read."""
        assert self.session is not None
        to = way.candidate
        with self.told():
            try:
                fork = await self.session.fork_with_summary(chat, to.backend, to.model, way.disclosure, way.agreed)
            except Undecided as error:
                why = f"{clean_line('; '.join(error.plan.decision.reasons), 300)}. Nothing has been sent."
                if other := await self.choose_way("", chat, error.plan, why):
                    await self.go_on_in_fork(chat, other, draft)
                return
            if self.chat is chat:
                _, along = self.take_draft()
                self.show_chat(fork)
                self.composer.set_draft(draft)
                self.carry(along)

    @work
    async def action_send_to(self) -> None:
        from hybridchat.tui.screens.routes import backend_rows, pick_route

        if self.session is None or self.chat is None:
            return
        chat = self.chat
        if not self._can_submit(chat):  # else a choice would pass for one about the message written after it
            self.notify("Write the message first: it is sent to what you choose then.")
            return
        rows = partial(backend_rows, self.session, chat)
        self._submit_to(chat, await pick_route(self, "Send this message to…", rows, note="For this message only."))

    def _submit_to(self, chat: Chat | None, choice: object) -> None:
        if isinstance(choice, tuple) and self.chat is chat:
            self.submit(*choice)

    # --- the running turn and what waits for it

    @work(group="stop")
    async def action_stop(self) -> None:
        """Leaves the other words; else stops the reply. With none running, Esc dismisses the newest banner, then the
        pointer, then returns to the composer."""
        if self.leave_rewording():
            self.composer.focus()
        elif self.session is not None and self.chat is not None and self.chat.is_streaming:
            with self.told():
                await self.session.stop(self.chat)
        elif banners := self.query(Banner):
            await banners.last().remove()
        elif self.transcript.pointed is not None:
            self.transcript.point_at(None)
        else:
            self.composer.focus()

    def action_take_back(self) -> None:
        if self.session is not None and self.chat is not None and self.chat.queue:
            taken = self.session.unqueue(self.chat)
            self.give_back(self.chat, taken.text, taken.along)
