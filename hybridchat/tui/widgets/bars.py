"""One-line parts of the chat screen: its title, its footer, the waiting messages, and banners."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import RenderResult
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Static

from hybridchat.domain.text import clean_line
from hybridchat.tui.actions import ACTIONS, short_key
from hybridchat.tui.keymap import DEFAULT, Keymap, keymap_of
from hybridchat.tui.widgets.hints import Hints
from hybridchat.tui.words import brief

Mark = tuple[str, str]  # words, style


class TitleBar(Widget):
    """The conversation's title at the left, its privacy and other marks at the right, in words."""

    title = reactive("")
    marks: reactive[tuple[Mark, ...]] = reactive(())  # the last one is the privacy

    def render(self) -> RenderResult:
        right = _joined(fitting(self.marks, self.size.width - 2))
        room = max(0, self.size.width - right.cell_length - 2)
        left = Content(clean_line(self.title)).truncate(room, ellipsis=True, pad=True)
        return Content.assemble((left.plain, "bold"), "  ", right)


def fitting(marks: Sequence[Mark], width: int) -> list[Mark]:
    """Those that fit: muted ones are left out first, then what explains the privacy, whose own word is always there."""
    kept = list(marks)
    for mark in [mark for mark in marks[:-1] if mark[1] == "$muted"]:
        if _joined(kept).cell_length > width:
            kept.remove(mark)
    if kept and _joined(kept).cell_length > width:
        words, style = kept.pop()
        kept.append((words.partition(":")[0], style))
    return kept


def _joined(marks: Sequence[Mark]) -> Content:
    return Content("  ").join(Content.assemble(mark) for mark in marks)


class KeyBar(Hints):
    """The keys that matter most where the focus is, from the table of actions, as many as fit."""

    is_reading = reactive(False)  # the transcript has the focus

    def hints(self) -> Content:
        return key_bar(self.size.width, keymap_of(self), is_reading=self.is_reading)


_ALWAYS = {"write", "help", "quit"}
_READING = {
    "message_before message_after": "message",
    "code_before code_after": "code",
    "write": "write",
    "copy": "copy",
    "details": "details",
    "quote": "quote",
    "edit_message": "edit",
    "fork_here": "fork",
    "raw": "raw",
    "fold_message": "fold",
    "fold": "thinking",
    "copy_code": "copy code",
    "delete_branch": "delete",
    "find": "find",
    "help": "help",
    "quit": "quit",
}
"""Of the transcript's letters."""


def key_bar(width: int, keymap: Keymap = DEFAULT, *, is_reading: bool = False) -> Content:
    """In `width` cells the later entries are left out first, but never how to write, to get help and to leave."""
    if is_reading:
        found = {names: (_letters(keymap, names), word) for names, word in _READING.items()}
    else:
        found = {action.id: (keymap.short(action.id), action.footer) for action in ACTIONS if action.footer}
    shown = {name: entry for name, entry in found.items() if entry[0]}
    for name in [name for name in reversed(shown) if name not in _ALWAYS]:
        if len("  ".join(map(" ".join, shown.values()))) <= width:
            break
        del shown[name]
    return Content("  ").join(Content.assemble((key, "bold"), (f" {word}", "$muted")) for key, word in shown.values())


def _letters(keymap: Keymap, names: str) -> str:
    """The shortest key of each: where nothing is written a letter does."""
    keys = (min((short_key(key) for key in keymap.of(name)), key=len, default="") for name in names.split())
    return " ".join(filter(None, keys))


class Waiting(Static):
    """The messages that wait for the running reply."""

    def __init__(self) -> None:
        super().__init__("", id="waiting", markup=False)
        self.display = False

    def show(self, texts: tuple[str, ...], *, is_streaming: bool) -> None:
        """The first two in short, and how to take the newest back."""
        self.display = bool(texts)
        lines = [f"{number}. {clean_line(text, 100)}" for number, text in enumerate(texts[:2], 1)]
        if len(texts) > 2:
            lines.append(f"… and {len(texts) - 2} more")
        goes = "sent after this reply" if is_streaming else "not sent yet"
        head = f"{len(texts)} waiting · {goes} · {keymap_of(self).name('take_back')} takes one back"
        self.update(Content.assemble((head, "$warning"), "\n", ("\n".join(lines), "$muted")))


class Banner(Static):
    """One line that stays until it is dismissed: by a click or Esc."""

    def __init__(self, text: str, severity: str = "warning") -> None:
        marks = {"information": "note", "warning": "warning", "error": "error"}
        self.text = brief(text)
        super().__init__(f"{marks.get(severity, severity)}: {self.text}", markup=False, classes=f"-{severity}")

    def on_click(self) -> None:
        self.remove()
