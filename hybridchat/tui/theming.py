"""An app's themes while it runs: chosen, tried, and drawn anew when the file of the one in use changes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from textual.app import App
from textual.color import Color
from textual.filter import Monochrome

from hybridchat.errors import HybridchatError
from hybridchat.session.events import Notice
from hybridchat.tui.themes import DEFAULT_THEME, VARIABLE_DEFAULTS, Found, load_theme, theme_names

LOOK_EVERY_S = 0.5

_Stamp = tuple[int, int, int]


class Themed(App[int]):
    """A theme that cannot be read changes nothing: the one before stays."""

    def __init__(self, folders: Sequence[Path], css_path: Path) -> None:
        """`folders`: where themes lie; a later one wins."""
        super().__init__(css_path=css_path)
        self._theme_folders = tuple(folders)
        self._theme_files: dict[str, tuple[Path, _Stamp | None]] = {}
        self.no_color = bool(os.environ.get("NO_COLOR"))  # if it is empty it asks for nothing
        self._filters = [one for one in self._filters if not isinstance(one, Monochrome)]
        usual = len(self._filters)
        if self.no_color:
            from hybridchat.tui.uncoloured import Uncoloured

            self._filters.append(Uncoloured(lambda: Color.parse(self.current_theme.background or "black")))
        elif self.console.color_system == "standard":
            from hybridchat.tui.sixteen import Sixteen

            self._filters.append(Sixteen(lambda: self.current_theme))
        self.set_class(len(self._filters) > usual, "-few-colours")

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return VARIABLE_DEFAULTS

    def theme_names(self) -> list[str]:
        return theme_names(self._theme_folders)

    def find_theme(self, name: str) -> Found:
        """Without showing it. Raises UsageError for a file that cannot be read."""
        return load_theme(name, self._theme_folders)

    def show_theme(self, name: str) -> None:
        """From now on. Raises UsageError for a file that cannot be read."""
        self._take(name)
        if self.no_color:
            name = self._without_colour(name)
            self._take(name)
        if self.theme == name:
            self.mutate_reactive(App.theme)  # its colours may be others
        else:
            self.theme = name

    def use_first_theme(self, wanted: str) -> list[Notice]:
        """Before anything is drawn: that one, or the default and why."""
        notices: list[Notice] = []
        for name in dict.fromkeys((self._without_colour(wanted) if self.no_color else wanted, DEFAULT_THEME)):
            try:
                self._take(name)
            except HybridchatError as error:
                notices.append(Notice(str(error), "warning"))
            else:
                self.set_reactive(App.theme, name)  # without its watcher: nothing is styled yet that would change
                self.stylesheet.set_variables(self.get_css_variables())
                break
        return notices

    def _without_colour(self, wanted: str) -> str:
        """Instead of it, as NO_COLOR asks for: made for seeing without colours, as dark or light as that one."""
        try:
            return "mono-dark" if load_theme(wanted, self._theme_folders).theme.dark else "mono-light"
        except HybridchatError:
            return wanted  # its mistake is told

    def follow_theme_file(self) -> None:
        """Whoever edits the theme in use sees it at once."""
        self.set_interval(LOOK_EVERY_S, self._look_at_theme_file)

    def _take(self, name: str) -> None:
        found = load_theme(name, self._theme_folders)
        self.register_theme(found.theme)
        self._theme_files[name] = found.file, _stamp(found.file)

    def _look_at_theme_file(self) -> None:
        if self.theme not in self._theme_files:
            return
        file, seen = self._theme_files[self.theme]
        stamp = _stamp(file)
        if stamp is None or stamp == seen:
            return
        self._theme_files[self.theme] = file, stamp
        try:
            self.show_theme(self.theme)
        except HybridchatError as error:
            self.notify(str(error), severity="error")
        else:
            self.notify(f"The theme {self.theme} is drawn as its file is now.")


def _stamp(file: Path) -> _Stamp | None:
    """None for a file that is being written: gone for a moment, or empty."""
    try:
        found = file.stat()
    except OSError:
        return None
    return (found.st_ino, found.st_mtime_ns, found.st_size) if found.st_size else None
