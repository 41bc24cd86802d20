"""Another answer to the last question: beside the one that is there, or where there is none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Coroutine
from typing import TYPE_CHECKING

from msgspec.structs import replace
from textual import work

from hybridchat.domain.chat import Message, MessageState
from hybridchat.domain.routing import Outlook
from hybridchat.domain.text import clean_line
from hybridchat.session import events as news
from hybridchat.session.ways import RouteOpen, Undecided
from hybridchat.tui.keymap import keymap_of
from hybridchat.tui.plan_words import question_leaves
from hybridchat.tui.screens.mentioning import Mentioning
from hybridchat.tui.words import candidate_words

if TYPE_CHECKING:
    from hybridchat.session.chat import Chat, Plan


_BROKEN = (MessageState.FAILED, MessageState.INTERRUPTED)


class Answers(Mentioning):
    """Nothing here is sent without a key press that says how many earlier turns go along."""

    def on_chat_view_opened(self) -> None:
        self._look_beside()

    def tell(self, event: news.SessionEvent) -> None:
        super().tell(event)
        match event:
            case news.TurnEnded() | news.TurnBegan(instead_of=int()):
                self._look_beside()
            case news.AttemptPriced(attempt) if attempt.message_id in self._beside:
                self._look_beside()
            case news.BranchShown(conversation_id) if self._is_here(conversation_id):
                if self.chat is not None and not self.transcript.shows(self.chat.messages):
                    self.show_messages()
                    self._show_welcome()
                self.show_rewording()
                self._look_beside()
                self.plan_now()
            case news.Offered(conversation_id) if self._is_here(conversation_id):
                self._on_offered()

    # --- several answers

    @work(exclusive=True, group="beside")
    async def _look_beside(self) -> None:
        """Finds the questions with several answers, the places where two windows went on, and marks those."""
        session, chat = self.session, self.chat
        if session is None or chat is None:
            return
        places: dict[int | None, list[Message]] = defaultdict(list)
        for message in await session.with_siblings(chat):
            places[message.parent_id].append(message)
        if chat is self.chat:
            before = self._beside
            self._beside = {message.id: tuple(group) for group in places.values() for message in group}
            for message in [m for group in places.values() for m in group]:
                if self._beside[message.id] != before.get(message.id):
                    self.transcript.update_message(message)

    def action_answer_before(self) -> None:
        self._show_beside(-1)

    def action_answer_after(self) -> None:
        self._show_beside(1)

    @work(exclusive=True, group="branch")
    async def _show_beside(self, by: int) -> None:
        """Another answer, or question, at the place in sight that has several, else at the newest one."""
        if self.session is None or self.chat is None:
            return
        order = [*reversed(self.transcript.in_sight()), *(m.id for m in reversed(self.chat.messages))]
        shown = next((message_id for message_id in order if message_id in self._beside), None)
        if shown is None:
            self.notify(f"No question here has several answers. {self._ask_too()}")
            return
        ids = [message.id for message in self._beside[shown]]
        other = ids[(ids.index(shown) + by) % len(ids)]
        with self.told():
            await self.session.show_sibling(self.chat, other)
            if self.chat.leaf_id != other:
                self.transcript.scroll_to_message(other)

    @work(exclusive=True, group="answer")
    async def action_escalate(self) -> None:
        await self._escalate()

    async def _escalate(self) -> None:
        """The last question to the other side."""
        if self.session is None or self.chat is None:
            return
        chat = self.chat
        if chat.is_streaming:
            self._say_running()
            return
        if len(chat.messages) < 2:
            self.notify("First ask something; then the other side can answer it too.")
            return
        with self.told():
            plan = self.session.other_side(chat)
            if plan.decision.target is not None and plan.is_price_awaited:
                await self.session.look_up_price(plan.decision.target)
                plan = self.session.other_side(chat)
            target = plan.decision.target
            if target is None and (plan.ways or plan.forbidden):
                await self._answer_by_choice(chat, plan, "; ".join(plan.decision.reasons))
            elif target is None or target.is_local or await self.is_confirmed(chat, plan):
                await self.answer(chat, self.session.escalate(chat))

    async def is_confirmed(self, chat: Chat, plan: Plan) -> bool:
        from hybridchat.tui.screens.dialogs import Confirm

        target = plan.decision.target
        assert target is not None
        backend, model, _ = candidate_words(target)
        detail = question_leaves(target, plan, chat.messages)
        return await self.ask(Confirm(f"Ask {model} on {backend} too?", detail, yes="Ask it", is_harmless=True)) is True

    def _say_running(self) -> None:
        stop = keymap_of(self).name("stop")
        self.notify(f"A reply is running: stop it with {stop}, wait for its end, or go on in a fork.")

    def _ask_too(self) -> str:
        return f"{keymap_of(self).name('escalate')} asks the other side too."

    # --- no answer

    def _on_offered(self) -> None:
        """A dialog does not come between somebody and what they type."""
        if self.composer.text.strip() or self.along or self.app.screen is not self:
            ways = keymap_of(self).name("ways")
            self.notify(f"The reply failed. {ways} shows what can be done about it.", severity="warning")
        else:
            self.action_ways()

    @work(exclusive=True, group="answer")
    async def action_ways(self) -> None:
        await self._show_ways()

    async def _show_ways(self) -> None:
        if self.session is None or self.chat is None:
            return
        chat = self.chat
        ways = () if chat.is_streaming else self.session.ways_on(chat)
        if not ways and not chat.is_streaming and chat.messages and chat.messages[-1].state in _BROKEN:
            await self.run_action("answer_again")  # some of it came, and stays
            return
        if not ways:
            self.notify(f"The last question has its answer. {self._ask_too()}")
            return
        with self.told():
            plan = replace(self.session.plan(chat, ""), ways=ways)
            await self._answer_by_choice(chat, plan, chat.messages[-1].note)

    async def _answer_by_choice(self, chat: Chat, plan: Plan, why: str, message_id: int | None = None) -> None:
        assert self.session is not None
        title = "Your last question" if message_id is None else "Your question"
        way = await self.choose_way(title, chat, plan, clean_line(why, 300))
        if way is None:
            return
        if way.kind == "summarize":
            await self.go_on_in_fork(chat, way, self.composer.words or chat.messages[-2].text)
        else:
            to = way.candidate
            drop = way.turns if way.kind == "drop" else plan.left_out_turns
            answer = self.session.answer_again(
                chat,
                message_id,
                route=to.backend,
                model=to.model,
                drop_turns=drop,
                disclosure=way.disclosure,
                agreed=way.agreed,
            )
            await self.answer(chat, answer, message_id)

    async def answer(self, chat: Chat, answer: Coroutine[None, None, None], message_id: int | None = None) -> None:
        """To that question, or the last; where it cannot be as planned, as the user chooses then."""
        try:
            await answer
        except (Undecided, RouteOpen) as error:  # seen when all that goes along was looked through, and counted
            if error.plan.decision.outlook is not Outlook.ASK and not error.plan.ways:
                raise
            await self._answer_by_choice(chat, error.plan, "; ".join(error.plan.decision.reasons), message_id)
