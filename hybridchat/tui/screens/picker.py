"""Choosing one of many: a list with a filter. Routes, themes, code blocks, kinds of task and chats are all this."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from hybridchat.tui.widgets.hints import Hints
from hybridchat.tui.widgets.rows import Row, RowList

MOST_OF_SCREEN = 0.92  # of its height, for a dialog: as the style sheet has it


class Picker(ModalScreen[Any]):
    """Answers with the chosen row's key, or None. A barred row says why it cannot be chosen."""

    CSS_PATH = "picker.tcss"
    LIST: ClassVar[type[RowList]] = RowList
    FILTER: ClassVar[type[Input]] = Input
    AROUND: ClassVar[int] = 8  # lines of the dialog beside the list
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Close", show=False),
        Binding("up", "move(-1)", "Go through the rows", show=False, priority=True),
        Binding("down", "move(1)", "Go through the rows", show=False, priority=True),
        Binding("pageup", "page(-1)", "A page up or down", show=False, priority=True),
        Binding("pagedown", "page(1)", "A page up or down", show=False, priority=True),
    ]

    def __init__(
        self,
        title: str,
        rows: Sequence[Row],
        *,
        current: Any = None,
        hint: str = "",
        note: str = "",
        has_filter: bool = True,
    ) -> None:
        super().__init__()
        self._title, self._hint, self._note = title, hint or "Enter chooses · Esc closes", note
        self.all_rows = list(rows)
        self.list = self.LIST(rows, current=current)
        self.filter = self.FILTER(placeholder="Type to filter", compact=True)
        self.filter.display = has_filter
        self.set_class(not has_filter, "-plain")

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(self._title, markup=False, classes="title")
            if self._note:
                yield Static(self._note, markup=False, classes="note")
            yield self.filter
            yield self.list
            yield Hints(self._hint, classes="hint")

    def on_mount(self) -> None:
        self._fit()
        (self.filter if self.filter.display else self.list).focus()

    def on_resize(self) -> None:
        self._fit()

    def _fit(self) -> None:
        self.list.styles.height = max(1, min(len(self.all_rows), self.room))

    @property
    def room(self) -> int:
        """Lines for the list: what a dialog may have, less what stands around it."""
        return int(self.app.size.height * MOST_OF_SCREEN) - self.AROUND

    def set_all_rows(self, rows: Sequence[Row]) -> None:
        """New rows under the same filter; the cursor stays where it was, if that row is still there."""
        self.all_rows = list(rows)
        self._fit()
        self._narrow()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._narrow()

    def _narrow(self) -> None:
        words = self.filter.value.casefold().split()
        rows = self.all_rows
        if words:
            rows = [row for row in rows if row.key is not None and all(w in self.searched(row) for w in words)]
            rows = rows or [Row(None, "Nothing matches.")]
        current = self.list.current
        self.list.set_rows(rows, current.key if current else None)

    def searched(self, row: Row) -> str:
        """What the filter looks in, case folded."""
        return row.text.casefold()

    def on_input_submitted(self) -> None:
        """Not by a key of the screen's own, which would go before what was typed just now."""
        self.enter()

    def enter(self) -> None:
        """At once: a message of the list's would come behind the next key."""
        if row := self.list.current:
            self._try_to_choose(row)

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        self._try_to_choose(event.row)

    def _try_to_choose(self, row: Row) -> None:
        if row.barred:
            self.notify(row.barred, severity="warning")
        else:
            self.choose(row)

    def choose(self, row: Row) -> None:
        """A row that is not barred."""
        self.dismiss(row.key)

    def action_move(self, by: int) -> None:
        self.list.action_move(by)

    def action_page(self, direction: int) -> None:
        self.list.action_page(direction)
