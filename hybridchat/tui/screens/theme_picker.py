"""Choosing a theme: the screen shows the one under the cursor at once."""

from __future__ import annotations

from textual.timer import Timer

from hybridchat.domain.text import clean_line
from hybridchat.errors import HybridchatError
from hybridchat.tui.legibility import faint
from hybridchat.tui.screens.picker import Picker
from hybridchat.tui.theming import Themed
from hybridchat.tui.widgets.rows import Row, RowList

REST_S = 0.06  # a key that is held down passes over themes without drawing each


class ThemePicker(Picker):
    """Answers with a theme's name, or None: then the one from before is back."""

    def __init__(self, app: Themed) -> None:
        super().__init__("Theme", [_row(app, name) for name in app.theme_names()], current=app.theme)
        self._themed = app
        self._before = app.theme
        self._rest: Timer | None = None

    def on_row_list_moved(self, event: RowList.Moved) -> None:
        if self._rest is not None:
            self._rest.stop()
        self._rest = self.set_timer(REST_S, lambda: self._try(event.row))

    def _try(self, row: Row) -> None:
        if not self.is_current or row.key == self._themed.theme:
            return
        try:
            self._themed.show_theme(row.key)
        except HybridchatError as error:
            self.notify(str(error), severity="warning")

    async def action_dismiss(self, result: object = None) -> None:
        """Esc."""
        self._themed.theme = self._before
        await super().action_dismiss(result)


def _row(app: Themed, name: str) -> Row:
    """With what the theme says of itself, or why it cannot be used."""
    try:
        found = app.find_theme(name)
    except HybridchatError as error:
        return Row(name, name, "cannot be read", "muted", barred=str(error))
    pale = faint(found.theme)
    about = f"hard to read: {pale[0]}" if pale else found.about
    return Row(name, name, clean_line(about, 60))
