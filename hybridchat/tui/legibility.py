"""Whether a theme can be read: the contrast of every pair of roles that the screen draws as text on its ground."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

from textual.color import Color
from textual.theme import Theme

LEAST_CONTRAST = 4.5  # WCAG 2.2, success criterion 1.4.3, for text of usual size

_INKS = ("foreground", "muted", "primary", "secondary", "success", "warning", "error", "local", "managed")
_CODE = ("code-comment", "code-keyword", "code-string", "code-number", "code-function", "code-builtin")

PAIRS: tuple[tuple[str, str], ...] = (
    *product(_INKS, ("background", "surface", "panel")),
    *product(_CODE, ("surface",)),
    ("background", "primary"),  # the caret, "new below", a focused button
    ("block-cursor-foreground", "block-cursor-background"),
    ("input-selection-foreground", "input-selection-background"),
    ("input-cursor-foreground", "input-cursor-background"),
)
"""Ink and paper; a test draws the screens and finds no other."""


class Faint(NamedTuple):
    """A pair under the least contrast."""

    ink: str
    paper: str
    ratio: float

    def __str__(self) -> str:
        return f"{self.ink} on {self.paper} has {self.ratio:.1f} : 1"


def contrast(ink: Color, paper: Color) -> float:
    """From 1 to 21: the ratio of the relative luminances, as WCAG 2 defines them."""
    low, high = sorted((_luminance(ink), _luminance(paper)))
    return (high + 0.05) / (low + 0.05)


def _luminance(color: Color) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color.normalized]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def faint(theme: Theme, least: float = LEAST_CONTRAST) -> list[Faint]:
    """The pairs of a theme of ours that are hard to read, the worst first."""
    colors = {**vars(theme), **theme.variables}
    ratios = [Faint(a, b, contrast(Color.parse(colors[a]), Color.parse(colors[b]))) for a, b in PAIRS]
    return sorted((pair for pair in ratios if pair.ratio < least), key=lambda pair: pair.ratio)
