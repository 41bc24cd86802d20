"""Code and replies out of a line conversation: to a file, through a command that is asked about, as a quote."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.completions import FakeCompletions
from tests.faults.cli import backend, configure
from tests.unit.cli.plain.conftest import CTRL_C, Converse, Script

REPLY = "Two ways:\n\n```python\nx = 1\n```\n\n1. or\n\n   ```sh\n   b\n   a\n   ```\n"
POSIX = pytest.mark.skipif(os.name != "posix", reason="its commands are a shell's")


@pytest.fixture
async def lab(home: Path) -> AsyncIterator[FakeCompletions]:
    async with FakeCompletions(text=REPLY) as server:
        configure(home, backend(server.url, more="vouched = true"))
        yield server


def asked(server: FakeCompletions) -> list[str]:
    return [request.json()["messages"][-1]["content"] for request in server.sent("/v1/chat/completions")]


async def test_the_block_that_is_chosen_or_the_whole_reply_goes_to_a_file(
    converse_by: Converse, lab: FakeCompletions, tmp_path: Path
) -> None:
    new, old, whole = (tmp_path / name for name in ("new.sh", "old.py", "whole.md"))
    said = await converse_by(
        Script(
            "how?", f"/save-code {new}", "2", "/save-code", "3", str(old), f"/save-code {whole}", "4", "/save-code", ""
        )
    )
    assert [file.read_text() for file in (new, old)] == ["b\na\n", "x = 1\n"]
    assert whole.read_text() == REPLY.rstrip() + "\n"
    assert "2. sh, 2 lines, b a" in said.err and "Nothing is saved." in said.err


async def test_a_file_that_is_there_is_replaced_only_after_a_yes(
    converse_by: Converse, lab: FakeCompletions, tmp_path: Path
) -> None:
    file = tmp_path / "a.sh"
    file.write_text("mine")
    said = await converse_by(Script("how?", f"/save-code {file}", "2", "", f"/save-code {tmp_path}", "2"))
    assert f"Replace {file}?" in said.err and file.read_text() == "mine"
    assert "is a folder — name a file in it" in said.err
    await converse_by(Script("how?", f"/save-code {file}", "2", "2"))
    assert file.read_text() == "b\na\n"


async def test_in_a_pipe_the_newest_block_is_meant_and_no_command_runs(
    converse_by: Converse, lab: FakeCompletions, tmp_path: Path
) -> None:
    file = tmp_path / "a.sh"
    await converse_by(Script("how?", f"/save-code {file}", is_interactive=False))
    assert file.read_text() == "b\na\n"
    with pytest.raises(Exception, match="nobody is here to ask"):
        await converse_by(Script("how?", f"/pipe-code touch {tmp_path / 'ran'}", is_interactive=False))
    assert not (tmp_path / "ran").exists()


@POSIX
async def test_a_command_runs_after_a_yes_and_its_output_is_inert(converse_by: Converse, lab: FakeCompletions) -> None:
    said = await converse_by(Script("how?", "/pipe-code sort; printf '\\033[31mred'; exit 3", "2", "2"))
    assert said.out.endswith("a\nb\n\N{SYMBOL FOR ESCAPE}[31mred\n")
    assert "with 2 lines? It goes to " in said.err and "Exit code 3." in said.err


async def test_nothing_runs_without_a_yes(converse_by: Converse, lab: FakeCompletions, tmp_path: Path) -> None:
    call = f"/pipe-code touch {tmp_path / 'ran'}"
    said = await converse_by(Script("how?", call, "2", "", call, "2", "1", call, "2", CTRL_C, call, "1"))
    assert said.err.count("Nothing ran.") == 4 and not (tmp_path / "ran").exists()


async def test_a_pinned_chat_says_where_a_command_may_send_it(converse_by: Converse, lab: FakeCompletions) -> None:
    said = await converse_by(Script("how?", "/pipe-code sort", "2", ""), local_only=True)
    assert "This chat stays on your machines; where the command sends it is up to the command." in said.err


async def test_a_quote_is_what_the_next_message_begins_with(converse_by: Converse, lab: FakeCompletions) -> None:
    said = await converse_by(Script("how?", "/quote 1", "why so?", "and now?", "/quote 99"))
    assert asked(lab) == ["how?", "> how?\n\nwhy so?", "and now?"]
    assert "'99' is no message of this branch" in said.err


async def test_a_quote_of_one_chat_goes_with_no_other(converse_by: Converse, lab: FakeCompletions) -> None:
    said = await converse_by(Script("how?", "/quote", "/quote none", "two", "/quote", "/new", "three"))
    assert asked(lab) == ["how?", "two", "three"]
    assert "Nothing is quoted." in said.err and "What was quoted is left behind." in said.err


async def test_without_a_reply_there_is_nothing_to_take(converse_by: Converse, lab: FakeCompletions) -> None:
    said = await converse_by(Script("/save-code a", "/pipe-code sort", "/quote", "/copy-code"))
    assert said.err.count("there is no reply yet") == 2 and "there is nothing to quote" in said.err
    assert "/save-code writes it to a file" in said.err
