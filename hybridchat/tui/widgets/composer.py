"""Where the message is written: Enter sends, Shift+Enter and Ctrl+J break the line, pastes are cleaned."""

from __future__ import annotations

import re

from textual import events
from textual.message import Message

from hybridchat.domain.text import clean
from hybridchat.tui.keymap import DEFAULT, Keymap, bindings
from hybridchat.tui.slashes import as_typed, call_in, words_of
from hybridchat.tui.widgets.completions import Completions
from hybridchat.tui.widgets.text_field import TextField

_PATH = re.compile(r"""\s*["']?(?:/|~/|file://|[A-Za-z]:[\\/])\S""")
LONGEST_WRAPPED = 20_000  # characters: a longer line is scrolled instead, for TextArea wraps all of it at every key


def placeholder(keymap: Keymap) -> str:
    """What an empty composer says."""
    breaks = " or ".join(keymap.names("newline").split(", ")[:2]) or keymap.name("newline")
    return f"Write a message. {keymap.name('send')} sends, {breaks} breaks the line."


class Composer(TextField):
    """Grows with its text up to ten lines. What the user pastes never reaches it with control characters."""

    BINDINGS = bindings("composer")

    class Submitted(Message):
        """Enter was pressed."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class BigPaste(Message):
        """A paste too long for the composer; `text` is cleaned."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class PathPasted(Message):
        """What may be the path of a file that was dropped here; `text` is cleaned."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class RecallRequested(Message):
        """Up in an empty composer, or on from a message that was recalled: `by` 1 is further back, -1 forward."""

        def __init__(self, by: int) -> None:
            super().__init__()
            self.by = by

    class Scrolled(Message):
        """A key that means the transcript: `action` is page_up, page_down or end."""

        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    def __init__(self) -> None:
        super().__init__(
            id="composer",
            soft_wrap=True,
            show_line_numbers=False,
            highlight_cursor_line=False,
            placeholder=placeholder(DEFAULT),
        )
        self.most_pasted_lines = self.most_pasted_characters = 0  # 0: as many as there are
        self.completions = Completions()  # stands over it
        self._recalled = ""

    def on_key(self, event: events.Key) -> None:
        if self.completions.takes(event.key):
            event.stop()
            event.prevent_default()

    @property
    def words(self) -> str:
        """What would be sent of the text: none of a command, one slash of two."""
        return "" if call_in(self.text) else words_of(self.text)

    def action_send(self) -> None:
        self.post_message(self.Submitted(self.text))

    def action_newline(self) -> None:
        self.insert("\n", maintain_selection_offset=False)

    def action_recall(self) -> None:
        """With a text of the user's own, the key is the cursor's."""
        if not self.text or (self.is_recalled and self.navigator.is_first_wrapped_line(self.cursor_location)):
            self.post_message(self.RecallRequested(1))
        else:
            self.action_cursor_up()

    def action_cursor_down(self, select: bool = False) -> None:
        """Forward again from a message that was recalled."""
        if not select and self.is_recalled and self.navigator.is_last_wrapped_line(self.cursor_location):
            self.post_message(self.RecallRequested(-1))
        else:
            super().action_cursor_down(select)

    @property
    def is_recalled(self) -> bool:
        """Whether it shows an earlier message, unchanged."""
        return bool(self._recalled) and self.text == self._recalled

    def recall(self, words: str) -> None:
        """Shows an earlier message; "": none any more."""
        self.set_draft(words)
        self._recalled = self.text

    def action_cursor_page_up(self) -> None:
        self.post_message(self.Scrolled("page_up"))

    def action_cursor_page_down(self) -> None:
        self.post_message(self.Scrolled("page_down"))

    def action_cursor_line_end(self, select: bool = False) -> None:
        """At the end already, End means the transcript's."""
        if not select and self.cursor_at_end_of_text:
            self.post_message(self.Scrolled("end"))
        super().action_cursor_line_end(select)

    async def _on_paste(self, event: events.Paste) -> None:
        event.prevent_default()  # or TextArea would insert it raw
        event.stop()
        text = clean(event.text.replace("\r\n", "\n").replace("\r", "\n"))
        if (self.most_pasted_lines and text.count("\n") >= self.most_pasted_lines) or (
            self.most_pasted_characters and len(text) > self.most_pasted_characters
        ):
            self.post_message(self.BigPaste(text))
        elif _PATH.match(text) and "\n" not in text.strip():
            self.post_message(self.PathPasted(text))
        else:
            self.paste(text)

    def paste(self, text: str) -> None:
        """Puts a clean text at the cursor."""
        self._wrap_unless_long(text)
        self.insert(text, maintain_selection_offset=False)

    def put(self, words: str) -> None:
        """Words at the cursor; alone, they are sent as they are."""
        if self.text:
            self.paste(clean(words))
        else:
            self.set_draft(clean(words))
        self.focus()

    def set_draft(self, words: str) -> None:
        """Replaces the text by words that are to be sent as they are."""
        self.set_text(as_typed(words))

    def set_text(self, text: str) -> None:
        """Replaces the text by what somebody has typed, and puts the cursor at its end."""
        self._wrap_unless_long(text)
        self.load_text(text)
        self.move_cursor(self.document.end)

    def on_text_area_changed(self) -> None:
        self._wrap_unless_long()

    def record_cursor_width(self) -> None:
        """In a line that is scrolled, the column is enough for going up and down: its width would be measured anew."""
        if self.soft_wrap:
            super().record_cursor_width()
        else:
            self.navigator.last_x_offset = self.cursor_location[1]

    def _wrap_unless_long(self, coming: str = "") -> None:
        self.soft_wrap = max(map(len, (*self.document.lines, *coming.split("\n")))) <= LONGEST_WRAPPED
