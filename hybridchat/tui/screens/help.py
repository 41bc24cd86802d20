"""All keys on one page, from the table of actions."""

from __future__ import annotations

from textwrap import wrap
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from hybridchat.tui.actions import GROUPS, key_name

INDENT = 23  # two blanks, the keys, two blanks


class HelpScreen(ModalScreen[None]):
    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,f1,question_mark,enter", "dismiss", show=False)]

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("Keys", markup=False, classes="title")
            with VerticalScroll():
                yield Static(help_content(min(96, self.app.size.width) - 12), markup=False)
            yield Static("Esc closes · Up and Down scroll", markup=False, classes="hint")

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()


def help_content(width: int) -> Content:
    """Keys and what they do, by group; what does not fit into `width` cells goes on below itself."""
    parts: list[str | tuple[str, str]] = []
    for group, actions in GROUPS.items():
        parts.append((f"{group}\n", "bold $primary"))
        for action in actions:
            keys = ", ".join(map(key_name, action.keys))
            help_lines = wrap(action.help, max(20, width - INDENT - len(action.title) - 2)) or [""]
            parts += [(f"  {keys:<19}", "bold"), f"  {action.title}", (f"  {help_lines[0]}\n", "$muted")]
            parts += [(f"{'':{INDENT + len(action.title) + 2}}{line}\n", "$muted") for line in help_lines[1:]]
        parts.append("\n")
    return Content.assemble(*parts[:-1])
