"""The rows of the dialog that offers ways on."""

from __future__ import annotations

from collections.abc import Sequence

from hybridchat.session.ways import Way
from hybridchat.tui.widgets.rows import Row


def way_rows(ways: Sequence[Way], stay: str = "Keep it here; send nothing") -> list[Row]:
    """What can be done, in words; the first row does nothing."""
    return [Row("stay", stay), *map(_row, ways)]


def _row(way: Way) -> Row:
    words = str(way)
    side = "local" if way.candidate.is_local else "managed"
    return Row(way, words[:1].upper() + words[1:], side, side)
