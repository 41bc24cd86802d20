"""The line over the composer that says what goes along with the draft. It is there only while something does."""

from __future__ import annotations

from textual import events
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from hybridchat.domain.attachments import AttachedFile
from hybridchat.tui.keymap import keymap_of
from hybridchat.tui.words import attached_words

MOST_NAMED = 4


class AttachedLine(Widget):
    """Names, sizes and tokens; a click is as good as the key."""

    DEFAULT_CSS = """
    AttachedLine { height: auto; max-height: 3; padding: 0 2; background: $surface; }
    AttachedLine:hover { background: $panel; }
    """

    class Clicked(Message):
        pass

    def __init__(self, files: tuple[AttachedFile, ...]) -> None:
        super().__init__(id="attached")
        self._files = files

    def show(self, files: tuple[AttachedFile, ...]) -> None:
        self._files = files
        self.refresh(layout=True)

    def render(self) -> Content:
        named = [attached_words(file) for file in self._files[:MOST_NAMED]]
        if more := len(self._files) - MOST_NAMED:
            named += [f"and {more:,} more"] if more > 0 else []
        hint = f"  {keymap_of(self).name('attachments')} opens or removes"
        return Content.assemble(("Attached  ", "bold"), "   ".join(named), (hint, "$muted"))

    def on_click(self, event: events.Click) -> None:
        self.post_message(self.Clicked())
