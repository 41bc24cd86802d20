"""Before a fork that is looser: every word that would go along, and the choice of none, some or all of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from textwrap import wrap
from typing import ClassVar, NamedTuple

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message as TextualMessage
from textual.screen import ModalScreen
from textual.widgets import Static

from hybridchat.domain.chat import Privacy, Role
from hybridchat.domain.privacy import in_words
from hybridchat.domain.text import clean, count_of
from hybridchat.session.forking import PastTurn
from hybridchat.tui.widgets.hints import Hints
from hybridchat.tui.widgets.rows import Row, RowList

SYSTEM = 0  # the number of the system prompt, as if it were a turn
_SPEAKERS = {Role.USER: "you", Role.ASSISTANT: "reply", Role.SYSTEM: "system"}


class Along(NamedTuple):
    """What goes along."""

    turns: frozenset[int]
    with_system: bool


class Review(RowList):
    """Every line can be reached; a turn is taken along, or not, from any of its lines."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "take", "Take it along, or not", show=False)]

    class Toggled(TextualMessage):
        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def action_take(self) -> None:
        if row := self.current:
            self.post_message(self.Toggled(row.key[0]))

    def on_click(self, event: events.Click) -> None:
        event.prevent_default()  # a list's own click would choose, and so make the fork
        index = round(event.y + self.scroll_offset.y)
        if 0 <= index < len(self.rows):
            self.cursor = index
            self.action_take()


class ForkReview(ModalScreen["Along | None"]):
    """Answers with what goes along, which is nothing at first; None when it was closed. Nothing is sent by it."""

    CSS_PATH = "fork.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Close", show=False),
        Binding("a", "all", "Take all along", show=False),
        Binding("n", "none", "Take none along", show=False),
    ]

    def __init__(self, turns: Sequence[PastTurn], system: str, before: Privacy, after: Privacy) -> None:
        super().__init__()
        self._turns, self._system = turns, system
        self._before, self._after = before, after
        self._taken: set[int] = set()
        self._lines: dict[int, list[Row]] = {}
        self._total = Static("", markup=False, classes="total")
        self.review = Review()

    def compose(self) -> ComposeResult:
        before, after = in_words(self._before), in_words(self._after)
        note = f"This conversation stays {before}. What goes along may leave with your next message in the fork."
        with Vertical(classes="dialog"):
            yield Static(f"Go on in a fork that is {after}", markup=False, classes="title")
            yield Static(note, markup=False, classes="note")
            yield self.review
            yield self._total
            yield Hints("Space takes a turn along, or not · A all · N none · Enter makes the fork · Esc closes")

    def on_mount(self) -> None:
        self._wrap()
        self.review.focus()

    def on_resize(self) -> None:
        self._wrap()

    def _wrap(self) -> None:
        """All words, in lines that fit."""
        width = max(20, min(self.app.size.width, 100) - 16)
        self._lines = {SYSTEM: list(_lines(SYSTEM, 1, self._system, width))} if self._system else {}
        for turn in self._turns:
            said = ((place, f"{_SPEAKERS[m.role]}: {m.text}") for place, m in enumerate(turn.messages, 1))
            lines = (_lines(turn.number, place, text, width) for place, text in said)
            self._lines[turn.number] = list(chain.from_iterable(lines))
        self._show()

    def _show(self) -> None:
        current = self.review.current
        self.review.set_rows(list(self._rows()), current.key if current else None)
        taken = [turn for turn in self._turns if turn.number in self._taken]
        text_bytes = sum(turn.text_bytes for turn in taken)
        parts = [f"{count_of(len(taken), 'turn')} of {len(self._turns):,}"] if taken else []
        if SYSTEM in self._taken:
            parts.append("the system prompt")
            text_bytes += _bytes(self._system)
        goes = f"{' and '.join(parts)}, {count_of(text_bytes, 'byte')}" if parts else "nothing"
        self._total.update(f"What goes along: {goes}")

    def _rows(self) -> Iterator[Row]:
        if self._system:
            yield self._head(SYSTEM, "system prompt", _bytes(self._system))
            yield from self._lines[SYSTEM]
        for turn in self._turns:
            what = f"turn {turn.number}, {count_of(len(turn.messages), 'message')}"
            yield self._head(turn.number, what, turn.text_bytes)
            yield from self._lines[turn.number]

    def _head(self, number: int, what: str, text_bytes: int) -> Row:
        is_taken = number in self._taken
        mark, where, style = ("x", "goes along", "managed") if is_taken else (" ", "stays here", "local")
        return Row((number, 0, 0), f"[{mark}] {what}, {count_of(text_bytes, 'byte')}", where, style)

    def on_review_toggled(self, event: Review.Toggled) -> None:
        self._taken ^= {event.number}
        self._show()

    def action_all(self) -> None:
        self._taken = {turn.number for turn in self._turns} | ({SYSTEM} if self._system else set())
        self._show()

    def action_none(self) -> None:
        self._taken = set()
        self._show()

    def on_row_list_chosen(self) -> None:
        self.dismiss(Along(frozenset(self._taken - {SYSTEM}), SYSTEM in self._taken))


def _lines(number: int, place: int, text: str, width: int) -> Iterator[Row]:
    wrapped = (part for line in clean(text).splitlines() for part in wrap(line, width) or [""])
    for index, line in enumerate(wrapped):
        yield Row((number, place, index), f"      {line}", style="muted")


def _bytes(text: str) -> int:
    return len(text.encode(errors="replace"))
