"""An attachment to look at: a text that scrolls and can be searched, a picture where the terminal shows one."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

from hybridchat.tui.widgets.find_bar import FindBar
from hybridchat.tui.widgets.hints import Hints
from hybridchat.tui.widgets.pager import Pager


class AttachmentView(ModalScreen[None]):
    """`shown` is what there is to see of it."""

    CSS_PATH = "attachment.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Close", show=False),
        Binding("slash,ctrl+f", "find", "Find", show=False),
        Binding("n", "step(1)", "The next hit", show=False),
        Binding("N", "step(-1)", "The hit before", show=False),
    ]

    def __init__(self, title: str, shown: Widget) -> None:
        super().__init__()
        self._title, self._shown = title, shown

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(self._title, markup=False, classes="title")
            yield self._shown
            find = "/ finds · n and N go on · " if isinstance(self._shown, Pager) else ""
            yield Hints(f"{find}Esc closes", classes="hint")

    def on_mount(self) -> None:
        if self._shown.can_focus:
            self._shown.focus()

    def on_screen_suspend(self) -> None:
        self._shown.refresh()  # a picture is drawn otherwise under another screen

    def on_screen_resume(self) -> None:
        self._shown.refresh()

    async def action_find(self) -> None:
        if isinstance(self._shown, Pager) and not self.query(FindBar):
            bar = FindBar("in this text")
            await self.query_one(".dialog").mount(bar, after=self._shown)
            bar.input.focus()

    def on_find_bar_changed(self, event: FindBar.Changed) -> None:
        if isinstance(self._shown, Pager):
            self._show_count(*self._shown.find(event.text))

    def on_find_bar_stepped(self, event: FindBar.Stepped) -> None:
        self.action_step(event.by)

    def action_step(self, by: int) -> None:
        if isinstance(self._shown, Pager):
            self._show_count(*self._shown.step(by))

    def _show_count(self, current: int, total: int) -> None:
        for bar in self.query(FindBar):
            bar.show_count(current, total, is_counting=False)

    async def on_find_bar_closed(self) -> None:
        await self.query(FindBar).remove()
        self._shown.focus()
