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


async def test_it_is_filled_in_line_by_line_sent_by_an_empty_line_and_saved(
    converse_by: Converse, sides: Sides, library: Path
) -> None:
    filled = ("/save-prompt x", "/prompt", "2", "2", "", "/prompt nope", "")
    said = await converse_by(Script(*filled, "/save-prompt bye", "/save-prompt say"))
    assert "broken.md:1: the +++ is not closed" in said.err and "there is no prompt 'nope'" in said.err
    assert "Say goodbye,\nworld.\n" in said.out
    assert sides.asked(sides.lab) == ["Say goodbye,\nworld."]
    assert "there is no message to save yet" in said.err and "there is a prompt say already" in said.err
    assert (library / "bye.md").read_text().endswith("+++\nSay goodbye,\nworld.\n")
    assert (library / "say.md").read_text() == SAY
