"""Selecting with the mouse, and with a caret and the keys."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.actions import SkipAction
from textual.binding import Binding, BindingType
from textual.message import Message as TextualMessage
from textual.selection import SELECT_ALL
from textual.selection import Selection as ScreenSelection
from textual.timer import Timer

from hybridchat.tui.keymap import keymap_of
from hybridchat.tui.transcript.document import Place
from hybridchat.tui.transcript.paper import Mark, Paper
from hybridchat.tui.transcript.selection import (
    Selection,
    Spot,
    block_at,
    cells_of,
    extract,
    move,
    place_of,
    spot_at,
    word_at,
)

DRAG_SCROLL_S = 0.05

_MOVES = {
    "left": "left",
    "right": "right",
    "up": "up",
    "down": "down",
    "ctrl+left": "word_left",
    "ctrl+right": "word_right",
    "home": "line_start",
    "end": "line_end",
    "pageup": "page_up",
    "pagedown": "page_down",
    "ctrl+home": "start",
    "ctrl+end": "finish",
}

# By keys of the table, what scrolls without a caret.
_STEPS = {
    "scroll_up": "up",
    "scroll_down": "down",
    "page_up": "page_up",
    "page_down": "page_down",
    "scroll_home": "line_start",
    "scroll_end": "line_end",
}


def _with_shift(key: str) -> str:
    return f"ctrl+shift+{key.removeprefix('ctrl+')}" if key.startswith("ctrl+") else f"shift+{key}"


class Selecting(Paper):
    """`v` shows a caret; the arrow keys move it, with Shift they select, `v` again selects from here on; `y` copies.

    The selection is also the screen's, so that its copy key works wherever the focus is, and Escape clears it.
    """

    FOCUS_ON_CLICK = False  # whoever selects with the mouse goes on typing where they were
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(_with_shift(key), f"extend('{step}')", "Select", show=False) for key, step in _MOVES.items()
    ]

    class CopyRequested(TextualMessage, namespace="transcript"):
        """The user wants this text in the clipboard; `what` it is, begins a sentence."""

        def __init__(self, text: str, what: str = "The selection") -> None:
            super().__init__()
            self.text, self.what = text, what

    selection: Selection | None = None
    _caret: Spot | None = None
    _is_anchored = False  # moving the caret selects
    _pointer: tuple[int, int] | None = None  # while the mouse drags
    _pressed = (Spot(0, 0, 0), Spot(0, 0, 0))  # before and after the character where the drag began
    _drag_timer: Timer | None = None

    @property
    def allow_select(self) -> bool:
        """Textual's own selection knows widgets and screen lines; ours knows the text."""
        return False

    @property
    def selected_text(self) -> str:
        return extract(self.document, self.selection) if self.selection is not None else ""

    def select(self, selection: Selection | None) -> None:
        self.selection = selection if selection is not None and selection.anchor != selection.head else None
        if self.is_attached:
            others = {widget: part for widget, part in self.screen.selections.items() if widget is not self}
            self.screen.selections = {self: SELECT_ALL} if self.selection is not None else others
        self.settle()

    def get_selection(self, selection: ScreenSelection) -> tuple[str, str] | None:
        text = self.selected_text
        return (text, "\n") if text else None

    def selection_updated(self, selection: ScreenSelection | None) -> None:
        if selection is None and self.selection is not None:
            self.selection = None
            self.settle()

    def marks(self, place: Place) -> list[Mark]:
        marks: list[Mark] = []
        if self.selection is not None:
            marks = [(left, right, "selection") for left, right in cells_of(self.document, place, self.selection)]
        if self._caret is not None and (at := place_of(self.document, self._caret))[0] == place:
            marks = _with_caret(marks, at[1])
        return marks

    # --- keys

    def action_caret(self) -> None:
        """Shows the caret; then, begins or ends selecting from it."""
        if self._caret is None:
            self._show_caret()
        else:
            self._is_anchored = not self._is_anchored
            self.select(None)
        self.settle()

    def action_extend(self, step: str) -> None:
        if self._caret is None:
            self._show_caret()
        self._move_caret(step, is_selecting=True)

    def action_copy(self) -> None:
        text = self.selected_text
        if not text:
            raise SkipAction  # the key may mean something else further up
        self.post_message(self.CopyRequested(text))
        self.hide_caret()

    def action_select_all(self) -> None:
        """What long messages hide, too."""
        views = self.document.views
        if views:
            self.document.unfold_long()
            last = self.document.last()
            end = len(self.document.plain(last.view, last.part))
            self.select(Selection(Spot(0, 0, 0), Spot(last.view, last.part, end)))

    def hide_caret(self) -> None:
        self._caret, self._is_anchored = None, False
        self.select(None)

    def on_key(self, event: events.Key) -> None:
        if self._caret is None:
            if event.key == "escape" and self.selection is not None:
                event.stop()
                self.select(None)
            return
        if event.key == "escape":
            self.hide_caret()
        elif step := self._step(event.key):
            self._move_caret(step, is_selecting=self._is_anchored)
        else:
            return
        event.stop()
        event.prevent_default()

    def _step(self, key: str) -> str | None:
        """Where the caret goes with that key, if anywhere."""
        keymap = keymap_of(self)
        return _MOVES.get(key) or next((step for action, step in _STEPS.items() if key in keymap.of(action)), None)

    def _show_caret(self) -> None:
        """At the end of the selection, else at the last text on the screen."""
        if self.selection is not None:
            self._caret = self.selection.head
            return
        texts = [place for place in self._places if self.document.line(place).pieces]
        if texts:
            self._caret = spot_at(self.document, texts[-1], 0)

    def _move_caret(self, step: str, *, is_selecting: bool) -> None:
        if self._caret is None:
            return
        before, self._caret = self._caret, move(self.document, self._caret, step, self.size.height)
        if is_selecting:
            self.select(Selection(self.selection.anchor if self.selection else before, self._caret))
        else:
            self.select(None)
        self._keep_in_sight(self._caret)

    def _keep_in_sight(self, spot: Spot) -> None:
        place, _ = place_of(self.document, spot)
        if place in self._places:
            self.settle()
        elif self._places and place < self._places[0]:
            self.show(place)
        else:
            self.show(self.document.up(place, self.size.height - 1))

    # --- mouse

    def on_mouse_down(self, event: events.MouseDown) -> None:
        if event.button != 1 or not self._places:
            return
        self._caret, self._is_anchored = None, False
        if not (event.shift and self.selection is not None):
            self._pressed = self._spots_under(*self._offset(event))
        self.select(None)
        self.capture_mouse()
        self._pointer = self._offset(event)
        if event.shift:
            self._drag()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._pointer is None:
            return
        self._pointer = self._offset(event)
        self._drag()
        is_outside = not 0 <= self._pointer[1] < self.size.height
        if is_outside and self._drag_timer is None:
            self._drag_timer = self.set_interval(DRAG_SCROLL_S, self._drag_scroll)
        elif not is_outside:
            self._stop_drag_scroll()

    def on_mouse_up(self, event: events.MouseUp) -> None:
        if self._pointer is not None:
            self._pointer = None
            self._stop_drag_scroll()
            self.release_mouse()

    def on_click(self, event: events.Click) -> None:
        """Twice selects a word, three times a block."""
        if not self._places:
            return
        spot, _ = self._spots_under(*self._offset(event))
        if event.chain == 2:
            self.select(word_at(self.document, spot))
        elif event.chain == 3:
            self.select(block_at(self.document, spot))
        elif event.chain == 1:
            self.clicked(*self._offset(event))

    def clicked(self, x: int, y: int) -> None:
        """One click, on a cell of the content."""

    def _offset(self, event: events.MouseEvent) -> tuple[int, int]:
        return event.get_content_offset_capture(self)

    def _spots_under(self, x: int, y: int) -> tuple[Spot, Spot]:
        """Before and after the character at a cell of the content."""
        place = self._places[min(max(0, y), len(self._places) - 1)]
        cell = self.size.width if y >= len(self._places) else max(0, x - self.gutter_cells)
        before = spot_at(self.document, place, cell)
        after = spot_at(self.document, place, cell + 1)
        return before, after if after > before else spot_at(self.document, place, cell + 2)

    def _drag(self) -> None:
        """The character where the drag began and the one under the pointer are both selected."""
        assert self._pointer is not None
        before, after = self._spots_under(*self._pointer)
        if before == self._pressed[0]:
            self.select(None)
        elif before > self._pressed[0]:
            self.select(Selection(self._pressed[0], after))
        else:
            self.select(Selection(self._pressed[1], before))

    def _drag_scroll(self) -> None:
        """The pointer rests above or below: the text moves by, faster the further away it is."""
        if self._pointer is None:
            self._stop_drag_scroll()
            return
        y = self._pointer[1]
        self._scroll_lines(y if y < 0 else y - self.size.height + 1)
        self._drag()

    def _stop_drag_scroll(self) -> None:
        if self._drag_timer is not None:
            self._drag_timer.stop()
            self._drag_timer = None


def _with_caret(marks: list[Mark], cell: int) -> list[Mark]:
    """The caret's cell is cut out of what is marked otherwise."""
    out: list[Mark] = []
    for left, right, name in marks:
        out += [(a, b, name) for a, b in ((left, min(right, cell)), (max(left, cell + 1), right)) if a < b]
    return sorted([*out, (cell, cell + 1, "caret")])
