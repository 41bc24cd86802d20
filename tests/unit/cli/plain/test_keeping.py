"""What a line conversation takes in and notes."""

from __future__ import annotations

from pathlib import Path

import pytest

from hybridchat.ledger.store import open_ledger
from tests.fakes.keyrings import InstallKeyring, MemoryKeyring
from tests.unit.cli.plain.conftest import CTRL_C, Converse, Script, Sides
from tests.unit.importing import shapes

KEY = "sk-a-key-of-somebody"


async def test_a_chat_is_starred_tagged_and_archived(converse_by: Converse, sides: Sides, home: Path) -> None:
    said = await converse_by(Script("/star", "one", "/star", "/tags work, to read", "/tags -work", "/tags", "/archive"))
    assert "send the first message, then it can be marked" in said.err
    assert "Starred: it is not deleted by its age." in said.err
    assert said.err.count("Tags: to read.") == 2
    ledger = open_ledger(home / "hybridchat.db")
    (conversation,) = ledger.conversations(10, with_archived=True).result()
    ledger.close()
    assert conversation.starred_at and conversation.archived_at and conversation.tags == ("to read",)


async def test_conversations_are_imported(converse_by: Converse, sides: Sides, tmp_path: Path) -> None:
    file = tmp_path / "conversations.json"
    file.write_bytes(shapes.as_json([shapes.gpt_chat()]))
    said = await converse_by(Script("/import", f"/import {file}", "/import /nowhere.json", "/open"))
    assert "no file was named" in said.err
    assert "added 1 new conversation, with" in said.err
    assert "nowhere.json" in said.err
    assert said.out.startswith("1. ")


async def test_what_is_exported_the_moment_it_was_said_can_be_imported(
    converse_by: Converse, sides: Sides, tmp_path: Path
) -> None:
    file = tmp_path / "talk.json"
    said = await converse_by(Script("one", f"/export {file}", f"/import {file}"))
    assert "1 here already" in said.err and "not read" not in said.err


@pytest.mark.parametrize("answer", [KEY, "", CTRL_C], ids=["typed", "empty", "ctrl-c"])
async def test_a_key_is_asked_for_unseen_and_kept(
    converse_by: Converse, sides: Sides, install_keyring: InstallKeyring, answer: object
) -> None:
    keyring = MemoryKeyring()
    install_keyring(keyring)
    script = Script("/key", "2", answer, "/key nobody")
    said = await converse_by(script)
    assert script.secrets == ["Key of cloud, not shown:"]
    assert ("The key of cloud is kept in the keyring" in said.err) is (answer == KEY)
    assert KEY not in said.err + said.out
    assert "there is no backend 'nobody'" in said.err


async def test_what_the_command_line_does_is_named(converse_by: Converse, sides: Sides) -> None:
    said = await converse_by(Script("/settings", "/theme", "/regenerate", "/delte"))
    assert "did you mean /again?" in said.err and "did you mean /delete " in said.err
    assert "needs the screen — `hybridchat doctor` says where config.toml is" in said.err
    assert "needs the screen — hybridchat without --plain" in said.err


async def test_help_finds(converse_by: Converse, sides: Sides) -> None:
    said = await converse_by(Script("/help privacy", "/help xyzzy"))
    assert [line.split()[0] for line in said.out.splitlines()][:1] == ["/privacy"]
    assert "Nothing here is about xyzzy. /help lists all." in said.out


async def test_all_branches_of_a_conversation_go_to_one_file(
    converse_by: Converse, sides: Sides, tmp_path: Path
) -> None:
    one, every = tmp_path / "one.md", tmp_path / "every.md"
    await converse_by(Script("one", "/again", f"/export {one}", f"/export --branches {every}"))
    assert "one branch: 2 of 3 messages" in one.read_text(encoding="utf-8")
    assert "# Branch 2 of 2, after “one”" in every.read_text(encoding="utf-8")
