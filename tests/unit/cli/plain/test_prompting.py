"""Prompts of the library in a line conversation."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.plain.conftest import Converse, Script, Sides

SAY = """+++
[variables.what]
choices = ["hello", "goodbye"]
[variables.whom]
default = "world"
+++
Say {{what}},
{{whom}}.
"""


@pytest.fixture
def library(home: Path, sides: Sides) -> Path:
    folder = home / "prompts"
    folder.mkdir()
    (folder / "say.md").write_text(SAY)
    (folder / "broken.md").write_text("+++\n")
    return folder


async def test_it_is_filled_in_line_by_line_and_sent_by_an_empty_line(
    converse_by: Converse, sides: Sides, library: Path
) -> None:
    said = await converse_by(Script("/prompt", "2", "2", "", "/prompt nope", ""))
    assert "broken.md:1: the +++ is not closed" in said.err and "there is no prompt 'nope'" in said.err
    assert "Say goodbye,\nworld.\n" in said.out
    assert sides.asked(sides.lab) == ["Say goodbye,\nworld."]


async def test_a_message_is_saved_and_nothing_is_lost(converse_by: Converse, sides: Sides, library: Path) -> None:
    said = await converse_by(Script("/save-prompt x", "Explain {{it}}", "/save-prompt explain", "/save-prompt say"))
    assert "there is no message to save yet" in said.err and "there is a prompt say already" in said.err
    assert (library / "explain.md").read_text().endswith("+++\nExplain {{it}}\n")
    assert (library / "say.md").read_text() == SAY
