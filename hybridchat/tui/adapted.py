"""What the user has made theirs: the app as the config's `[ui]` and `[notify]`, the keymap and the theme have it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from textual import constants, on
from textual.events import DescendantFocus
from textual.widgets import Input, TextArea

from hybridchat.config import Config, NotifyConfig, UiConfig
from hybridchat.config.problems import Problem
from hybridchat.domain.chat import Attempt
from hybridchat.paths import is_file
from hybridchat.session.settings import Settings
from hybridchat.tui.keymap import DEFAULT, Keymap, rebind
from hybridchat.tui.screens.chat import ChatScreen
from hybridchat.tui.screens.chat_view import MAX_BANNERS
from hybridchat.tui.theming import Themed


class Adapted(Themed):
    """`settings`: where choices are kept; None: nowhere, as in the demo."""

    keymap: Keymap = DEFAULT
    keymap_problems: Sequence[Problem] = ()

    def __init__(
        self,
        *,
        css_path: Path,
        ui: UiConfig,
        notify: NotifyConfig,
        theme_folders: Sequence[Path],
        keymap_file: Path | None,
        settings: Settings | None,
    ) -> None:
        super().__init__(theme_folders, css_path)
        self.settings = settings
        self._notify_config = notify
        self._keymap_file = keymap_file
        self.chat_screen = ChatScreen()
        self._ui = ui
        self._adapt(ui)

    def _adapt(self, ui: UiConfig) -> None:
        self._ui = ui
        self._use_keymap(ui.keymap)
        self.animation_level = "none" if ui.reduced_motion else constants.TEXTUAL_ANIMATIONS
        self.chat_screen.use_ui(ui)

    @on(DescendantFocus)
    def _still_the_cursor(self, event: DescendantFocus) -> None:
        if isinstance(event.widget, Input | TextArea):
            event.widget.cursor_blink = not self._ui.reduced_motion

    async def keep(self, key: str, value: object) -> Config:
        """Writes a setting and follows it, where the screen is what it is about. Raises as `Settings.set`."""
        assert self.settings is not None
        config = await self.settings.set(key, value)
        self._notify_config = config.notify
        if config.ui != self._ui:
            self._adapt(config.ui)
        if key == "ui.keymap":
            self.tell_keymap_problems()
        if key == "ui.theme":  # else it may be another for this run alone
            self.show_theme(config.ui.theme)
        return config

    async def use_theme(self, name: str) -> None:
        """Shows the theme and keeps the choice. Raises UsageError for a file that cannot be read."""
        self.show_theme(name)
        if self.settings is not None:
            await self.keep("ui.theme", name)

    # --- keys

    def _use_keymap(self, name: str) -> None:
        """That shipped one, and the user's own keys over it."""
        keymap, self.keymap_problems = DEFAULT, []
        if name != "default" or (self._keymap_file is not None and is_file(self._keymap_file)):
            from hybridchat.tui.keymap_files import load_keymap

            keymap, self.keymap_problems = load_keymap(name, self._keymap_file)
        if keymap != self.keymap:
            self.keymap = keymap
            rebind(self, "app", keymap)
            self.chat_screen.use_keymap(keymap)

    def tell_keymap_problems(self) -> None:
        """As many as the banners have room for; the page of keys has all."""
        problems = self.keymap_problems
        few = problems if len(problems) <= MAX_BANNERS else problems[: MAX_BANNERS - 1]
        for problem in few:
            self.chat_screen.banner(str(problem))
        if left := len(problems) - len(few):
            self.chat_screen.banner(f"{left} more mistakes in keys: {self.keymap.name('help')} lists them")

    # --- out of sight

    def tell_out_of_sight(self, attempt: Attempt) -> None:
        """That a reply has ended, if nobody looks: terminals that report the focus say so."""
        if self.app_focus or self._driver is None:
            return
        from hybridchat.tui.notifying import what_to_write

        if sequence := what_to_write(attempt, self._notify_config, os.environ):
            self._driver.write(sequence)
