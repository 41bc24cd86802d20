"""Answers side by side: they stream together, are scrolled together or alone, and are judged with one key."""

from __future__ import annotations

import time
from collections.abc import Coroutine
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from hybridchat.domain.chat import MessageState
from hybridchat.domain.compare import MOST, Compared, Judgement
from hybridchat.domain.text import clean_line, title_of
from hybridchat.errors import HybridchatError
from hybridchat.session import events as news
from hybridchat.session.comparing import Answer, is_waiting
from hybridchat.tui.compare_words import vote_words
from hybridchat.tui.transcript.layout import Look
from hybridchat.tui.widgets.column import Column
from hybridchat.tui.widgets.hints import Hints, told

if TYPE_CHECKING:
    from hybridchat.session.chat import Chat, Session

NARROWEST = 48  # cells of a column; with less, one is shown at a time, under tabs
LEAST_OF_QUESTION = 12  # characters that are shown
COUNT_EVERY_S = 0.5
_SCROLLS = {
    "scroll_up": "up",
    "scroll_down": "down",
    "page_up": "pageup",
    "page_down": "pagedown",
    "scroll_home": "home",
    "scroll_end": "end",
}


class CompareScreen(Screen["int | None"]):
    """Answers with the message that the conversation goes on from, or None; what runs goes on in the background."""

    CSS_PATH = "compare.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Close; what runs goes on", show=False),
        Binding("left,shift+tab", "turn(-1)", "The side before", show=False, priority=True),
        Binding("right,tab", "turn(1)", "The side after", show=False, priority=True),
        *(Binding(key, f"scroll('{name}')", "Scroll", show=False, priority=True) for name, key in _SCROLLS.items()),
        Binding("l", "lock", "Scroll all together, or one alone", show=False),
        Binding("s", "stop_one", "Stop this one", show=False),
        Binding("S,ctrl+c", "stop_all", "Stop all", show=False),
        Binding("r", "again", "Ask one that failed again", show=False),
        Binding("y", "copy", "Copy this answer", show=False),
        *(Binding(str(number), f"better({number - 1})", "It is better", show=False) for number in range(1, MOST + 1)),
        Binding("equals_sign", "judge('tie')", "A tie", show=False),
        Binding("0", "judge('both_bad')", "All are bad", show=False),
        Binding("u", "take_back", "Take the vote back", show=False),
        Binding("n", "show_names", "Show the names without a vote", show=False),
        Binding("enter", "go_on", "Go on with this one", show=False),
    ]

    def __init__(self, session: Session, chat: Chat, compared: Compared, look: Look) -> None:
        super().__init__()
        self._session, self._chat, self.compared = session, chat, compared
        self._clock = time.monotonic
        self._are_locked = False
        self.at = 0
        question = next((m.text for m in chat.messages if m.id == compared.question_id), "")
        self._title, self._tabs = Static("", markup=False, classes="title"), Static("", markup=False, classes="tabs")
        self._question = title_of(question)
        self.columns = [Column(side, lambda: self._clock(), look) for side in compared.sides]
        self.hints = Hints()

    def compose(self) -> ComposeResult:
        yield self._title
        yield self._tabs
        with Horizontal(classes="columns"):
            yield from self.columns
        yield self.hints

    def on_mount(self) -> None:
        self.set_interval(COUNT_EVERY_S, self._count)
        self._place()
        self._load()

    def on_resize(self) -> None:
        self._place()

    # --- what is shown

    @work(exclusive=True, group="load")
    async def _load(self) -> None:
        with told(self):
            self._show(await self._session.comparing.answers(self._chat, self.compared))

    def _show(self, answers: list[Answer]) -> None:
        for column, answer in zip(self.columns, answers, strict=True):
            waits = self._chat.is_streaming and answer.reply is not None and is_waiting(answer.reply)
            column.show(answer, is_hidden=self.compared.is_hidden, is_waiting=waits)
        self._refresh()

    def _place(self) -> None:
        """Beside each other where there is room, else one at a time."""
        has_tabs = self.app.size.width < NARROWEST * len(self.columns)
        self._tabs.display = has_tabs
        for position, column in enumerate(self.columns):
            column.display = not has_tabs or position == self.at
            column.mark(is_current=position == self.at)
        self._refresh()

    def _refresh(self) -> None:
        compared = self.compared
        marks = ["blind" if compared.is_hidden else "", vote_words(compared), "scrolled together" * self._are_locked]
        said = "".join(f" · {mark}" for mark in marks if mark)
        room = self.app.size.width - len(f"    Compare: {said}")  # a long question must not hide the vote
        self._title.update(f"Compare: {clean_line(self._question, max(room, LEAST_OF_QUESTION))}{said}")
        tabs = []
        for position, column in enumerate(self.columns):
            backend = "" if compared.is_hidden else f" {clean_line(column.side.backend, 24)}"
            tabs.append((f" {column.side.letter}{backend} ", "reverse bold" if position == self.at else ""))
        self._tabs.update(Content.assemble(*tabs))
        self.hints.show(self._keys())

    def _keys(self) -> str:
        """What can be done now."""
        running = self._chat.is_streaming
        count = len(self.columns)
        votes = f"1–{count} is better · = tie · 0 {'both' if count == 2 else 'all'} bad"
        keys = ["←→ side", "↑↓ scroll", "L alone" if self._are_locked else "L together"]
        if running:
            keys = ["S stops this one, Shift+S all", *keys]
        else:
            keys = [votes if self.compared.vote is None else f"{votes} · U takes the vote back", *keys]
            keys += ["R asks this one again"] if self._can_ask_again() else []
        keys += ["N shows the names"] if self.compared.is_hidden else []
        keys += [] if running or self.compared.is_hidden else ["Enter goes on with this one"]
        return " · ".join([*keys, "Esc closes"])

    def _can_ask_again(self) -> bool:
        reply = self.columns[self.at].reply
        return reply is not None and reply.state is not MessageState.COMPLETE

    def _count(self) -> None:
        for column in self.columns:
            if column.is_running:
                column.refresh_words()

    def tell(self, event: news.SessionEvent) -> None:
        """What the chat screen hears, while this one stands over it."""
        match event:
            case news.Judged(compared) if compared.id == self.compared.id:
                self._judged(compared)
            case news.ComparisonBegan(compared=compared) if compared.id == self.compared.id:
                self._judged(compared)
            case news.ComparisonEnded():
                self._refresh()
            case news.TurnEnded(reply=reply):
                self._tell_side(reply.id, event)
            case news.AttemptPriced(attempt=attempt):
                self._tell_side(attempt.message_id, event)
            case news.Delta() | news.AttemptBegan() | news.RetryWaits() | news.EngineLoading():
                self._tell_side(event.message_id, event)

    def _judged(self, compared: Compared) -> None:
        self.compared = compared
        self._load()

    def _tell_side(self, message_id: int | None, event: news.SessionEvent) -> None:
        for column in self.columns:
            if column.reply is not None and column.reply.id == message_id:
                column.tell(event)

    # --- moving

    def on_column_chosen(self, event: Column.Chosen) -> None:
        self.at = event.position
        self._place()

    def action_turn(self, by: int) -> None:
        self.at = (self.at + by) % len(self.columns)
        self._place()

    def action_scroll(self, action: str) -> None:
        for column in self.columns if self._are_locked else [self.columns[self.at]]:
            getattr(column.transcript, f"action_{action}")()

    def action_lock(self) -> None:
        self._are_locked = not self._are_locked
        self._refresh()

    # --- running

    def action_stop_one(self) -> None:
        reply = self.columns[self.at].reply
        if reply is not None:
            self._session.comparing.stop_one(self._chat, reply.id)

    @work(group="stop")
    async def action_stop_all(self) -> None:
        with told(self):
            await self._session.stop(self._chat)

    def action_again(self) -> None:
        if self._can_ask_again():
            self._ask_again(self.at)

    @work(group="judge")
    async def _ask_again(self, position: int) -> None:
        """Of a blind one not even why it cannot be asked."""
        try:
            await self._session.comparing.again(self._chat, self.compared, [position])
        except HybridchatError as error:
            why = "It cannot be asked now; why is told with its name: N." if self.compared.is_hidden else str(error)
            self.notify(why, severity="error")

    def action_copy(self) -> None:
        reply = self.columns[self.at].reply
        if reply is not None and reply.text:
            self.app.copy_to_clipboard(reply.text)
            self.notify("Copied.")

    # --- judging

    def action_better(self, position: int) -> None:
        if position < len(self.columns):
            self._vote(Judgement.BETTER, position)

    def action_judge(self, judgement: str) -> None:
        self._vote(Judgement(judgement), None)

    @work(exclusive=True, group="vote")
    async def _vote(self, judgement: Judgement, winner: int | None) -> None:
        """The conversation goes on with a winner; after a tie the user may choose one."""
        if self._chat.is_streaming:
            self.notify("They still write: stop them, or wait for their end.")
            return
        with told(self):
            await self._session.comparing.vote(self.compared, judgement, winner)
            chosen = None if winner is None else self.compared.sides[winner].message_id
            if winner is not None and chosen is not None:
                self.at = winner
                self._place()
                await self._session.show_sibling(self._chat, chosen)

    def action_take_back(self) -> None:
        if self.compared.vote is not None:
            self._do(self._session.comparing.take_back_vote(self.compared))

    def action_show_names(self) -> None:
        if self.compared.is_hidden:
            self._do(self._session.comparing.show_names(self.compared))

    def action_go_on(self) -> None:
        reply = self.columns[self.at].reply
        if self.compared.is_hidden:
            self.notify("Vote first, or N shows the names.")
        elif reply is not None and not self._chat.is_streaming:
            self.dismiss(reply.id)

    @work(group="judge")
    async def _do(self, doing: Coroutine[None, None, object]) -> None:
        with told(self):
            await doing
