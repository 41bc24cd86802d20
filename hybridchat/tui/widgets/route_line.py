"""The line over the composer: what Enter will do, always."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content
from textual.widget import Widget

from hybridchat.domain.text import clean_line
from hybridchat.tui.enter import Enter
from hybridchat.tui.keymap import DEFAULT, Keymap, keymap_of
from hybridchat.tui.plan_words import plan_parts

if TYPE_CHECKING:
    from hybridchat.session.chat import Plan


class RouteLine(Widget):
    """Shows a plan in full. One line on wide screens, two on narrow ones, more only where the words need them."""

    def __init__(self) -> None:
        super().__init__(id="route-line")
        self._shown: Plan | str = "Starting… Enter sends once there is somebody to ask"
        self._enter = Enter.SEND

    def show(self, plan: Plan, enter: Enter) -> None:
        """The plan of the message whose turn it is, and what Enter does."""
        self._shown, self._enter = plan, enter
        height = self.render().get_height({}, max(1, self.content_size.width))
        self.refresh(layout=height != self.content_size.height)

    def say(self, text: str) -> None:
        """A plain line instead of a plan."""
        self._shown = text
        self.refresh(layout=True)

    def render(self) -> Content:
        if isinstance(self._shown, str):
            return Content(clean_line(self._shown))
        return plan_content(self._shown, self._enter, wide=self.screen.has_class("-wide"), keymap=keymap_of(self))


def plan_content(plan: Plan, enter: Enter, *, wide: bool, keymap: Keymap = DEFAULT) -> Content:
    """`plan_parts`, with this screen's keys."""
    return Content.assemble(*plan_parts(plan, enter, wide=wide, send=keymap.name("send"), route=keymap.name("route")))
