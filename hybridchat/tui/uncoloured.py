"""NO_COLOR: nothing is drawn in a colour, nor in greys; what a theme sets off by its ground is reversed instead."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

from hybridchat.tui.legibility import contrast

SET_OFF = 1.4
"""Contrast to the theme's background from which a ground is a mark: the cursor, a selection. Dialogs have less."""


class Uncoloured(LineFilter):
    """Bold, underline, italic and reverse stay. `ground`: the background of the theme in use."""

    def __init__(self, ground: Callable[[], Color]) -> None:
        super().__init__()
        self._ground = ground

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        ground = self._ground()
        return [
            Segment(*_bare(text, style, ground)) if style is not None and not control else Segment(text, style, control)
            for text, style, control in segments
        ]


def _bare(text: str, style: Style, ground: Color) -> tuple[str, Style]:
    if not style.reverse and style.color is not None and style.color == style.bgcolor:
        text = " " * cell_len(text)  # drawn so as not to be seen: the bar of a message that is not pointed at
    return text, _bare_style(style, ground)


@lru_cache(1024)
def _bare_style(style: Style, ground: Color) -> Style:
    paper = style.color if style.reverse else style.bgcolor
    is_set_off = paper is not None and not paper.is_default and contrast(Color.from_rich_color(paper), ground) > SET_OFF
    return style.without_color + Style(reverse=is_set_off, meta=style.meta or None)  # what a click there does stays
