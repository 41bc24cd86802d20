"""What is open in a line conversation, and how words leave it: said first, asked where the user must choose."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from hybridchat.cli import output
from hybridchat.cli.plain.asking import choose, confirm, type_in
from hybridchat.cli.plain.keyboard import Reader
from hybridchat.cli.plain.telling import Teller
from hybridchat.domain.chat import Message, MessageState, Outcome, Proof, Purpose, Role
from hybridchat.domain.routing import Candidate, Outlook
from hybridchat.domain.text import clean_line, oldest_turns
from hybridchat.errors import EXIT_FAILED, EXIT_OK, EXIT_REFUSED, UsageError
from hybridchat.session.standing import COULD_STILL, HOLDS
from hybridchat.session.state import NOTHING
from hybridchat.session.ways import Undecided, Way
from hybridchat.tui.enter import Enter, what_enter_does
from hybridchat.tui.plan_words import plan_parts, question_leaves
from hybridchat.tui.stops import AskUnpriced, SetLimit, read_usd, stops
from hybridchat.tui.words import LIMITS, candidate_words, left_out_words

if TYPE_CHECKING:
    from hybridchat.session.chat import Chat, Plan, Session
    from hybridchat.session.providers import Providers

LOOK_EVERY_S = 0.01
WAITING_S = 10.0  # so long nothing came: that is said, and again after twice the time


class Talk:
    """One open conversation at a time; `show_chat` sets the first."""

    chat: Chat

    def __init__(
        self, session: Session, reader: Reader, open_providers: Callable[[], Providers], *, show_thinking: bool
    ) -> None:
        self.session, self.reader, self.open_providers = session, reader, open_providers
        self.teller = Teller(lambda number: number == self.chat.id, self._on_gone, show_thinking=show_thinking)
        session.listen(self.teller.on_event)
        self.unsent = ""  # words that were typed and have not gone out
        self.quoted = ""  # what the next message begins with
        self.along = NOTHING  # with the next message
        self.rewords: int | None = None  # the message in whose place the next one stands
        self.exit_code = EXIT_OK  # of the last message
        self._announced: tuple[str, Candidate | None] = ("", None)
        self._stopping: set[asyncio.Task[None]] = set()

    # --- what is open

    def show_chat(self, chat: Chat) -> None:
        self.chat, self._announced, self.rewords = chat, ("", None), None
        if self.along:
            self.along = NOTHING  # what was read for one chat goes with no other
            output.note("What was attached is left behind.")
        if self.quoted:
            self.quoted = ""
            output.note("What was quoted is left behind.")
        self.remember()

    def remember(self) -> None:
        """Up brings back what was said here; off the record, nothing."""
        said = () if self.chat.is_off_record else (m.text for m in self.chat.messages if m.role is Role.USER)
        self.reader.remember(said)

    async def show_last_turn(self) -> None:
        await self.show(self.chat.messages[-2:])

    async def show(self, messages: Sequence[Message]) -> None:
        await self.look_hidden()
        for message in messages:
            self.teller.show(message)

    async def look_hidden(self) -> bool:
        """Whether the chat would go on from an answer of a blind comparison, before its vote."""
        is_compared = any(m.attempt is not None and m.attempt.purpose is Purpose.COMPARE for m in self.chat.messages)
        self.teller.hidden = await self.session.comparing.hidden(self.chat) if is_compared else frozenset()
        return self.chat.leaf_id in self.teller.hidden

    async def require_vote(self) -> None:
        """Raises UsageError where one is waited for."""
        if await self.look_hidden():
            raise UsageError("a blind comparison waits for your vote", "/vote 1, tie, bad, or names without a vote")

    # --- what Enter will do

    def plan_enter(self, text: str, route: str | None = None, model: str | None = None) -> tuple[Plan, Enter]:
        """The plan of the message whose turn it is: the first that waits, else this one."""
        is_waiting = bool(self.chat.queue) and route is None and self.rewords is None
        along, has_draft = self.along, bool(text)
        if is_waiting:
            first = self.chat.queue[0]
            text, along, route, model = first.text, first.along, first.route, first.model
        plan = self.session.plan(self.chat, text, route=route, model=model, along=along, rewords=self.rewords)
        can_choose = bool(plan.ways) or (plan.budget is not None and plan.budget.forbids)
        outlook = Outlook.ASK if can_choose else plan.decision.outlook
        return plan, what_enter_does(outlook, is_streaming=False, is_waiting=is_waiting, has_draft=has_draft)

    async def announce(self) -> None:
        """Says what Enter will do, where that is not what was said last."""
        plan, enter = self.plan_enter(self.unsent)
        if plan.decision.target is not None and plan.is_price_awaited and not plan.decision.target.is_local:
            await self.session.look_up_price(plan.decision.target)
            plan, enter = self.plan_enter(self.unsent)
        words = _plan_words(plan, enter)
        if words != self._announced[0]:
            output.note(words)
        self._announced = words, plan.decision.target

    # --- sending

    async def submit(self, text: str, route: str | None = None, model: str | None = None) -> None:
        """Sends it, once all that must be asked is answered; an empty text sends what waits. Returns after the reply.

        Raises HybridchatError where it cannot be sent; then it is kept as `unsent`.
        """
        if self.quoted and text:
            text, self.quoted = f"{self.quoted}\n\n{text}", ""
        self.unsent, self.exit_code = text, EXIT_REFUSED
        await self.require_vote()
        plan, enter = self.plan_enter(text, route, model)
        if enter.asks or enter.refuses:
            await self.session.check_keyless()
            plan, enter = self.plan_enter(text, route, model)
        if enter.asks and self.reader.is_interactive:
            await self._ask_where(text, plan, enter)
        elif route is not None or await self._is_expected(plan, enter):
            await self._send(text, route, model)

    async def _is_expected(self, plan: Plan, enter: Enter) -> bool:
        """Whether it goes where the line above the prompt said, or stays at home; else the user is asked."""
        target, announced = plan.decision.target, self._announced[1]
        if target is None or target.is_local or not self.reader.is_interactive or _same_place(target, announced):
            return True
        question = f"This would not go where the line above said. {_plan_words(plan, enter)}"
        return await confirm(self.reader, question, "Send it there", "Send nothing")

    async def _send(
        self, text: str, route: str | None, model: str | None, drop_turns: int = 0, way: Way | None = None
    ) -> None:
        disclosure, agreed = (way.disclosure, way.agreed) if way else (None, None)
        send = self.session.send(
            self.chat,
            text,
            route=route,
            model=model,
            drop_turns=drop_turns,
            disclosure=disclosure,
            agreed=agreed,
            along=self.along if text else NOTHING,
            rewords=self.rewords,
        )
        await self._run(send, text, Enter.ASK if text else Enter.ASK_WAITING)

    async def _run(self, sending: Coroutine[None, None, None], text: str, enter: Enter) -> None:
        """What sends, then its reply to the end."""
        try:
            await sending
        except Undecided as error:  # seen when all that goes along was looked through
            if not self.reader.is_interactive:
                raise
            await self._ask_where(text, error.plan, enter)
        else:
            self.unsent, self.along, self.rewords = "", NOTHING if text else self.along, None
            await self.finish()

    async def finish(self) -> None:
        """Waits for the running reply, and for those of what waits behind it."""
        while self.chat.is_streaming:
            if self.chat.turn is None:  # the words of one that waited are on their way to disk
                await asyncio.sleep(LOOK_EVERY_S)
            else:
                self._count(await self._wait())
                await asyncio.sleep(0)  # what waits begins now
        await self._end_reply()
        await self._offer()

    async def _end_reply(self) -> None:
        await self.session.books.settle()
        self.teller.end_reply()
        self.remember()

    async def _wait(self) -> Message:
        reply = asyncio.ensure_future(self.session.wait(self.chat))
        patience_s = WAITING_S
        while not (await asyncio.wait((reply,), timeout=patience_s))[0]:
            turn = self.chat.turn
            if self.reader.is_interactive and turn is not None and not turn.message.has_words:
                self.teller.say("Nothing has come yet. Ctrl+C stops it.")
                patience_s *= 2
        return await reply

    def _count(self, reply: Message) -> None:
        refused = reply.attempt is not None and reply.attempt.outcome is Outcome.REFUSED
        failed = EXIT_REFUSED if refused else EXIT_FAILED
        self.exit_code = EXIT_OK if reply.state is MessageState.COMPLETE else failed

    def interrupt(self) -> bool:
        """Stops the running reply; False where none runs."""
        if self.chat.is_streaming:
            task = asyncio.ensure_future(self.session.stop(self.chat))
            self._stopping.add(task)
            task.add_done_callback(self._stopping.discard)
            return True
        return False

    def _on_gone(self) -> None:
        self.interrupt()

    # --- questions

    async def _ask_where(self, text: str, plan: Plan, enter: Enter) -> None:
        way = await self.choose_way(plan, "; ".join(plan.decision.reasons))
        if way is None:
            if text:
                output.note("Nothing was sent. Your words are kept: an empty line sends them again.")
            return
        to = way.candidate
        drop = way.turns if way.kind == "drop" else plan.left_out_turns
        if way.kind == "summarize":
            await self.go_on_in_fork(way, text)
        elif way.kind == "ask" and enter is Enter.ASK:
            await self.submit(text, to.backend, to.model)
        else:
            waiting = "" if enter is Enter.ASK_WAITING else text
            await self._send(waiting, to.backend, to.model, drop, way)

    async def choose_way(self, plan: Plan, why: str) -> Way | None:
        """The way that the user chose, and confirmed where it needs that. What changes a budget is done."""
        if [way.kind for way in plan.ways] == ["vouch"]:
            return await self._vouch(plan.ways[0])
        limits = f" {LIMITS}" if plan.is_undecided else ""
        stay = "Send nothing" if plan.is_undecided else "Keep it here; send nothing"
        question = f"{clean_line(why, 300)}.{limits} What shall be done?"
        choices: list[tuple[Way | SetLimit | AskUnpriced | None, str]] = [(None, stay)]
        choices += [(way, str(way)[:1].upper() + str(way)[1:]) for way in plan.ways]
        match await choose(self.reader, question, [*choices, *stops(plan)]):
            case Way(kind="drop") as way:
                return way if await self._may_leave_out(way.turns) else None
            case Way(kind="vouch") as way:
                return await self._vouch(way)
            case Way() as way:
                return way
            case SetLimit() as limit:
                await self.set_limit(limit)
            case AskUnpriced(candidate):
                self.session.budgets.allow_unpriced(candidate.backend, candidate.model)
        return None

    async def _vouch(self, way: Way) -> Way | None:
        """As a way that asks, once the user said yes; a look that proves it makes the question needless."""
        backend = way.candidate.backend
        await self.session.check_health(backend)
        standing = self.session.standing(backend)
        if standing.proof is Proof.ASSUMED:
            output.note(f"{standing.backend} ({standing.kind}) at {standing.url}, where {standing.answers} answers.")
            output.note(f"{COULD_STILL} {HOLDS}")
            question = f"Do you know that {clean_line(backend, 40)} computes on this machine?"
            if not await confirm(self.reader, question, "Yes, it does"):
                return None
            await self.session.vouch(backend, standing.peer)
        return replace(way, kind="ask")

    async def _may_leave_out(self, turns: int) -> bool:
        for line in left_out_words(self.chat.messages, turns).splitlines():
            output.note(line)
        return await confirm(self.reader, f"Leave out {oldest_turns(turns)}?", "Leave out")

    async def set_limit(self, limit: SetLimit) -> None:
        """To an amount that the user types. Raises UsageError for what is none."""
        whose = f" for {clean_line(limit.backend, 40)}" if limit.backend else ""
        typed = await type_in(self.reader, f"New {limit.scope} budget in USD{whose}, or none:")
        if typed and typed.strip():
            await self.session.budgets.set_limit(limit.scope, read_usd(typed), limit.backend)

    async def go_on_in_fork(self, way: Way, draft: str) -> None:
        """The words go along, unsent: first the summary should be read."""
        to = way.candidate
        try:
            fork = await self.session.fork_with_summary(self.chat, to.backend, to.model, way.disclosure, way.agreed)
        except Undecided as error:
            other = await self.choose_way(error.plan, "; ".join(error.plan.decision.reasons))
            if other is not None:
                await self.go_on_in_fork(other, draft)
            return
        self.show_chat(fork)
        self._count(await self._wait())
        await self._end_reply()
        self.unsent = draft
        output.note("This is a fork that begins with a summary. An empty line sends your words here.")

    # --- the last question again

    async def priced(self, look: Callable[[], Plan]) -> Plan:
        """With the price of its target, which may have to be looked up first."""
        plan = look()
        target = plan.decision.target
        if target is None or target.is_local or not plan.is_price_awaited:
            return plan
        await self.session.look_up_price(target)
        return look()

    async def may_ask(self, plan: Plan) -> bool:
        """Whether the last question may go where it is planned: what leaves is said, and asked where somebody is."""
        target = plan.decision.target
        if target is None or target.is_local or not self.reader.is_interactive:
            return True
        backend, model, _ = candidate_words(target)
        question = f"Ask {model} on {backend}? {question_leaves(target, plan, self.chat.messages)}"
        return await confirm(self.reader, question, "Ask it")

    async def answer_by(self, way: Way, plan: Plan) -> None:
        """Another answer to the last question, as the user chose."""
        if way.kind == "summarize":
            await self.go_on_in_fork(way, self.unsent or self.chat.messages[-2].text)
            return
        again = self.session.answer_again(
            self.chat,
            route=way.candidate.backend,
            model=way.candidate.model,
            drop_turns=way.turns if way.kind == "drop" else plan.left_out_turns,
            disclosure=way.disclosure,
            agreed=way.agreed,
        )
        await self.answer(again)

    async def answer(self, again: Coroutine[None, None, None]) -> None:
        try:
            await again
        except Undecided as error:  # seen when all that goes along was looked through
            if not self.reader.is_interactive:
                raise
            why = "; ".join(error.plan.decision.reasons)
            if (way := await self.choose_way(error.plan, why)) is not None:
                await self.answer_by(way, error.plan)
        else:
            await self.finish()

    async def _offer(self) -> None:
        """What can be done about a reply that failed."""
        if self.teller.ways and self.reader.is_interactive:
            plan = replace(self.session.plan(self.chat, ""), ways=self.teller.ways)
            self.teller.ways = ()
            way = await self.choose_way(plan, self.chat.messages[-1].note)
            if way is not None:
                await self.answer_by(way, plan)


def _same_place(target: Candidate, announced: Candidate | None) -> bool:
    return announced is not None and candidate_words(target) == candidate_words(announced)


def _plan_words(plan: Plan, enter: Enter) -> str:
    parts = plan_parts(plan, enter, wide=True, route="/route")
    return "".join(part if isinstance(part, str) else part[0] for part in parts)
