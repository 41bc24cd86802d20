"""The rows of the dialog that offers ways on, and what leaving turns out means."""

from __future__ import annotations

from collections.abc import Sequence

from hybridchat.domain.chat import Message, Role
from hybridchat.domain.text import clean_line
from hybridchat.session.ways import Way
from hybridchat.tui.widgets.rows import Row

MOST_SHOWN = 8
LIMITS = "Names and addresses cannot be found: look for those yourself."


def way_rows(ways: Sequence[Way], stay: str = "Keep it here; send nothing") -> list[Row]:
    """What can be done, in words; the first row does nothing."""
    return [Row("stay", stay), *map(_row, ways)]


def _row(way: Way) -> Row:
    words = str(way)
    side = "local" if way.candidate.is_local else "managed"
    return Row(way, words[:1].upper() + words[1:], side, side)


def left_out_words(messages: Sequence[Message], turns: int) -> str:
    """The first words of the turns that would be left out."""
    questions = [message.text for message in messages if message.role is Role.USER][:turns]
    lines = [f"{number}. {clean_line(text, 54)}" for number, text in enumerate(questions[:MOST_SHOWN], 1)]
    if turns > MOST_SHOWN:
        lines.append(f"… and {turns - MOST_SHOWN:,} more")
    return "\n".join((*lines, "They stay in this chat; this reply and the next ones do without them."))
