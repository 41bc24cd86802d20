"""The one-line parts of the chat screen."""

from __future__ import annotations

import pytest

from hybridchat.tui.actions import ACTIONS
from hybridchat.tui.keymap_files import load_keymap
from hybridchat.tui.widgets.bars import key_bar


@pytest.mark.parametrize("width", range(16, 100))
def test_the_footer_fits_and_says_how_to_get_help_and_how_to_leave(width: int) -> None:
    bar = key_bar(width)
    assert bar.cell_length <= width
    assert bar.plain.endswith("F1 help  ^Q quit")


def test_a_wide_footer_has_every_entry_in_the_tables_order() -> None:
    words = [action.footer for action in ACTIONS if action.footer]
    assert [entry.split(" ")[1] for entry in key_bar(200).plain.split("  ")] == words


@pytest.mark.parametrize("name", ["default", "vim"])
def test_while_reading_it_names_the_letters_and_how_to_write(name: str) -> None:
    keymap, _ = load_keymap(name, None)
    assert key_bar(76, keymap, is_reading=True).plain.startswith("[ ] message  { } code  i write  y copy  d details")
    for width in range(30, 160):
        bar = key_bar(width, keymap, is_reading=True)
        assert bar.cell_length <= width
        assert bar.plain.endswith("  ? help  ^Q quit") and "i write" in bar.plain
