"""A long text by its lines: it costs what is visible of it. Words in it can be found."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from hybridchat.domain.text import clean

LONGEST = 1_000  # characters of a line; a longer one goes on in the next
_HIT, _TAB = Style(bold=True, underline=True), 4  # seen without colours


def lines_of(text: str) -> list[str]:
    """Inert, none longer than `LONGEST`. Blocks for a while with a long text."""
    lines = (line.expandtabs(_TAB) for line in clean(text.replace("\r\n", "\n")).split("\n"))
    return [line[at : at + LONGEST] for line in lines for at in range(0, max(1, len(line)), LONGEST)]


class Pager(ScrollView, can_focus=True):
    """Scrolled by the keys of a pager."""

    DEFAULT_CSS = "Pager { background: $surface; scrollbar-size: 1 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_up", "A line up", show=False),
        Binding("down,j", "scroll_down", "A line down", show=False),
        Binding("left", "scroll_left", "To the left", show=False),
        Binding("right", "scroll_right", "To the right", show=False),
        Binding("pageup", "page_up", "A page up", show=False),
        Binding("pagedown,space", "page_down", "A page down", show=False),
        Binding("home", "scroll_home", "To the beginning", show=False),
        Binding("end", "scroll_end", "To the end", show=False),
    ]

    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines
        self._needle = ""
        self._hits: list[int] = []  # numbers of lines
        self._at = 0  # of the hits
        self.virtual_size = Size(max(map(len, lines)), len(lines))

    def find(self, text: str) -> tuple[int, int]:
        """The number of the line with the first hit from here on, and how many there are; (0, 0) for none."""
        self._needle = text.casefold()
        found = (number for number, line in enumerate(self._lines) if self._needle in line.casefold())
        self._hits = list(found) if self._needle else []
        self._at = next((at for at, number in enumerate(self._hits) if number >= self.scroll_offset.y), 0)
        return self._show_hit()

    def step(self, by: int) -> tuple[int, int]:
        self._at += by
        return self._show_hit()

    def _show_hit(self) -> tuple[int, int]:
        self.refresh()
        if not self._hits:
            return 0, 0
        self._at %= len(self._hits)
        self.scroll_to(y=max(0, self._hits[self._at] - self.size.height // 3), animate=False)
        return self._at + 1, len(self._hits)

    def render_line(self, y: int) -> Strip:
        x, number = self.scroll_offset.x, self.scroll_offset.y + y
        style = self.rich_style
        if number >= len(self._lines):
            return Strip.blank(self.size.width, style)
        strip = Strip(self._marked(self._lines[number], style))
        return strip.crop_extend(x, x + self.size.width, style)

    def _marked(self, line: str, style: Style) -> list[Segment]:
        if not self._needle:
            return [Segment(line, style)]
        segments, begin, folded = [], 0, line.casefold()
        if len(folded) != len(line):  # no place in the one is a place in the other
            return [Segment(line, style + _HIT if self._needle in folded else style)]
        while (at := folded.find(self._needle, begin)) >= 0:
            end = at + len(self._needle)
            segments += [Segment(line[begin:at], style), Segment(line[at:end], style + _HIT)]
            begin = end
        return [*segments, Segment(line[begin:], style)]
