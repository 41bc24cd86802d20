"""The line in which somebody types what to find in the open chat."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Static


class FindBar(Horizontal):
    """Enter and Down go to the next hit, Up to the one before, Esc closes."""

    DEFAULT_CSS = """
    FindBar { height: 1; padding: 0 2; background: $surface; }
    FindBar .name { width: auto; margin-right: 1; text-style: bold; }
    FindBar Input { width: 1fr; background: $surface; }
    FindBar .count { width: auto; margin-left: 1; color: $muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,down", "step(1)", "The next hit", show=False, priority=True),
        Binding("up,shift+enter", "step(-1)", "The hit before", show=False, priority=True),
        Binding("escape", "close", "Close", show=False, priority=True),
    ]

    class Changed(Message):
        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Stepped(Message):
        """`by`: 1 for the next hit, -1 for the one before."""

        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by

    class Closed(Message):
        pass

    def __init__(self, where: str = "in this chat") -> None:
        super().__init__(id="find")
        self.input = Input(placeholder=where, compact=True)
        self._count = Static("", markup=False, classes="count")

    def compose(self) -> ComposeResult:
        yield Static("Find", markup=False, classes="name")
        yield self.input
        yield self._count

    def show_text(self, text: str) -> None:
        """Without asking for it to be found: that is done."""
        with self.input.prevent(Input.Changed):
            self.input.value = text

    def show_count(self, current: int, total: int, *, is_counting: bool) -> None:
        more = "+" if is_counting else ""
        at = f"{current:,} of {total:,}{more}" if current else f"{total:,}{more}"
        nothing = "looking…" if is_counting else "not found"
        self._count.update((at if total else nothing) if self.input.value.strip() else "")

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(event.value))

    def action_step(self, by: int) -> None:
        self.post_message(self.Stepped(by))

    def action_close(self) -> None:
        self.post_message(self.Closed())
