"""Where several lines are written."""

from __future__ import annotations

from textual.strip import Strip
from textual.widgets import TextArea


class TextField(TextArea):
    """Textual's own wraps its placeholder to its width, also where a narrow terminal leaves it none, and fails."""

    def render_line(self, y: int) -> Strip:
        return super().render_line(y) if self.content_size.width > 0 else Strip.blank(self.size.width)
