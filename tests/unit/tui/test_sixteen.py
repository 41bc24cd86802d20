"""Every theme of ours in sixteen colours: read on the palettes that terminals have, and what is marked is seen."""

from __future__ import annotations

import pytest
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.theme import Theme

from hybridchat.paths import shipped_themes_dir
from hybridchat.tui.legibility import PAIRS, contrast
from hybridchat.tui.sixteen import Sixteen
from hybridchat.tui.themes import load_theme, theme_names

XTERM = (
    "000000 cd0000 00cd00 cdcd00 0000ee cd00cd 00cdcd e5e5e5 7f7f7f ff0000 00ff00 ffff00 5c5cff ff00ff 00ffff ffffff"
)
VGA = "000000 aa0000 00aa00 aa5500 0000aa aa00aa 00aaaa aaaaaa 555555 ff5555 55ff55 ffff55 5555ff ff55ff 55ffff ffffff"


def restyled(theme: Theme, ink: str, paper: str) -> Style:
    colors = {**vars(theme), **theme.variables}
    style = Style(color=colors[ink], bgcolor=colors[paper])
    ((_, drawn, _),) = Sixteen(lambda: theme).apply([Segment("x", style)], Color(0, 0, 0))
    assert drawn is not None
    return drawn


def numbers(style: Style) -> tuple[int, int]:
    """Ink and paper as they are seen, of the sixteen."""
    assert style.color is not None and style.bgcolor is not None
    ink, paper = (color.downgrade(ColorSystem.STANDARD).number for color in (style.color, style.bgcolor))
    assert ink is not None and paper is not None
    return (paper, ink) if style.reverse else (ink, paper)


@pytest.mark.parametrize("name", theme_names([shipped_themes_dir()]))
def test_a_theme_can_be_read_in_sixteen_colours(name: str) -> None:
    theme = load_theme(name, [shipped_themes_dir()]).theme
    for pair in PAIRS:
        seen = numbers(restyled(theme, *pair))
        for palette in (XTERM, VGA):
            ink, paper = (Color.parse(f"#{palette.split()[number]}") for number in seen)
            assert contrast(ink, paper) >= 4.5, (name, pair, seen)
    assert restyled(theme, "block-cursor-foreground", "block-cursor-background").reverse
    assert not restyled(theme, "foreground", "panel").reverse
    local, managed = (numbers(restyled(theme, side, "background"))[0] for side in ("local", "managed"))
    assert local != managed or name.startswith("mono")


def test_what_is_dimmed_below_a_dialog_is_still_there() -> None:
    theme = load_theme("hybrid-dark", [shipped_themes_dir()]).theme
    drawn = restyled(theme, "muted", "background")
    assert drawn.color is not None and drawn.bgcolor is not None
    shade = Color.parse(theme.background or "").with_alpha(0.6)
    ink, paper = ((Color.from_rich_color(color) + shade).rich_color for color in (drawn.color, drawn.bgcolor))
    ((text, again, _),) = Sixteen(lambda: theme).apply([Segment("x", Style(color=ink, bgcolor=paper))], Color(0, 0, 0))
    assert text == "x" and again is not None and numbers(again) == (8, 0)
