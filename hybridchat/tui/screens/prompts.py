"""The library of prompts on the screen: a list with what each says, and a form for its variables."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from msgspec.structs import replace
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.fuzzy import FuzzySearch
from textual.screen import ModalScreen
from textual.widgets import Input, Static, TextArea

from hybridchat.config.prompts import PromptFile, Variable, fill, preview
from hybridchat.domain.text import clean, clean_line
from hybridchat.errors import UsageError
from hybridchat.session.prompts import Shelf
from hybridchat.tui.screens.picker import Picker
from hybridchat.tui.widgets.choice import Choice
from hybridchat.tui.widgets.hints import Hints
from hybridchat.tui.widgets.rows import Row, RowList
from hybridchat.tui.widgets.text_field import TextField

MOST_PROBLEMS = 3


class PromptList(Picker):
    """Answers with the chosen prompt. The filter finds by some letters of a name, a title or a description."""

    def __init__(self, shelf: Shelf, folder: Path | None) -> None:
        rows = [Row(one, _line(one), clean_line(one.description, 60)) for one in shelf.prompts]
        lines = [clean_line(str(problem).removeprefix(f"{folder}{os.sep}"), 300) for problem in shelf.problems]
        if len(lines) > MOST_PROBLEMS:
            lines[MOST_PROBLEMS - 1 :] = [f"and {len(lines) - MOST_PROBLEMS + 1} more: `hybridchat prompts` tells them"]
        super().__init__("Prompts", rows, hint="Enter fills it in · Esc closes", note="\n".join(lines))
        self._search = FuzzySearch()
        self._preview = Static(classes="preview", markup=False)

    def on_mount(self) -> None:
        self.query_one(".dialog", Vertical).mount(self._preview, after=self.list)
        self._narrow()

    def _fit(self) -> None:
        """The style sheet does: the list has what the words around it leave."""

    def _narrow(self) -> None:
        typed = self.filter.value.strip()
        found = [(score, row) for row in self.all_rows if (score := self._score(typed, row)) is not None]
        found.sort(key=lambda one: one[0], reverse=True)
        rows = [_marked(row, self._search.match(typed, row.text)[1] if typed else ()) for _, row in found]
        self.list.set_rows(rows or [Row(None, "Nothing matches.")])  # the cursor is on what fits best
        self._show_preview()

    def _score(self, typed: str, row: Row) -> tuple[bool, bool, float] | None:
        """What begins so comes before what has it in one piece, and that before some letters of it. None: not found."""
        if not typed:
            return False, False, 0
        in_line, in_description = (self._search.match(typed, text)[0] for text in (row.text, row.key.description))
        if not (score := max(in_line, in_description / 2)):
            return None
        line, wanted = row.text.casefold(), typed.casefold()
        return line.startswith(wanted), wanted in line, score

    def on_row_list_moved(self, event: RowList.Moved) -> None:
        self._show_preview()

    def _show_preview(self) -> None:
        row = self.list.current
        self._preview.update(clean(row.key.body) if row else "")


def _line(prompt: PromptFile) -> str:
    title = clean_line(prompt.title, 80)
    name = clean_line(prompt.name, 80)
    return name if title.casefold() == name.casefold() else f"{name}  {title}"


def _marked(row: Row, hits: Sequence[int]) -> Row:
    return replace(row, hits=tuple((at, at + 1) for at in hits))


class FillPrompt(ModalScreen["str | None"]):
    """Answers with the prompt's text, its variables filled in; None when it was closed."""

    CSS_PATH = "prompts.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Close", show=False),
        Binding("up", "app.focus_previous", "The field above", show=False),
        Binding("down", "app.focus_next", "The field below", show=False),
        Binding("ctrl+s", "accept", "Into the composer", show=False, priority=True),
    ]

    def __init__(self, prompt: PromptFile) -> None:
        super().__init__()
        self._prompt = prompt
        self.fields = {name: _field(variable) for name, variable in prompt.variables.items()}
        self._preview = Static(markup=False)
        self._trouble = Static("", markup=False, classes="trouble")

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(clean_line(self._prompt.title, 100), markup=False, classes="title")
            if self._prompt.description:
                yield Static(clean_line(self._prompt.description, 200), markup=False, classes="note")
            with VerticalScroll(can_focus=False, classes="fields"):
                for name, field in self.fields.items():
                    with Horizontal():
                        yield Static(clean_line(name, 30), markup=False, classes="label")
                        yield field
            with VerticalScroll(can_focus=False, classes="preview"):
                yield self._preview
            yield self._trouble
            yield Hints("Ctrl+S puts it into the composer; nothing is sent · Tab moves · Esc closes")

    def on_mount(self) -> None:
        next(iter(self.fields.values())).focus()
        self._look()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """On the last one, Enter is done."""
        if event.input is list(self.fields.values())[-1]:
            self.action_accept()
        else:
            self.focus_next()

    def _values(self) -> dict[str, str]:
        return {name: _said(field) for name, field in self.fields.items()}

    @on(Input.Changed)
    @on(TextArea.Changed)
    @on(Choice.Changed)
    def _look(self) -> None:
        shown = {name: value for name, value in self._values().items() if value}
        self._preview.update(Content(clean(preview(self._prompt, shown))))

    def action_accept(self) -> None:
        try:
            self.dismiss(clean(fill(self._prompt, self._values())))
        except UsageError as error:
            self._trouble.update(str(error))


def _field(variable: Variable) -> Input | Choice | TextArea:
    default = clean(variable.default or "")
    if variable.choices:
        choices = tuple(map(clean, variable.choices))
        return Choice(choices, default or choices[0])
    about = clean_line(variable.description, 100)
    if variable.multiline:
        return TextField(default, soft_wrap=True, compact=True, highlight_cursor_line=False, placeholder=about)
    return Input(default, placeholder=about, compact=True)


def _said(field: Input | Choice | TextArea) -> str:
    return field.text if isinstance(field, TextArea) else field.value
