"""One block of code through a command: asked first, then what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from hybridchat.domain.text import clean
from hybridchat.errors import HybridchatError
from hybridchat.session.piping import Pipe, Piped
from hybridchat.tui.beside import BESIDE
from hybridchat.tui.code_words import how_it_ended, where_it_runs
from hybridchat.tui.words import first_lines

SHOWN_LINES = 6  # of the block, so that it is known which one it is
MOST_LINES = 5_000  # of what came; copied is all that was kept
TABS = 8

_ASKS = "Enter runs it · Esc closes"


class PipeScreen(ModalScreen[str]):
    """Nothing runs before Enter. Answers the command that was run last, or ""."""

    CSS_PATH = "reading.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Stop, or close", show=False, priority=True),
        Binding("c", "copy", "Copy what came", show=False),
        Binding("pageup", "page(-1)", "A page up or down", show=False),
        Binding("pagedown", "page(1)", "A page up or down", show=False),
    ]

    def __init__(self, text: str, secret: Callable[[], Collection[str]], command: str = "", note: str = "") -> None:
        """`secret`: names of the variables that it must not see. `note`: what else to think of."""
        super().__init__()
        self._text, self._secret = text, secret
        self._ran = ""
        self._pipe: Pipe | None = None
        self._came = ""
        self._input = Input(command, placeholder="such as: sort | head", compact=True)
        shown = first_lines(clean(text).expandtabs(4), SHOWN_LINES)
        self._block = Static("\n".join(shown), markup=False, classes="block")
        self._note = Static(note, markup=False, classes="note")
        self._output = Static("", markup=False)
        self._view = VerticalScroll(self._output)
        self._hint = Static(_ASKS, markup=False, classes="hint")

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("Pipe this code block to a command", markup=False, classes="title")
            yield self._block
            yield self._input
            yield Static(where_it_runs(), markup=False, classes="note")
            yield self._note
            yield self._view
            yield self._hint

    def on_mount(self) -> None:
        self._note.display = bool(self._note.content)
        self._view.display = False
        self.set_focus(self._input)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self._pipe is None and event.value.strip():
            self._ran = event.value
            self._run(event.value)

    @work(name=BESIDE, exclusive=True)
    async def _run(self, command: str) -> None:
        self._pipe = pipe = Pipe(command, f"{self._text}\n", self._secret)
        self._input.disabled = True
        self._hint.update("Running… · Esc stops it")
        try:
            done = await pipe.run()
        except HybridchatError as error:
            self._hint.update(f"{clean(str(error))} · Esc closes")
        else:
            await self._show(done)
        finally:
            self._pipe = None
            self._input.disabled = False

    async def _show(self, done: Piped) -> None:
        self._came = await asyncio.to_thread(clean, done.output)
        errors = await asyncio.to_thread(clean, done.errors)
        self._output.update(Content.assemble(_first(self._came), (_first(errors), "$warning")))
        self._block.display = self._note.display = False
        self._view.display = True
        self.set_focus(self._view)
        self._hint.update(f"{how_it_ended(done)} · c copies the output · Tab changes the command · Esc closes")

    def action_leave(self) -> None:
        if self._pipe is None:
            self.dismiss(self._ran)
        else:
            self._pipe.stop()

    def action_copy(self) -> None:
        if self._view.display:
            self.app.copy_to_clipboard(self._came)
            self.notify("The output is in the clipboard.")

    def action_page(self, direction: int) -> None:
        self._view.scroll_relative(y=direction * max(1, self._view.size.height - 1), animate=False)

    def on_unmount(self) -> None:
        if self._pipe is not None:
            self._pipe.stop()


def _first(text: str) -> str:
    """Its lines as far as they are shown."""
    return "".join(f"{line}\n" for line in first_lines(text.expandtabs(TABS), MOST_LINES))
