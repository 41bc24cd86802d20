"""A picture in half cells: each cell shows two pixels, one over the other. It needs nothing but colours."""

from __future__ import annotations

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from hybridchat.domain.files import Preview

UPPER_HALF = "▀"


class Picture(Widget):
    """As large as there is room, never larger than its pixels, in the middle."""

    def __init__(self, preview: Preview) -> None:
        super().__init__()
        self._preview = preview

    def fitted(self, room: Size) -> Size:
        """Its width and height in pixels there, an even number of rows."""
        width, height = self._preview.width, self._preview.height
        scale = min(1.0, room.width / width, 2 * room.height / height)
        return Size(max(1, int(width * scale)), max(2, int(height * scale) // 2 * 2))

    def render_line(self, y: int) -> Strip:
        size = self.fitted(self.size)
        row = y - (self.size.height - size.height // 2) // 2
        if not 0 <= row < size.height // 2:
            return Strip.blank(self.size.width, self.rich_style)
        left = (self.size.width - size.width) // 2
        segments = [Segment(" " * left, self.rich_style)]
        for x in range(size.width):
            upper, lower = self._colour(x, 2 * row, size), self._colour(x, 2 * row + 1, size)
            segments.append(Segment(UPPER_HALF, Style(color=upper, bgcolor=lower)))
        return Strip(segments).adjust_cell_length(self.size.width, self.rich_style)

    def _colour(self, x: int, y: int, size: Size) -> Color:
        preview = self._preview
        column, row = x * preview.width // size.width, y * preview.height // size.height
        at = 3 * (row * preview.width + column)
        return Color.from_rgb(*preview.rgb[at : at + 3])
