"""The command palette over the table of actions."""

from __future__ import annotations

from functools import partial

from textual import on
from textual.command import Command, CommandList, CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.widgets import Input

from hybridchat.tui.actions import ACTIONS, Action
from hybridchat.tui.doing import do, owner_of
from hybridchat.tui.keymap import keymap_of
from hybridchat.tui.matching import rank


class ActionProvider(Provider):
    """Everything that can be done now, by its title and by other words for it."""

    async def discover(self) -> Hits:
        for action in self._usable():
            yield DiscoveryHit(self._title(action), partial(do, self.screen, action), action.title, action.help)

    async def search(self, query: str) -> Hits:
        for action in self._usable():
            if score := rank(query, action):
                title = Content(self._title(action))
                yield Hit(score, title, partial(do, self.screen, action), action.title, action.help)

    def _usable(self) -> list[Action]:
        return [action for action in ACTIONS if action.in_palette and owner_of(self.screen, action) is not None]

    def _title(self, action: Action) -> str:
        keymap = keymap_of(self.app)
        return f"{action.title}  ({keymap.name(action.id)})" if keymap.of(action.id) else action.title


class Palette(CommandPalette):
    CSS_PATH = "screens/palette.tcss"

    def __init__(self) -> None:
        super().__init__([ActionProvider], id="--command-palette")

    @on(Input.Submitted)
    def _do_what_is_found(self, event: Input.Submitted) -> None:
        """Before the next key: Textual's own answer to Enter tells the list to tell of it."""
        event.stop()
        event.prevent_default()
        found = self.query_one(CommandList)
        if found.option_count and isinstance(command := found.get_option_at_index(found.highlighted or 0), Command):
            self.dismiss()
            self.app.call_later(command.hit.command)
