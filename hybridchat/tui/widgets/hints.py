"""The line of hints at the foot of a screen, where passing words appear: over no text that somebody reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from hybridchat.errors import HybridchatError

SEVERITIES = {"information": ("", ""), "warning": ("warning: ", "$warning"), "error": ("error: ", "$error")}


class Hints(Widget):
    """`HybridChatApp.notify` sets `said`, which takes the place of the hints for a while or until the next key."""

    DEFAULT_CSS = "Hints { height: auto; max-height: 4; }"

    said: reactive[tuple[str, str] | None] = reactive(None, layout=True)  # words, severity

    def __init__(self, hints: str = "", *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._hints = hints

    def render(self) -> Content:
        if self.said is None:
            return self.hints()
        text, severity = self.said
        mark, color = SEVERITIES[severity]
        return Content.assemble((f"{mark}{text}", f"bold {color}"))

    def show(self, hints: str) -> None:
        """Others than before."""
        self._hints = hints
        self.refresh(layout=True)

    def hints(self) -> Content:
        """What stands here while nothing is said."""
        return Content(self._hints)


@contextmanager
def told(screen: Widget) -> Iterator[None]:
    """Failures with a remedy are passing words there: a chat's banners are not seen under another screen."""
    try:
        yield
    except HybridchatError as error:
        screen.notify(str(error), severity="error")
