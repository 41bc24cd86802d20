"""Where a link leads, before anything is opened: the whole address, and what to beware of."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from hybridchat.domain.links import Link, Target, look_at
from hybridchat.domain.text import clean_line
from hybridchat.tui.widgets.hints import Hints
from hybridchat.tui.widgets.rows import Row, RowList

_HINT = "Enter chooses · PgUp and PgDn move the text · Esc closes"


class LinkScreen(ModalScreen[str | None]):
    """Answers "copy", "open" or None. The cursor's first place opens nothing."""

    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Close", show=False),
        Binding("pageup", "page(-1)", "A page up or down", show=False, priority=True),
        Binding("pagedown", "page(1)", "A page up or down", show=False, priority=True),
    ]

    def __init__(self, link: Link, barred: str) -> None:
        """`barred`: why this chat opens no link, or ""."""
        super().__init__()
        target = look_at(link)
        self._address = VerticalScroll(Static(address_content(target), markup=False), can_focus=False)
        self._words = VerticalScroll(Static(link_words(link, target), markup=False), can_focus=False)
        why = barred or target.barred
        self.list = RowList(
            [
                Row("copy", "Copy the address"),
                Row("open", "Open it in the browser", f"barred: {why}" if why else "", "muted" if why else "", why),
            ]
        )

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog -wide"):
            yield Static("Where this link leads", markup=False, classes="title")
            yield self._address
            yield self._words
            yield self.list
            yield Hints(_HINT, classes="note")

    def on_mount(self) -> None:
        self.list.focus()

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        if event.row.barred:
            self.notify(event.row.barred, severity="warning")
        else:
            self.dismiss(event.row.key)

    def action_page(self, direction: int) -> None:
        for part in (self._address, self._words):
            part.scroll_relative(y=direction * max(1, part.size.height - 1), animate=False)


def address_content(target: Target) -> Content:
    """The whole URL; its host stands out, without colours too."""
    return Content.assemble((target.before, "$muted"), (target.host, "bold underline $primary"), target.after)


def link_words(link: Link, target: Target) -> Content:
    """What to beware of, what the reply calls it, and what opening means."""
    lines = [(f"warning: {warning}\n", "$warning") for warning in target.warnings]
    if link.text.strip() not in (link.url, link.url.removeprefix("mailto:")):
        lines.append((f"The reply shows: {clean_line(link.text) or '(nothing)'}\n", ""))
    if target.barred:
        return Content.assemble(*lines, ("It can only be copied.", "$muted"))
    is_mail = target.before.lower() == "mailto:"
    then = f"starts a mail to {target.host}" if is_mail else f"tells {target.host} everything that is in the address"
    return Content.assemble(*lines, (f"Opening it {then}.", "$muted"))
