"""One of a few words, chosen by Left and Right; it reads without colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import RenderResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget


class Choice(Widget, can_focus=True):
    """`‹ high ›`; Space and a click go on to the next, and after the last comes the first."""

    DEFAULT_CSS = "Choice { height: 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "turn(-1)", "Another value", show=False),
        Binding("right,space,enter", "turn(1)", "Another value", show=False),
    ]

    value = reactive("")

    class Changed(Message):
        pass

    def __init__(self, words: Sequence[str], value: str) -> None:
        super().__init__()
        self._words = tuple(words)
        self.set_reactive(Choice.value, value)

    def render(self) -> RenderResult:
        return Content(f"‹ {self.value} ›")

    def watch_value(self) -> None:
        self.post_message(self.Changed())

    def action_turn(self, by: int) -> None:
        self.value = self._words[(self._words.index(self.value) + by) % len(self._words)]

    def on_click(self) -> None:
        self.action_turn(1)
