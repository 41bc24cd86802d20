"""Asking: yes or no, and one line of text."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static


class Confirm(ModalScreen[bool]):
    """Enter answers what is focused, which is the harmless No unless `is_harmless`. Esc is No."""

    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(False)", "No", show=False),
        Binding("y", "dismiss(True)", "Yes", show=False),
        Binding("n", "dismiss(False)", "No", show=False),
        Binding("left,up", "app.focus_previous", "To the other answer", show=False),
        Binding("right,down", "app.focus_next", "To the other answer", show=False),
    ]

    def __init__(
        self, question: str, detail: str = "", *, yes: str, no: str = "Cancel", is_harmless: bool = False
    ) -> None:
        super().__init__()
        self._question, self._detail, self._is_harmless = question, detail, is_harmless
        self._yes = Button(Content(f"{yes} (y)"), id="yes", variant="primary", compact=True)
        self._no = Button(Content(f"{no} (n)"), id="no", compact=True)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(self._question, markup=False, classes="title")
            if self._detail:
                yield Static(self._detail, markup=False, classes="note")
            with Horizontal():
                yield self._yes
                yield self._no

    def on_mount(self) -> None:
        (self._yes if self._is_harmless else self._no).focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button is self._yes)


class Prompt(ModalScreen[str | None]):
    """One line of text; None when it was closed."""

    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Close", show=False)]

    def __init__(self, title: str, value: str = "", placeholder: str = "") -> None:
        super().__init__()
        self._title = title
        self._input = Input(value, placeholder=placeholder, compact=True)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(self._title, markup=False, classes="title")
            yield self._input
            yield Static("Enter accepts · Esc closes", markup=False, classes="note")

    def on_mount(self) -> None:
        self.set_focus(self._input)  # now: what is typed next is for it

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value)
