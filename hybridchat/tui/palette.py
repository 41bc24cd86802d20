"""The command palette over the table of actions."""

from __future__ import annotations

from collections.abc import Callable

from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider

from hybridchat.tui.actions import ACTIONS, Action
from hybridchat.tui.keymap import keymap_of


class ActionProvider(Provider):
    """Everything that can be done now, by its title."""

    async def discover(self) -> Hits:
        for action in self._usable():
            yield DiscoveryHit(self._title(action), self._runner(action), action.title, action.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for action in self._usable():
            title = self._title(action)
            if (score := matcher.match(f"{title} {action.help}")) > 0:
                yield Hit(score, matcher.highlight(title), self._runner(action), action.title, action.help)

    def _usable(self) -> list[Action]:
        return [a for a in ACTIONS if a.in_palette and hasattr(self._owner(a), f"action_{a.id}")]

    def _owner(self, action: Action) -> object:
        return self.app if action.where == "app" else self.screen

    def _runner(self, action: Action) -> Callable[[], object]:
        where = "app" if action.where == "app" else "screen"
        return lambda: self.app.run_action(f"{where}.{action.id}")

    def _title(self, action: Action) -> str:
        keymap = keymap_of(self.app)
        return f"{action.title}  ({keymap.name(action.id)})" if keymap.of(action.id) else action.title


class Palette(CommandPalette):
    CSS_PATH = "screens/palette.tcss"

    def __init__(self) -> None:
        super().__init__([ActionProvider], id="--command-palette")
