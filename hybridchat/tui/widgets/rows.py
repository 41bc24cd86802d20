"""A list drawn by lines: ten thousand rows cost what the visible ones cost. All texts in it are plain, never markup."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from msgspec import Struct
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from hybridchat.domain.text import clean

_HIT = Style(bold=True, underline=True)  # seen without colours


class Row(Struct, frozen=True):
    """One line: `key` is what choosing it means; None makes it a heading that cannot be chosen."""

    key: Any
    text: str
    detail: str = ""  # at the right
    style: str = ""  # local | managed | muted
    barred: str = ""  # why it cannot be chosen, though it is there
    hits: tuple[tuple[int, int], ...] = ()  # from and to which character of `text` it is marked


class RowList(ScrollView, can_focus=True):
    """Shows rows with a cursor. Chosen by Enter or a click."""

    DEFAULT_CSS = """
    RowList {
        scrollbar-size-vertical: 1;
        .rows--cursor { background: $block-cursor-background; color: $block-cursor-foreground; }
        .rows--heading { color: $primary; text-style: bold; }
        .rows--detail, .rows--muted { color: $muted; }
        .rows--local { color: $local; }
        .rows--managed { color: $managed; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "rows--cursor",
        "rows--heading",
        "rows--detail",
        "rows--local",
        "rows--managed",
        "rows--muted",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Go through the rows", show=False),
        Binding("down", "move(1)", "Go through the rows", show=False),
        Binding("pageup", "page(-1)", "A page up or down", show=False),
        Binding("pagedown", "page(1)", "A page up or down", show=False),
        Binding("home", "edge(0)", "To the first or last row", show=False),
        Binding("end", "edge(-1)", "To the first or last row", show=False),
        Binding("enter", "choose", "Choose", show=False),
    ]

    cursor: reactive[int] = reactive(0, always_update=True)

    class Chosen(Message):
        def __init__(self, row: Row) -> None:
            super().__init__()
            self.row = row

    class Moved(Message):
        """The cursor is on another row."""

        def __init__(self, row: Row) -> None:
            super().__init__()
            self.row = row

    def __init__(self, rows: Sequence[Row] = (), *, current: Any = None) -> None:
        super().__init__()
        self.rows: list[Row] = []
        self.set_rows(rows, current)

    def set_rows(self, rows: Sequence[Row], current: Any = None) -> None:
        """Replaces all rows; the cursor goes to the row with the key `current`, else to the first one with a key."""
        self.rows = list(rows)
        index = next((i for i, row in enumerate(self.rows) if row.key is not None and row.key == current), None)
        if index is None:
            index = next((i for i, row in enumerate(self.rows) if row.key is not None), 0)
        self.virtual_size = Size(0, len(self.rows))
        self.cursor = index
        self.refresh()

    @property
    def current(self) -> Row | None:
        """The row under the cursor, if it can be chosen."""
        row = self.rows[self.cursor] if self.rows else None
        return row if row is not None and row.key is not None else None

    def watch_cursor(self) -> None:
        if self.is_mounted:
            self._show_cursor()
            if row := self.current:
                self.post_message(self.Moved(row))

    def on_resize(self) -> None:
        self._show_cursor()

    def _show_cursor(self) -> None:
        height = self.scrollable_content_region.height
        top = round(self.scroll_offset.y)
        if self.cursor < top:
            self.scroll_to(y=0 if self.cursor == 1 else self.cursor, animate=False)  # with a heading above the first
        elif height and self.cursor >= top + height:
            self.scroll_to(y=self.cursor - height + 1, animate=False)
        self.refresh()

    def action_move(self, by: int) -> None:
        self._go(self.cursor + by, by)

    def action_page(self, direction: int) -> None:
        height = max(1, self.scrollable_content_region.height - 1)
        target = min(max(self.cursor + direction * height, 0), len(self.rows) - 1)
        if not self._go(target, direction):
            self._go(target, -direction)

    def action_edge(self, index: int) -> None:
        self._go(0, 1) if index == 0 else self._go(len(self.rows) - 1, -1)

    def _go(self, index: int, by: int) -> bool:
        """To the first row from `index` on that can be chosen; False if there is none."""
        while 0 <= index < len(self.rows):
            if self.rows[index].key is not None:
                self.cursor = index
                return True
            index += by
        return False

    def action_choose(self) -> None:
        if row := self.current:
            self.post_message(self.Chosen(row))

    def on_click(self, event: events.Click) -> None:
        if event.chain > 1:
            return  # the end of a double click that began elsewhere, such as on what opened this list
        index = round(event.y + self.scroll_offset.y)
        if 0 <= index < len(self.rows) and self.rows[index].key is not None:
            self.cursor = index
            self.action_choose()

    def render_line(self, y: int) -> Strip:
        index = y + round(self.scroll_offset.y)
        width = self.scrollable_content_region.width
        if index >= len(self.rows):
            return Strip.blank(width, self.rich_style)
        return self._strip(index, width)

    def _strip(self, index: int, width: int) -> Strip:
        row = self.rows[index]
        look = self.rich_style
        if row.key is not None and index == self.cursor:
            look = self.get_component_rich_style("rows--cursor")
        elif row.style or row.key is None:
            look = self.get_component_rich_style(f"rows--{row.style or 'heading'}")
        detail_look = look if index == self.cursor else self.get_component_rich_style("rows--detail")
        marker = "" if row.key is None else "› " if index == self.cursor else "  "
        words = Content(_one_line(row.detail)).truncate(width // 2, ellipsis=True).plain
        detail = Strip([Segment(f"  {words} " if words else "", detail_look)])
        room = max(0, width - detail.cell_length)
        text = Strip(list(_segments(marker, row, look))).adjust_cell_length(room, look)
        return Strip.join([text, detail])


def _segments(marker: str, row: Row, look: Style) -> Iterator[Segment]:
    text, at = marker + _one_line(row.text), 0
    for begin, end in row.hits:
        yield Segment(text[at : len(marker) + begin], look)
        at = len(marker) + end
        yield Segment(text[len(marker) + begin : at], look + _HIT)
    yield Segment(text[at:], look)


def _one_line(text: str) -> str:
    """Whatever a title or a model's name says: inert, and one line."""
    return clean(text[:300]).replace("\n", " ").replace("\t", " ")
