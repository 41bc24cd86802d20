"""A box to tick that also reads without colours."""

from __future__ import annotations

from typing import ClassVar

from textual.app import RenderResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget


class Tick(Widget, can_focus=True):
    """`[x] label`; Space, Enter or a click turns it."""

    DEFAULT_CSS = "Tick { height: 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("space,enter", "turn", "Tick it, or not", show=False)]

    is_ticked = reactive(False)

    def __init__(self, label: str) -> None:
        super().__init__()
        self._label = label

    def render(self) -> RenderResult:
        return Content(f"[{'x' if self.is_ticked else ' '}] {self._label}")

    def action_turn(self) -> None:
        self.is_ticked = not self.is_ticked

    def on_click(self) -> None:
        self.action_turn()
