"""The slash commands: what the screen's actions do, by their words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hybridchat.cli.plain.commands import BY_NAME, COMMANDS, OWN
from hybridchat.tui import slashes
from tests.unit.cli.plain.conftest import Converse, Script, Sides

DOC = Path(__file__).parents[4] / "docs" / "plain.md"


def test_a_name_means_the_same_here_and_on_the_screen() -> None:
    by_action = {name: action for name, action in slashes.BY_NAME.items() if name in BY_NAME}
    assert [name for name, action in by_action.items() if BY_NAME[name].names != action.names] == []
    assert [name for command in OWN for name in command.names if name in slashes.BY_NAME] == []
    assert len(BY_NAME) == sum(len(command.names) for command in COMMANDS)


def test_the_docs_name_them_all() -> None:
    doc = DOC.read_text(encoding="utf-8")
    assert [command.names[0] for command in COMMANDS if f"`/{command.names[0]}`" not in doc] == []


def test_nothing_of_it_imports_the_screen() -> None:
    code = "import sys, hybridchat.wiring, hybridchat.cli.plain.opening, hybridchat.cli.plain.conversation as c; "
    code += "print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert set(done.stdout.split()) & {"textual", "rich", "readline", "genai_prices", "keyring", "httpx2"} == set()


async def test_help_says_all(converse_by: Converse, sides: Sides) -> None:
    said = await converse_by(Script("/help"))
    assert [str(command) for command in COMMANDS if str(command) not in said.out.splitlines()] == []


async def test_conversations_are_listed_opened_renamed_deleted_and_brought_back(
    converse_by: Converse, sides: Sides
) -> None:
    commands = ("one", "/new", "two", "/rename other title", "/list", "/open 1", "/delete", "/list", "/undo", "/list")
    said = await converse_by(Script(*commands))
    listed = [line.partition(" ")[0] for line in said.out.splitlines() if line[0].isdigit()]
    assert listed == ["2.", "1.", "2.", "1.", "2."] or listed == ["2.", "1.", "2.", "2.", "1."]
    assert "other title, open here" in said.out
    assert "You: one\nfrom lab" in said.out


async def test_off_the_record_ones_have_numbers_of_their_own(converse_by: Converse, sides: Sides) -> None:
    said = await converse_by(Script("/off-record", "one", "/list", "/new", "/open off-1", "/show"))
    assert "off-1. " in said.out
    assert said.out.count("You: one") == 2


async def test_routes_and_models_by_word_and_by_number(converse_by: Converse, sides: Sides) -> None:
    said = await converse_by(Script("/route", "4", "one", "/route cloud fake", "/model", "2", "/route nope", "two"))
    assert "4. managed: a third party; no earlier messages go along" in said.err
    assert "no backend 'nope'" in said.err
    assert "Which model of cloud?" in said.err
    assert sides.asked(sides.cloud) == ["one", "two"]


async def test_answers_beside_each_other(converse_by: Converse, sides: Sides) -> None:
    said = await converse_by(Script("one", "/again", "/answers", "/answers 1", "/answers 9"))
    assert "2. lab · fake" in said.out and "(shown)" in said.out
    assert "there is no answer '9'" in said.err
    assert sides.asked(sides.lab) == ["one", "one"]


async def test_branches_are_lines_with_numbers(converse_by: Converse, sides: Sides) -> None:
    said = await converse_by(
        Script("one", "/edit", "one, better", "/tree", "/tree 2", "/fork 1", "/tree", "/edit 5", "/edit", "/again lab")
    )
    assert sides.asked(sides.lab) == ["one", "one, better", "one"]
    tree = [line for line in said.out.splitlines() if line.lstrip()[:1].isdigit() and ". you: " in line]
    assert tree[0].startswith("1. you: one")  # what is about to be reworded
    assert tree[1].startswith("  1. you: one (not shown, 1 of 2, ")
    assert tree[2].startswith("3. you: one, better (2 of 2, ")
    assert said.out.count("You: one\n") >= 1, "the branch of the first answer is shown again"
    assert "This is the fork, with 1 message." in said.err
    assert "Your next message is a new one again." in said.err


async def test_a_branch_is_deleted_and_comes_back(converse_by: Converse, sides: Sides) -> None:
    said = await converse_by(Script("one", "two", "/delete-branch 3", "/tree", "/undo", "/delete-branch 1", "/tree"))
    assert "Deleted: 2 messages. /undo brings that back" in said.err
    assert "Nothing else was in it: the chat is deleted." in said.err
    assert [line[:9] for line in said.out.splitlines() if ". you: " in line] == ["1. you: o"]
    assert "This chat is empty." in said.err


async def test_the_numbers_are_words(converse_by: Converse, sides: Sides) -> None:
    said = await converse_by(Script("one", "/panel", "/standing", "/budget"))
    assert "replies: local 1, managed 0\n" in said.out
    assert "lab: loopback, you vouched, at http://127.0.0.1" in said.out
    assert "No budget is set." in said.err


async def test_words_are_found_again_and_a_conversation_is_exported(
    converse_by: Converse, sides: Sides, tmp_path: Path
) -> None:
    file = tmp_path / "chat.md"
    said = await converse_by(
        Script("a rare word", "/search rare before:never", "/search nowhere", f"/export {file}", "/export x")
    )
    assert any(line.startswith("1. ") and "a rare word" in line for line in said.out.splitlines())
    assert "Nothing was found." in said.err and "before:" in said.err
    assert "from lab" in file.read_text(encoding="utf-8")
    assert "no file was named whose ending says the format" in said.err


async def test_words_are_found_in_this_chat_alone(converse_by: Converse, sides: Sides) -> None:
    said = await converse_by(Script("a rare word", "/new", "another RARE one", "/find rare", "/find nowhere", "/find"))
    found = [line for line in said.out.splitlines() if line.startswith("You: ")]
    assert found == ["You: another RARE one"]
    assert said.err.count("Nothing was found in this chat.") == 2


async def test_a_path_is_words_and_two_slashes_are_one(converse_by: Converse, sides: Sides) -> None:
    await converse_by(Script("/usr/bin is what?", "//new words", "/*comment*/"))
    assert sides.asked(sides.lab) == ["/usr/bin is what?", "/new words", "/*comment*/"]


async def test_what_is_the_screens_says_so(converse_by: Converse, sides: Sides) -> None:
    said = await converse_by(Script("/theme"))
    assert "/theme (Theme) needs the screen" in said.err


async def test_what_routes_heed(converse_by: Converse, sides: Sides) -> None:
    said = await converse_by(Script("/effort low", "/reasoning", "/workload code", "/privacy private", "/thinking"))
    assert "High reasoning is on." in said.err
    assert "Kind of task: code." in said.err
    assert "This chat is private: your machines only." in said.err
    assert "Thinking is shown." in said.err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("/", "there is no command /"),
        ("/priv", "did you mean /privacy?"),
        ("/privcay", "did you mean /privacy?"),
        ("/open x", "'x' is no number of a conversation"),
        ("/open 99", "no conversation 99"),
        ("/rename", "this chat is empty"),
        ("/delete", "this chat is empty"),
        ("/undo", "there is no deletion to undo"),
        ("/again", "there is no question to answer again"),
        ("/other", "there is no question to answer again"),
        ("/edit", "that is none of your messages here"),
        ("/fork", "this chat is empty"),
        ("/delete-branch", "this chat is empty"),
        ("/tree x", "is no number of a message"),
        ("/tree 9", "no message 9 in this conversation"),
        ("/ways", "the last question has its answer"),
        ("/answers", "the last question has no other answer"),
        ("/export a.md", "this chat is empty"),
        ("/effort much", "'much' is none of these"),
        ("/privacy none", "local_only, private, open"),
        ("/budget year", "conversation, day, month"),
    ],
)
async def test_a_mistake_is_one_line_and_nothing_is_sent(
    line: str, said: str, converse_by: Converse, sides: Sides
) -> None:
    done = await converse_by(Script(line))
    assert said in done.err.splitlines()[2]
    assert (done.code, sides.asked(sides.lab)) == (0, [])


async def test_details_of_the_last_reply_a_fact_a_line(converse_by: Converse, sides: Sides) -> None:
    said = await converse_by(Script("/details", "one", "/details"))
    assert "there is no reply to look into" in said.err
    lines = said.out.splitlines()
    assert "Time" in lines
    assert "queue: not told" in lines
    assert not [line for line in lines if "█" in line]
