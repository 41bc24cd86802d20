"""The page on routing shows the tables that ship."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hybridchat.domain.routing import SHIPPED_TABLES

PAGE = (Path(__file__).parents[3] / "docs" / "routing.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SHIPPED_TABLES)
def test_each_row_with_its_target_and_reason(name: str) -> None:
    section = PAGE.split(f"`{name}`:\n", 1)[1].split("\n\n")[0]
    shown = re.findall(r"^\| .+ \| (\S.*\S) \| (\S.*\S) \|$", section, re.MULTILINE)[1:]
    assert shown == [("you choose" if row.to == "ask" else row.to, row.why) for row in SHIPPED_TABLES[name]]
