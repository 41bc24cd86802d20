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
        self.ground = ground

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            Segment(_seen(text, style), self.restyle(style)) if style is not None and not control else segment
            for segment in segments
            for text, style, control in (segment,)
        ]

    def restyle(self, style: Style) -> Style:
        return _bare_style(style, self.ground())


def _seen(text: str, style: Style) -> str:
    """Some is drawn so as not to be seen: the bar of a message that is not pointed at."""
    is_hidden = not style.reverse and style.color is not None and style.color == style.bgcolor
    return " " * cell_len(text) if is_hidden else text


def is_set_off(style: Style, ground: Color) -> bool:
    paper = style.color if style.reverse else style.bgcolor
    return paper is not None and not paper.is_default and contrast(Color.from_rich_color(paper), ground) > SET_OFF


@lru_cache(1024)
def _bare_style(style: Style, ground: Color) -> Style:
    marked = Style(reverse=is_set_off(style, ground), meta=style.meta or None)  # what a click there does stays
    return style.without_color + marked
