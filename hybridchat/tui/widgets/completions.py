"""What may be meant by what is being typed: a list over the composer, which keeps the focus."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct
from textual.message import Message

from hybridchat.tui.widgets.rows import Row, RowList

MOST_ROWS = 8
_KEYS = {"up": -1, "down": 1, "tab": 0, "escape": 0}


class Completion(Struct, frozen=True):
    """A text for the composer: the key of a row."""

    text: str
    takes_more: bool = False
    is_guess: bool = False  # Enter completes it, and a second one does it, unless it was gone to


Accept = Callable[[Any, bool], None]
"""Called with the key of the row that was chosen, and whether by Enter or a click rather than by Tab."""


class Completions(RowList, can_focus=False):
    """Shown while there is something to offer. Up and Down move, Tab and Enter choose, Esc closes."""

    DEFAULT_CSS = """
    Completions {
        display: none;
        height: auto;
        max-height: 40%;
        padding: 0 2;
        background: $panel;
    }
    """

    class Closed(Message):
        """By Esc."""

    def __init__(self) -> None:
        super().__init__()
        self._accept: Accept | None = None
        self._about = ""
        self.was_gone_to = False  # the row under the cursor, by the user
        self._refused: str | None = None

    def offer(self, about: str, rows: Sequence[Row], accept: Accept) -> None:
        """For the text `about`: none are offered for it again once Esc has closed them. It does not shrink while it is
        open, or what is above would move at every key."""
        if about == self._refused or (self.display and about == self._about):
            return
        self._about, self._refused, self._accept = about, None, accept
        self.was_gone_to = False
        self.set_rows(rows)
        height = min(MOST_ROWS, len(rows))
        self.styles.height = max(height, self.size.height) if self.display else height
        self.display = bool(rows)

    @property
    def chosen(self) -> Completion | None:
        """What Enter would take."""
        key = self.current.key if self.display and self.current is not None else None
        return key if isinstance(key, Completion) else None

    def close(self) -> None:
        self.display, self._accept = False, None

    def takes(self, key: str) -> bool:
        """Whether it is open and the key is its own; then it is done."""
        if not self.display or key not in _KEYS:
            return False
        if key == "escape":
            self._refused = self._about
            self.close()
            self.post_message(self.Closed())
        elif key == "tab":
            self.accept(is_final=False)
        else:
            self.was_gone_to = True
            self.action_move(_KEYS[key])
        return True

    def accept(self, *, is_final: bool) -> bool:
        """The row under the cursor; False where there is none."""
        row, accept = self.current, self._accept
        if not self.display or row is None or accept is None:
            return False
        self.close()
        accept(row.key, is_final)
        return True

    def on_row_list_chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        self.was_gone_to = True
        self.accept(is_final=True)
