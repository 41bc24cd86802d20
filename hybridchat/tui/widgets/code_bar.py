"""The line that asks which of the numbered blocks of code is meant, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

_KEYS = {"c": "copy", "s": "save", "vertical_line": "pipe"}
_OTHERS = {"copy": "s saves · | pipes", "save": "c copies · | pipes", "pipe": "c copies · s saves"}


class CodeBar(Static, can_focus=True):
    """A number chooses as soon as no other one begins like it; Enter lists all; another verb's key is that verb."""

    DEFAULT_CSS = """
    CodeBar { height: 1; padding: 0 2; background: $surface; color: $foreground; }
    """

    class Chosen(Message):
        """`number` from 1; 0: of all blocks in the chat."""

        def __init__(self, verb: str, number: int) -> None:
            super().__init__()
            self.verb, self.number = verb, number

    class Closed(Message):
        pass

    def __init__(self, verb: str, verbs: Mapping[str, str], count: int) -> None:
        """`verbs`: their words."""
        super().__init__(markup=False)
        self._verb, self._verbs, self._count, self._typed = verb, verbs, count, ""

    def on_mount(self) -> None:
        self._show()

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        if event.key == "escape":
            self.post_message(self.Closed())
        elif event.key == "enter":
            self.post_message(self.Chosen(self._verb, int(self._typed or 0)))
        elif event.key in _KEYS:
            self._verb = _KEYS[event.key]
            self._show()
        elif event.character and event.character.isdigit():
            self._take(self._typed + event.character)

    def on_blur(self) -> None:
        self.post_message(self.Closed())

    def _take(self, typed: str) -> None:
        number = int(typed)
        if not 1 <= number <= self._count:
            self._typed = ""
        elif number * 10 > self._count:
            self.post_message(self.Chosen(self._verb, number))
        else:
            self._typed = typed
        self._show()

    def _show(self) -> None:
        asks = (f"{self._verbs[self._verb]} which code block? ", "bold")
        rest = f"1–{self._count} {self._typed and f'({self._typed}…) '}· {_OTHERS[self._verb]} · Enter lists all · Esc"
        self.update(Content.assemble(asks, (rest, "$muted")))
