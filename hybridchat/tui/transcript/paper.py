"""The window onto a document: what is at the top of it, which lines it shows, how they are painted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from rich.segment import Segment
from textual import events
from textual.cache import LRUCache
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from hybridchat.tui.transcript.document import Document, Place
from hybridchat.tui.transcript.layout import Look, Run, Style, fit
from hybridchat.tui.transcript.message import Describe, MessageView
from hybridchat.tui.transcript.selection import Spot, mark, place_of
from hybridchat.tui.transcript.theme import Palette

GUTTER = 2
NARROW = 12
"""Below so many cells there is no gutter."""
NEW_BELOW = " ↓ new "
JUMP = 3
"""Screens: a scroll further than this goes by estimated heights instead of laying out all that lies between."""

Mark = tuple[int, int, str]
"""From cell to cell, a style's name."""


class Row(NamedTuple):
    """Everything that decides how one line of the screen looks."""

    runs: tuple[Run, ...] = ()
    fill: Style = ()
    marks: tuple[Mark, ...] = ()
    hint: str = ""


class Paper(ScrollView, can_focus=True):
    """Scrolls and paints. The place at the top is what counts; `scroll_y` follows from it, so heights that turn out
    different from their estimates never move what is on the screen."""

    def __init__(self, describe: Describe, *, id: str | None = None, classes: str | None = None) -> None:
        self._palette = Palette(self)
        self._strips: LRUCache[Row, Strip] = LRUCache(512)
        super().__init__(id=id, classes=classes)
        self.document = Document(describe)
        self._rows: list[Row] = []
        self._places: list[Place] = []
        self._top = Place(0, 0, 0)
        self._is_following = True
        self._has_new = False
        self._is_settling = False

    # --- where it is

    @property
    def window_width(self) -> int:
        """Cells beside the scroll bar."""
        return max(0, self.size.width - self.scrollbar_size_vertical)

    @property
    def gutter_cells(self) -> int:
        return GUTTER if self.window_width >= NARROW else 0

    @property
    def is_following(self) -> bool:
        """Does it stay at the end while text arrives?"""
        return self._is_following

    def settle(self) -> None:
        """Lays out what is visible, corrects the scroll bar, repaints what changed."""
        document, (width, height) = self.document, self.size
        if not (document.views and document.width and height):
            self._places = []
            self._scroll_bar(Size(width, 0), 0)
        else:
            top = document.clamp(self._top)
            bottom = document.last() if self._is_following else document.down(top, height - 1)
            self._top = document.up(bottom, height - 1)
            self._places = list(document.rows(self._top, height))
            if document.is_last(self._places[-1]):
                self._is_following, self._has_new = True, False
            self._scroll_bar(Size(width, document.height), document.y_of(self._top))
        self._look()

    def _scroll_bar(self, virtual_size: Size, y: int) -> None:
        self._is_settling = True
        self.virtual_size = virtual_size
        self.scroll_y = self.scroll_target_y = y
        self._is_settling = False

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        lines = round(new_value) - round(old_value)
        if lines and not self._is_settling:
            self._scrolled(lines)

    def _scrolled(self, lines: int) -> None:
        """Someone moved the scroll bar: the place at the top moves by as many lines."""
        document = self.document
        if not document.views or not document.width:
            return
        if abs(lines) > JUMP * self.size.height or self.is_vertical_scrollbar_grabbed:
            self._top = document.at(round(self.scroll_y))
            if self.scroll_y >= self.max_scroll_y:
                self._top = document.last()
        else:
            self._top = document.down(self._top, lines) if lines > 0 else document.up(self._top, -lines)
        self._is_following = False
        self.settle()

    @contextmanager
    def keeping_top(self) -> Iterator[None]:
        """Around a change of a message's parts: the part at the top stays there if it is still there."""
        part = self.document.part(self._top) if self._places else None
        yield
        if part is not None and part in (parts := self.document.ready(self._top.view).parts):
            self._top = self._top._replace(part=parts.index(part))
        self.settle()

    def _follow(self) -> None:
        self._is_following = True
        self.settle()

    def show(self, place: Place) -> None:
        """Puts a place at the top, or as near to it as the end allows."""
        self._top, self._is_following = place, False
        self.settle()

    def on_resize(self, event: events.Resize) -> None:
        self.reflow()

    def reflow(self, look: Look | None = None) -> None:
        """Takes over the widget's width, or another look; the text at the top stays at the top."""
        spot = self._spot_at_top()
        width = self.window_width
        if look is not None:
            self.document.wear(look)
        self.document.resize(max(1, width - self.gutter_cells) if width else 0)
        if spot is not None and self.document.width:
            self._top = place_of(self.document, spot)[0]
        self._strips.clear()
        self.settle()

    def _spot_at_top(self) -> Spot | None:
        if self._is_following or not self._places or self.document.part(self._top).block is None:
            return None
        return Spot(self._top.view, self._top.part, self.document.line(self._top).start)

    # --- scrolling without animation: a terminal shows each step as it is

    def action_scroll_up(self) -> None:
        self._scroll_lines(-1)

    def action_scroll_down(self) -> None:
        self._scroll_lines(1)

    def action_page_up(self) -> None:
        self._scroll_lines(-max(1, self.size.height - 2))

    def action_page_down(self) -> None:
        self._scroll_lines(max(1, self.size.height - 2))

    def action_scroll_home(self) -> None:
        self.scroll_home()

    def action_scroll_end(self) -> None:
        self.scroll_end()

    def scroll_home(self, **_options: Any) -> None:
        self.show(Place(0, 0, 0))

    def scroll_end(self, **_options: Any) -> None:
        self._follow()

    def scroll_to(self, x: float | None = None, y: float | None = None, **options: Any) -> None:
        super().scroll_to(x, y, **{**options, "animate": False})

    def _scroll_lines(self, lines: int) -> None:
        self.scroll_y = self.scroll_target_y = self.scroll_y + lines

    # --- painting

    def _look(self) -> None:
        """Finds out what each line of the screen shows, and has those painted that changed."""
        before, self._rows = self._rows, [self._row(place) for place in self._places]
        if self._rows and self._has_new and not self._is_following:
            self._rows[-1] = self._rows[-1]._replace(hint=NEW_BELOW)
        height = max(len(before), len(self._rows))
        changed = [y for y in range(height) if before[y : y + 1] != self._rows[y : y + 1]]
        if changed:
            self.refresh(Region(0, changed[0], self.size.width, changed[-1] - changed[0] + 1))

    def _row(self, place: Place) -> Row:
        view, part = self.document.views[place.view], self.document.part(place)
        if part.kind == "header" and place.line < part.gap:
            return Row()
        line = self.document.line(place)
        runs = line.runs
        if part.kind == "thinking":
            runs = tuple((text, (*style, "thinking")) for text, style in runs)
        is_pointed = self.is_pointed(view)
        if is_pointed and part.kind == "header":
            runs = tuple((text, (*style, "pointed")) for text, style in runs)
        gutter = self.gutter_cells
        if gutter:
            runs = (self.sign(place) or _edge(view.tone, part.kind), *runs)
        marks = tuple((left + gutter, right + gutter, name) for left, right, name in self.marks(place))
        return Row(runs, line.fill, marks)

    def is_pointed(self, view: MessageView) -> bool:
        """Does the pointer stand at it?"""
        return False

    def sign(self, place: Place) -> Run | None:
        """What stands left of a line instead of the usual."""
        return None

    def marks(self, place: Place) -> list[Mark]:
        """What is marked in a line, in cells of the text."""
        return []

    def render_line(self, y: int) -> Strip:
        row = self._rows[y] if y < len(self._rows) else Row()
        strip = self._strips.get(row)
        if strip is None:
            self._strips[row] = strip = self._paint(row)
        return strip

    def _paint(self, row: Row) -> Strip:
        width = self.size.width
        runs = mark(fit(row.runs, width, row.fill), row.marks)
        if row.hint:
            left = max(0, self.window_width - len(row.hint))
            runs = fit((*fit(tuple(runs), left, row.fill), (row.hint, ("hint",))), width, ())
        return Strip([Segment(text, self._palette[style]) for text, style in runs], width)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._palette.forget()
        self._strips.clear()


def _edge(tone: str, kind: str) -> Run:
    """What stands left of a line."""
    if tone == "you":
        return "▌ ", ("you",)
    return ("┊ ", ("bar",)) if kind == "thinking" else ("  ", ())
