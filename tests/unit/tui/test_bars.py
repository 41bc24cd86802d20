"""The one-line parts of the chat screen."""

from __future__ import annotations

import pytest

from hybridchat.tui.actions import ACTIONS
from hybridchat.tui.widgets.bars import key_bar


@pytest.mark.parametrize("width", range(16, 100))
def test_the_footer_fits_and_says_how_to_get_help_and_how_to_leave(width: int) -> None:
    bar = key_bar(width)
    assert bar.cell_length <= width
    assert bar.plain.endswith("F1 help  ^Q quit")


def test_a_wide_footer_has_every_entry_in_the_tables_order() -> None:
    words = [action.footer for action in ACTIONS if action.footer]
    assert [entry.split(" ")[1] for entry in key_bar(200).plain.split("  ")] == words
