"""Which roles of a theme a screen draws as text, and on which, read off a theme that gives each its own colour."""

from __future__ import annotations

from rich.style import Style
from textual.screen import ModalScreen
from textual.theme import Theme

from hybridchat.tui.themes import ROLES, make_theme
from tests.tui.conftest import Stage

_NAMES = {f"#{number:02x}{255 - number:02x}{(number * 5) % 256:02x}": role for number, role in enumerate(ROLES, 16)}


def telltale(*, dark: bool) -> Theme:
    return make_theme("telltale", {**{role: color for color, role in _NAMES.items()}, "dark": dark})


async def show_telltale(stage: Stage, *, dark: bool) -> None:
    stage.app.register_theme(telltale(dark=dark))
    stage.app.theme = "telltale"
    for _ in range(3):
        await stage.settle()


async def drawn_pairs(stage: Stage, *, dark: bool) -> set[tuple[str, str]]:
    """Ink and paper of every character on the screen, or in the dialog; an unknown colour is given as it is."""
    await show_telltale(stage, dark=dark)
    screen = stage.app.screen
    strips = screen._compositor.render_strips()
    if isinstance(screen, ModalScreen):  # behind it, all is faded
        regions = [widget.region for widget in screen.query(".dialog, CommandInput, CommandList")]
        strips = [strip.crop(r.x, r.right) for r in regions for strip in strips[r.y : r.bottom]]
    return {
        _pair(segment.style)
        for strip in strips
        for segment in strip
        if segment.style is not None and any(_is_text(character) for character in segment.text)
    }


def _is_text(character: str) -> bool:
    return not character.isspace() and not "\u2500" <= character <= "\u259f"  # lines and blocks are no text


def _pair(style: Style) -> tuple[str, str]:
    ink, paper = style.color, style.bgcolor
    names = [_NAMES.get(c.name, c.name) if c is not None else "none" for c in (ink, paper)]
    return (names[1], names[0]) if style.reverse else (names[0], names[1])
