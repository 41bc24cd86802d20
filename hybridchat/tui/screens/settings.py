"""The settings: every key of the config's tables with its meaning, changed in the same commented file."""

from __future__ import annotations

import re
import shlex
from collections.abc import Awaitable, Callable
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from hybridchat.config import Config
from hybridchat.config.fields import Field, fields, table_meanings
from hybridchat.domain.text import clean_line
from hybridchat.errors import HybridchatError, UsageError
from hybridchat.session.settings import Settings
from hybridchat.tui.screens.picker import Picker
from hybridchat.tui.widgets.hints import Hints, told
from hybridchat.tui.widgets.rows import Row, RowList
from hybridchat.tui.words import brief

Keep = Callable[[str, object], Awaitable[Config]]

AT_ONCE = ("ui", "notify", "budget")
ELSEWHERE = {"vllm": "with the next `hybridchat local up vllm`", "advise": "with the next `hybridchat advise`"}


class SettingsScreen(Picker):
    """`keep` writes a value, None for none, and lets the app follow it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("f8", "take_out", "Out of the file", show=False, priority=True)]

    def __init__(self, config: Config, settings: Settings, keep: Keep) -> None:
        self._config, self._keep = config, keep
        self._fields = {field.key: field for field in fields()}
        hint = "Enter changes · F8 takes it out of the file · Esc closes"
        super().__init__("Settings", self._rows(), hint=hint, note=clean_line(str(settings.file)))
        self._meaning = Static(classes="meaning", markup=False)

    def on_mount(self) -> None:
        self.query_one(".dialog", Vertical).mount(self._meaning, after=self.list)
        if row := self.list.current:
            self._explain(row)

    def _fit(self) -> None:
        """The style sheet does: the list has what the words around it leave."""

    def searched(self, row: Row) -> str:
        field = self._fields[row.key]
        return f"{field.key} {field.meaning}".casefold()

    def _rows(self) -> list[Row]:
        rows = []
        tables = table_meanings()
        for field in self._fields.values():
            if field.table in tables:
                rows.append(Row(None, f"[{field.table}] {re.split('[.,;]', tables.pop(field.table))[0]}"))
            by_hand = "stands in the file alone: change it there" if field.sort == "tables" else ""
            rows.append(Row(field.key, field.name, self._value_words(field), barred=by_hand))
        return rows

    def _value_words(self, field: Field) -> str:
        value = field.of(self._config)
        mark = "" if value == field.default else "• "
        if field.sort == "tables":
            return f"{mark}{len(value)}" if value else "none"
        return mark + value_words(value)

    def on_row_list_moved(self, event: RowList.Moved) -> None:
        self._explain(event.row)

    def _explain(self, row: Row) -> None:
        field = self._fields[row.key]
        meaning = " ".join(field.meaning.split())
        below = f"Default: {value_words(field.default)}. Applies {when_it_applies(field)}."
        self._meaning.update(Content.assemble(f"{field.key}: {meaning}\n", (below, "$muted")))

    def choose(self, row: Row) -> None:
        self._change(self._fields[row.key])

    def action_take_out(self) -> None:
        row = self.list.current
        if row is not None and not row.barred:
            self._take_out(self._fields[row.key])

    @work
    async def _take_out(self, field: Field) -> None:
        await self._set(field, None)

    @work
    async def _change(self, field: Field) -> None:
        value = field.of(self._config)
        if field.sort == "switch":
            after = {None: True, True: False, False: None if field.default is None else True}
            await self._set(field, after[value])
            return
        if field.key == "ui.theme":
            from hybridchat.tui.app import HybridChatApp
            from hybridchat.tui.screens.theme_picker import ThemePicker

            assert isinstance(self.app, HybridChatApp)
            choice = await self.app.push_screen_wait(ThemePicker(self.app))
        elif field.sort == "choice":
            rows = [Row(choice, choice, "default" if choice == field.default else "") for choice in field.choices]
            choice = await self.app.push_screen_wait(Picker(field.key, rows, current=value, has_filter=False))
        else:
            await self.app.push_screen_wait(AskValue(field, value, self._set_or_raise))
            return
        if choice is not None:
            await self._set(field, choice)

    async def _set(self, field: Field, value: object) -> None:
        with told(self):
            await self._set_or_raise(field, value)

    async def _set_or_raise(self, field: Field, value: object) -> None:
        self._config = await self._keep(field.key, value)
        self.set_all_rows(self._rows())
        self.notify(f"{field.key} = {value_words(field.of(self._config))}: kept. It applies {when_it_applies(field)}.")


class AskValue(ModalScreen[None]):
    """One line for a value; it closes once the file has taken it, and says why where it has not."""

    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Close", show=False)]

    def __init__(self, field: Field, value: Any, keep: Callable[[Field, object], Awaitable[None]]) -> None:
        super().__init__()
        self._field, self._keep = field, keep
        self._input = Input(typed_value(value), compact=True)
        self._trouble = Static(classes="-error", markup=False)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -wide"):
            yield Static(self._field.key, markup=False, classes="title")
            yield Static(" ".join(self._field.meaning.split()), markup=False, classes="note")
            yield self._input
            yield self._trouble
            several = " · words divided by blanks" if self._field.sort == "list" else ""
            yield Hints(f"Enter keeps it · nothing written means the default{several} · Esc closes", classes="note")

    def on_mount(self) -> None:
        self._input.focus()

    @work(exclusive=True)
    async def on_input_submitted(self, event: Input.Submitted) -> None:
        try:
            await self._keep(self._field, read_value(self._field, event.value))
        except HybridchatError as error:
            self._trouble.update(brief(str(error)))
        else:
            self.dismiss(None)


def when_it_applies(field: Field) -> str:
    if field.table in AT_ONCE:
        return "at once"
    return ELSEWHERE.get(field.table, "at the next start")


def value_words(value: Any) -> str:
    """A value as the list shows it."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "on" if value else "off"
    return clean_line(typed_value(value), 60) or "none"


def typed_value(value: Any) -> str:
    """A value as one writes it into the line."""
    if value is None:
        return ""
    return shlex.join(value) if isinstance(value, tuple) else f"{value:g}" if isinstance(value, float) else str(value)


def read_value(field: Field, text: str) -> object:
    """What was written into the line, as the file has it; None for nothing. Raises UsageError."""
    text = text.strip()
    if not text:
        return None
    try:
        if field.sort == "list":
            return shlex.split(text)
        if field.sort == "number":
            number = Decimal(text)
            return int(number) if number == number.to_integral_value() else float(number)
    except (ValueError, ArithmeticError) as error:
        what = "a number" if isinstance(error, InvalidOperation) else "read"
        raise UsageError(f"{text!r} cannot be {what}", "such as 20 or 0.5" if field.sort == "number" else "") from error
    return text
