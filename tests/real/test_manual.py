"""The manual page, as strict readers of manual pages see it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "hybridchat.1"


@pytest.mark.needs("mandoc")
def test_the_manual_page_is_well_made() -> None:
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", PAGE], capture_output=True, text=True)
    warnings = [line for line in done.stdout.splitlines() if "missing date" not in line]  # one that would tell nothing
    assert warnings == []
    shown = subprocess.run(["mandoc", "-T", "utf8", PAGE], capture_output=True, text=True, check=True).stdout
    for words in ("SYNOPSIS", "Ctrl+N", "HYBRIDCHAT_HOME", "config.toml", "--off-record", "130"):
        assert words in _plain(shown), words


def _plain(overstruck: str) -> str:
    """Without the backspaces by which it is bold or underlined."""
    kept: list[str] = []
    for character in overstruck:
        if character == "\b":
            kept.pop()
        else:
            kept.append(character)
    return "".join(kept)
