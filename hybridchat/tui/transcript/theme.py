"""Colours: one component class per style name, resolved once per combination and theme."""

from __future__ import annotations

from rich.style import Style as RichStyle
from textual.widget import Widget

from hybridchat.tui.transcript.layout import LINK_TO, Style

# What a name means without colours, so that it shows on any terminal.
ATTRIBUTES = {
    "strong": RichStyle(bold=True),
    "em": RichStyle(italic=True),
    "strike": RichStyle(strike=True),
    "link": RichStyle(underline=True),
    "heading": RichStyle(bold=True),
    "h1": RichStyle(underline=True),
    "who": RichStyle(bold=True),
    "pointed": RichStyle(underline=True),
    "found": RichStyle(underline=True),
    "found-here": RichStyle(bold=True, underline=True),
    "keyword": RichStyle(bold=True),
    "comment": RichStyle(italic=True),
}

COLORED = (
    "you",
    "reply",
    "local",
    "managed",
    "muted",
    "note",
    "heading",
    "link",
    "address",
    "inline-code",
    "code",
    "bar",
    "pointer",
    "edge",
    "marker",
    "done",
    "thinking",
    "hint",
    "selection",
    "caret",
    "found",
    "found-here",
    "comment",
    "keyword",
    "string",
    "number",
    "function",
    "builtin",
    "inserted",
    "deleted",
)

CSS = """
Transcript {
    overflow-x: hidden;
    overflow-y: scroll;
    scrollbar-size-vertical: 1;
    background: $background;
    color: $foreground;
    &:focus { scrollbar-color: $primary; }
    & > .transcript--you { color: $primary; }
    & > .transcript--reply { color: $secondary; }
    & > .transcript--local { color: $local; }
    & > .transcript--managed { color: $managed; }
    & > .transcript--muted { color: $muted; }
    & > .transcript--note { color: $warning; }
    & > .transcript--heading { color: $primary; }
    & > .transcript--link { color: $primary; }
    & > .transcript--address { color: $muted; }
    & > .transcript--inline-code { color: $warning; background: $surface; }
    & > .transcript--code { color: $foreground; background: $surface; }
    & > .transcript--bar { color: $hairline; }
    & > .transcript--pointer { color: $primary; }
    & > .transcript--edge { color: $hairline; }
    & > .transcript--marker { color: $primary; }
    & > .transcript--done { color: $success; }
    & > .transcript--thinking { color: $muted; }
    & > .transcript--hint { color: $background; background: $primary; }
    & > .transcript--selection {
        color: $input-selection-foreground;
        background: $input-selection-background;
    }
    & > .transcript--found {
        color: $input-selection-foreground;
        background: $input-selection-background;
    }
    & > .transcript--found-here { color: $background; background: $primary; }
    & > .transcript--caret { color: $background; background: $primary; }
    & > .transcript--comment { color: $code-comment; }
    & > .transcript--keyword { color: $code-keyword; }
    & > .transcript--string { color: $code-string; }
    & > .transcript--number { color: $code-number; }
    & > .transcript--function { color: $code-function; }
    & > .transcript--builtin { color: $code-builtin; }
    & > .transcript--inserted { color: $success; }
    & > .transcript--deleted { color: $error; }
}
"""


MOST_STYLES = 1_000
"""Combinations that are kept: where a link leads is a name too, and links are without number."""


class Palette:
    """From style names to Rich styles, for one widget; forget it when the theme changes."""

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._styles: dict[Style, RichStyle] = {}
        self._names: dict[str, RichStyle] = {}

    def __getitem__(self, style: Style) -> RichStyle:
        """Later names win."""
        rich = self._styles.get(style)
        if rich is None:
            if len(self._styles) >= MOST_STYLES:
                self.forget()
            rich = self._widget.rich_style
            for name in style:
                if not name.startswith(LINK_TO):
                    rich += self._named(name)
            self._styles[style] = rich
        return rich

    def _named(self, name: str) -> RichStyle:
        if name not in self._names:
            style = ATTRIBUTES.get(name, RichStyle())
            if name in COLORED:
                style += self._widget.get_component_rich_style(f"transcript--{name}", partial=True)
            self._names[name] = style
        return self._names[name]

    def forget(self) -> None:
        self._styles.clear()
        self._names.clear()
