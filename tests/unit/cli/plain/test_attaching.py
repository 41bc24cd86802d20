"""What goes along with the next message of a line conversation, and with no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.plain.conftest import Converse, Script, Sides


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "notes.txt"
    file.write_text("the walrus sleeps")
    return file


def walruses(sides: Sides) -> list[bool]:
    """Whether each request told of one."""
    return ["walrus" in request.body.decode() for request in sides.lab.sent("/v1/chat/completions")]


async def test_a_file_goes_with_the_next_message_alone(converse_by: Converse, sides: Sides, file: Path) -> None:
    said = await converse_by(Script(f"/attach {file}", "what sleeps?", "/attachments", "/new", "and now?"))
    assert walruses(sides) == [True, False]
    assert "Goes along with the next message: notes.txt" in said.err
    assert "notes.txt" in said.out and ", sent" in said.out


async def test_the_texts_of_a_folder_are_asked_for(converse_by: Converse, sides: Sides, file: Path) -> None:
    await converse_by(Script(f"/attach {file.parent}", "1", "one", f"/attach {file.parent}", "2", "two"))
    assert walruses(sides) == [False, True]


async def test_it_can_be_taken_out_and_goes_to_no_other_chat(converse_by: Converse, sides: Sides, file: Path) -> None:
    lines = (f"/attach {file}", "/attachments none", "one", f"/attach {file}", "/new", "two", "/attach", "/attach /no")
    said = await converse_by(Script(*lines))
    assert walruses(sides) == [False, False]
    assert "What was attached is left behind." in said.err
    assert "no file was named" in said.err


async def test_an_edited_message_keeps_what_was_attached(converse_by: Converse, sides: Sides, file: Path) -> None:
    await converse_by(Script(f"/attach {file}", "what sleeps?", "/edit", "who sleeps?"))
    assert walruses(sides) == [True, True]


async def test_what_is_attached_before_an_edit_goes_along_with_it(
    converse_by: Converse, sides: Sides, file: Path
) -> None:
    await converse_by(
        Script("one", f"/attach {file}", "/edit", "one, with it", "two", f"/attach {file}", "/edit", "/edit")
    )
    assert walruses(sides) == [False, True, True]
