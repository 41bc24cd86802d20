"""All keys on one page, from the table of actions."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from hybridchat.config.problems import Problem
from hybridchat.domain.text import clean_line
from hybridchat.tui.actions import GROUPS
from hybridchat.tui.keymap import DEFAULT, Keymap, keymap_of

KEYS_ROOM = 19
INDENT = 2 + KEYS_ROOM + 2


class HelpScreen(ModalScreen[None]):
    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,f1,question_mark,enter", "dismiss", show=False)]

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("Keys", markup=False, classes="title")
            with VerticalScroll():
                width = min(96, self.app.size.width) - 12
                problems = getattr(self.app, "keymap_problems", ())
                yield Static(help_content(width, keymap_of(self), problems), markup=False)
            yield Static("Esc closes · Up and Down scroll", markup=False, classes="hint")

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()


def help_content(width: int, keymap: Keymap = DEFAULT, problems: Sequence[Problem] = ()) -> Content:
    """Keys and what they do, by group; what does not fit into `width` cells goes on below itself."""
    parts: list[str | tuple[str, str]] = []
    for problem in problems:
        parts += [(f"{line}\n", "$warning") for line in wrap(clean_line(str(problem), 400), width)]
    for group, actions in GROUPS.items():
        parts.append((f"{group}\n", "bold $primary"))
        for action in actions:
            keys = keymap.names(action.id, KEYS_ROOM)
            help_lines = wrap(action.help, max(20, width - INDENT - len(action.title) - 2)) or [""]
            parts += [(f"  {keys:<{KEYS_ROOM}}", "bold"), f"  {action.title}", (f"  {help_lines[0]}\n", "$muted")]
            parts += [(f"{'':{INDENT + len(action.title) + 2}}{line}\n", "$muted") for line in help_lines[1:]]
        parts.append("\n")
    return Content.assemble(*parts[:-1])
