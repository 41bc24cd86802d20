"""Finding a message of one's own among all that were sent, by words or by letters of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from hybridchat.domain.chat import is_off_record
from hybridchat.domain.text import clean_line
from hybridchat.session.history import Said
from hybridchat.tui.screens.picker import Picker
from hybridchat.tui.widgets.rows import Row
from hybridchat.tui.words import PINNED, when

SHOWN = 200  # rows
GAP = 2  # characters that may stand between two letters of a word that was typed


class SaidList(Picker):
    """Answers with the chosen message, or None."""

    def __init__(self, said: Sequence[Said], words: str) -> None:
        hint = "Enter puts it into the composer · Esc closes"
        super().__init__("What you have said", [], hint=hint)
        self._said, self._now = said, datetime.now().astimezone()
        self._lines = [clean_line(one.text, 300) for one in said]
        self._searched = [line.casefold() for line in self._lines]
        self.filter.value = words
        self._narrow()

    def _fit(self) -> None:
        self.list.styles.height = max(1, self.room)

    def _narrow(self) -> None:
        rows = [self._row(index) for index in found(self._searched, self.filter.value)[:SHOWN]]
        self.list.set_rows(rows or [Row(None, "Nothing matches." if self._said else "You have said nothing yet.")])

    def _row(self, index: int) -> Row:
        one = self._said[index]
        where = "off the record" if is_off_record(one.conversation_id) else PINNED[one.privacy]
        return Row(one, self._lines[index], "  ".join(filter(None, (where, when(one.at, self._now)))))


def found(texts: Sequence[str], typed: str) -> list[int]:
    """Which of them, case folded, hold every word that was typed: whole ones first, then those that have its letters in
    order and close together; else as they come."""
    words = typed.casefold().split()
    close = [re.compile(f".{{0,{GAP}}}".join(map(re.escape, word))) for word in words]
    whole, near = [], []
    for index, text in enumerate(texts):
        if all(word in text for word in words):
            whole.append(index)
        elif all(pattern.search(text) for pattern in close):
            near.append(index)
    return whole + near
