"""One question to several backends: who, what leaves, and how; nothing tells of a blind one before the vote."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace
from textual import work

from hybridchat.domain.chat import Message, Purpose
from hybridchat.errors import HybridchatError
from hybridchat.session import events as news
from hybridchat.session.ways import Undecided, Way
from hybridchat.tui.keymap import keymap_of
from hybridchat.tui.screens.answers import Answers
from hybridchat.tui.words import describe

if TYPE_CHECKING:
    from hybridchat.domain.compare import Compared, Side
    from hybridchat.session.chat import Chat
    from hybridchat.session.compare_plan import ComparePlan, Terms
    from hybridchat.session.state import Along
    from hybridchat.tui.screens.compare import CompareScreen


class Comparing(Answers):
    def __init__(self) -> None:
        super().__init__()
        self._compared: dict[int, Compared] = {}  # by message, of this chat
        self._sides_running: set[int] = set()  # messages of comparisons, in any chat
        self._compare_screen: CompareScreen | None = None
        self.transcript.veil = self._veiled

    # --- what must not be told before the vote

    def _is_hidden(self, message: Message) -> bool:
        """Until more is known, each answer of a comparison is."""
        if message.id in self._compared:
            return self._compared[message.id].is_hidden
        return message.attempt is not None and message.attempt.purpose is Purpose.COMPARE

    def _veiled(self, message: Message) -> Message:
        if not self._is_hidden(message):
            return message
        from hybridchat.domain.compare import veiled

        return veiled(message)

    def _told_of(self, message: Message) -> tuple[str, str]:
        compared = self._compared.get(message.id)
        if compared is None or not compared.is_hidden:
            return describe(message, tuple(map(self._veiled, self._beside.get(message.id, ()))))
        side = compared.side_of(message.id)
        key = keymap_of(self).name("compare")
        return f"answer {side.letter if side else ''} of a blind comparison", f"{key} shows all sides, to vote"

    @property
    def _waits_for_vote(self) -> bool:
        """The chat would go on from an answer that has no name yet."""
        compared = self._compared.get(self.chat.leaf_id or 0) if self.chat is not None else None
        return compared is not None and compared.is_hidden

    def plan_now(self) -> None:
        super().plan_now()
        if self._waits_for_vote and self.route_line.is_attached:
            key = keymap_of(self).name("compare")
            self.route_line.say(f"A blind comparison waits for your vote. Enter or {key} shows it")

    def submit(self, route: str | None = None, model: str | None = None) -> None:
        """After a blind comparison first the vote, or the names."""
        if self._waits_for_vote:
            self._open_comparison()
        else:
            super().submit(route, model)

    async def _escalate(self) -> None:
        """Which is the other side would tell who has answered."""
        if self._waits_for_vote:
            self._open_comparison()
        else:
            await super()._escalate()

    async def _show_ways(self) -> None:
        """Why one failed would tell who it is."""
        if self._waits_for_vote:
            self._open_comparison()
        else:
            await super()._show_ways()

    # --- what the session tells

    def on_chat_view_opened(self) -> None:
        self._compared = {}
        self._look_compared()

    @work(exclusive=True, group="compared")
    async def _look_compared(self) -> None:
        """Which answers of this chat are sides of comparisons."""
        session, chat = self.session, self.chat
        if session is None or chat is None:
            return
        if not any(m.attempt is not None and m.attempt.purpose is Purpose.COMPARE for m in chat.messages):
            return
        with self.told():
            found = await session.comparing.of_chat(chat)
            if chat is self.chat:
                for compared in found:
                    self._learn(compared)
                self.update_messages(self._compared.keys() | self._beside.keys())
                self.plan_now()

    def _learn(self, compared: Compared) -> None:
        self._compared |= {side.message_id: compared for side in compared.sides if side.message_id is not None}

    def tell(self, event: news.SessionEvent) -> None:
        match event:
            case news.ComparisonBegan():
                self._on_comparison_began(event)
            case news.AttemptBegan() | news.RetryWaits() | news.EngineLoading() if (
                event.message_id in self._sides_running
            ):
                if isinstance(event, news.AttemptBegan) and self._is_here(event.conversation_id):
                    self.update_messages((event.message_id,))
            case news.SnapshotChanged() | news.LimitsChanged() if self._waits_for_vote:
                pass  # whose numbers change would tell who has answered
            case news.TurnEnded(reply=reply):
                self._sides_running.discard(reply.id)
                super().tell(event)
            case news.Judged(compared):
                self._on_judged(compared)
            case news.BranchShown():
                super().tell(event)
                self._look_compared()
            case _:
                super().tell(event)
        if self._compare_screen is not None:
            self._compare_screen.tell(event)

    def _on_comparison_began(self, event: news.ComparisonBegan) -> None:
        compared, conversation = event.compared, event.conversation
        self._sides_running |= {reply.id for reply in event.replies}
        if self._is_here(conversation.id):
            self._learn(compared)
            self._show_welcome()
            self.show_messages()
            self._look_beside()
            self.show_waiting()
            self.plan_now()

    def _on_judged(self, compared: Compared) -> None:
        if compared.conversation_id is not None and self._is_here(compared.conversation_id):
            self._learn(compared)
            self.update_messages(self._compared)
            self._look_beside()
            if self.session is not None:
                self.tell(news.SnapshotChanged(self.session.books.snapshot))
            self.plan_now()

    # --- comparing

    def action_compare(self) -> None:
        """The draft, else the last question, to several; without a draft, a comparison that is there is shown."""
        if self.session is None or self.chat is None:
            return
        has_draft = bool(self.composer.words.strip() or self.along)
        if self._waits_for_vote or (self.chat.leaf_id in self._compared and (not has_draft or self.chat.is_streaming)):
            self._open_comparison()
        elif self.chat.is_streaming:
            self._say_running()
        elif not has_draft and len(self.chat.messages) < 2:
            self.notify("Write the message first: then it is asked of several at once.")
        else:
            self._compare(self.chat, self.composer.words, self.along)

    async def call_compare(self, argument: str) -> None:
        """`/compare lab rented/gpt`: the last question, to these."""
        from hybridchat.domain.compare import parse_side
        from hybridchat.session.compare_plan import Terms

        if self.session is not None and self.chat is not None:
            *sides, last = argument.split()
            terms = Terms(is_blind=last == "blind")
            names = sides if terms.is_blind else [*sides, last]
            await self._plan_and_ask(self.chat, [parse_side(name) for name in names], "", terms)

    @work(exclusive=True, group="compare")
    async def _compare(self, chat: Chat, text: str, along: Along) -> None:
        from hybridchat.session.compare_plan import Terms
        from hybridchat.tui.screens.choose_sides import ChooseSides

        assert self.session is not None
        with self.told():
            chosen = ChooseSides(
                self.session, chat, text, await self.session.comparing.remembered(), Terms(along=along)
            )
            if await self.ask(chosen) and chat is self.chat:
                await self._plan_and_ask(chat, chosen.sides, text, chosen.terms)

    async def _plan_and_ask(self, chat: Chat, sides: list[Side], text: str, terms: Terms) -> None:
        assert self.session is not None
        plan = self.session.comparing.plan(chat, sides, text, terms)
        for target in plan.unpriced:
            await self.session.look_up_price(target)
        plan = self.session.comparing.plan(chat, sides, text, terms)
        if plan.leaving and plan.refused is None and not await self._may_leave(plan, terms):
            return
        compared = await self._ask_them(chat, sides, text, terms)
        if compared is not None and chat is self.chat:
            self._open_comparison()

    async def _may_leave(self, plan: ComparePlan, terms: Terms) -> bool:
        from hybridchat.tui.compare_words import plan_words
        from hybridchat.tui.screens.dialogs import Confirm

        detail = "\n".join(plan_words(plan, one_by_one=terms.one_by_one))
        confirm = Confirm(f"Ask all {len(plan.plans)} of them?", detail, yes="Ask them", is_harmless=True)
        return await self.ask(confirm) is True

    async def _ask_them(self, chat: Chat, sides: list[Side], text: str, terms: Terms) -> Compared | None:
        """What was found in the words asks first; what is not sent comes back to the composer."""
        assert self.session is not None
        if text.strip() or terms.along:
            self.take_draft()
        try:
            with self.on_its_way(chat, text, terms.along):
                return await self.session.comparing.start(chat, sides, text, terms)
        except Undecided as error:
            self.give_back(chat, text, terms.along)
            why = f"{'; '.join(error.plan.decision.reasons)}. Nothing has been sent."
            plan = replace(error.plan, ways=tuple(w for w in error.plan.ways if w.disclosure is not None))
            way = await self.choose_way("This would leave your machine", chat, plan, why)
            if isinstance(way, Way) and chat is self.chat:
                return await self._ask_them(
                    chat, sides, text, replace(terms, disclosure=way.disclosure, agreed=way.agreed)
                )
        except HybridchatError:
            self.give_back(chat, text, terms.along)
            raise
        return None

    @work(exclusive=True, group="compare-screen")
    async def _open_comparison(self) -> None:
        """The one that the chat's newest answer is a side of."""
        from hybridchat.tui.screens.compare import CompareScreen

        session, chat = self.session, self.chat
        compared = self._compared.get(chat.leaf_id or 0) if chat is not None else None
        if session is None or chat is None or compared is None:
            return
        shown = self._compare_screen = CompareScreen(session, chat, compared, self.transcript.document.look)
        try:
            chosen = await self.ask(shown)
        finally:
            self._compare_screen = None
        if chosen is None and shown.compared.vote is None and not shown.compared.is_hidden:
            self.notify(f"{keymap_of(self).name('compare')} shows them side by side again.")
        if chosen is not None and chosen != chat.leaf_id:
            with self.told():
                await session.show_sibling(chat, chosen)
