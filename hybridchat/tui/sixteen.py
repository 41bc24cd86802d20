"""Sixteen colours: the nearest ones would leave a theme's greys on greys. Each is drawn in the one of its hue that can
be read on black or on white, and what a theme sets off by its ground is reversed, as without any colour."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable
from functools import lru_cache

from rich.color import Color as AnsiColor
from rich.style import Style
from textual.color import Color
from textual.theme import Theme

from hybridchat.tui.legibility import contrast
from hybridchat.tui.uncoloured import Uncoloured, is_set_off

Rgb = tuple[int, int, int]

BLACK, GREY, SILVER, WHITE = (0, 0, 0), (85, 85, 85), (170, 170, 170), (255, 255, 255)
_RED, _GREEN, _YELLOW = (255, 85, 85), (85, 255, 85), (255, 255, 85)
_MAGENTA, _CYAN = (255, 85, 255), (85, 255, 255)
_DARK_RED, _DARK_BLUE, _DARK_MAGENTA = (170, 0, 0), (0, 0, 170), (170, 0, 170)
"""Not yet as numbers: below a dialog they are dimmed, and come here again. Rich finds the number of each."""
_HUES = (20, 75, 165, 265, 340)
"""Degrees from which on a colour is a yellow, a green, a cyan or blue, a magenta, a red again."""
_ON_BLACK = (_RED, _YELLOW, _GREEN, _CYAN, _MAGENTA, _RED)
_ON_WHITE = (_DARK_RED, _DARK_MAGENTA, _DARK_BLUE, _DARK_BLUE, _DARK_MAGENTA, _DARK_RED)  # the others cannot be read
_GREYISH = 0.2  # chroma; a tint of a grey
_FRAME, _STRONG = 3.0, 9.0  # contrast to the ground: under that no text is drawn; from there on it is the main one
_MARKS = ("block-cursor-background", "input-selection-background", "input-cursor-background")


class Sixteen(Uncoloured):
    """`theme`: the one in use."""

    def __init__(self, theme: Callable[[], Theme]) -> None:
        super().__init__(lambda: Color.parse(theme().background or "black"))
        self._theme = theme

    def restyle(self, style: Style) -> Style:
        variables = self._theme().variables
        return _restyled(style, self.ground(), tuple(variables[name] for name in _MARKS if name in variables))


@lru_cache(1024)
def _restyled(style: Style, ground: Color, marks: tuple[str, ...]) -> Style:
    is_dark = ground.brightness < 0.5
    paper, plain = (BLACK, WHITE) if is_dark else (WHITE, BLACK)
    below, above = (style.color, style.bgcolor) if style.reverse else (style.bgcolor, style.color)
    is_mark = is_set_off(style, ground) or (
        below is not None and not below.is_default and Color.from_rich_color(below) in map(Color.parse, marks)
    )
    ink = plain if is_mark or above is None or above.is_default else _ink(Color.from_rich_color(above), ground, is_dark)
    colours = Style(color=AnsiColor.from_rgb(*ink), bgcolor=AnsiColor.from_rgb(*paper), reverse=is_mark)
    return style.without_color + colours + Style(meta=style.meta or None)


def _ink(color: Color, ground: Color, is_dark: bool) -> Rgb:
    ratio = contrast(color, ground)
    if ratio < _FRAME:
        return GREY
    if max(color.normalized) - min(color.normalized) >= _GREYISH:
        return (_ON_BLACK if is_dark else _ON_WHITE)[bisect(_HUES, color.hsl.h * 360)]
    return BLACK if not is_dark else WHITE if ratio >= _STRONG else SILVER
