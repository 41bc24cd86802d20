"""Words typed while the program still starts are in the composer when it is there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.tui.terminal import Terminal

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal")


def test_typed_ahead(home: Path) -> None:
    home.mkdir()
    (home / "config.toml").write_text('[[backend]]\nid = "down"\nkind = "vllm"\nbase_url = "http://127.0.0.1:9"\n')
    with Terminal(env={}, columns=80, rows=24) as terminal:
        terminal.type("typed ahead")
        terminal.wait_for("│ typed ahead")
        terminal.type("\x11")
        assert terminal.wait_for_exit() == 0
