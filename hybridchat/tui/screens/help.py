"""All keys on one page, from the table of actions."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from hybridchat.tui.actions import GROUPS, key_name


class HelpScreen(ModalScreen[None]):
    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,f1,question_mark,enter", "dismiss", show=False)]

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("Keys", markup=False, classes="title")
            with VerticalScroll():
                yield Static(help_content(), markup=False)
            yield Static("Esc closes · Up and Down scroll", markup=False, classes="hint")

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()


def help_content() -> Content:
    """Keys and what they do, by group."""
    parts: list[str | tuple[str, str]] = []
    for group, actions in GROUPS.items():
        parts.append((f"{group}\n", "bold $primary"))
        for action in actions:
            keys = ", ".join(map(key_name, action.keys))
            parts += [(f"  {keys:<19}", "bold"), f"  {action.title}", (f"  {action.help}\n", "$muted")]
        parts.append("\n")
    return Content.assemble(*parts[:-1])
