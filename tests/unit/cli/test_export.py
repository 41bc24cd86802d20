"""Exports to standard output and to files."""

from __future__ import annotations

import csv
import io
import os
import stat
import zipfile
from pathlib import Path

import pytest

from hybridchat.domain.chat import Attempt
from hybridchat.ledger.store import TurnIds
from tests.unit.cli.conftest import Cli
from tests.unit.ledger.helpers import LOCAL, end_of, opened


def test_usage_in_every_format_says_the_same(cli: Cli, answered: TurnIds) -> None:
    (row,) = csv.DictReader(io.StringIO(cli("export", "usage").out))
    (entry,) = cli("export", "usage", "--format", "json").json
    assert cli("export", "usage", "--format", "jsonl").json == entry
    assert cli("export", "--json").json == [entry]
    assert tuple(row) == tuple(entry) == Attempt.__struct_fields__
    assert (row["backend"], row["completion_tokens"], row["cost_usd"]) == ("lab", "40", "")
    assert (entry["completion_tokens"], entry["cost_usd"]) == (40, None)


def test_usage_is_what_is_exported_by_default(cli: Cli, answered: TurnIds) -> None:
    assert cli("export").out == cli("export", "usage").out
    assert cli("export", "--format", "json", "--since", "1d").json == cli("export", "usage", "--format", "json").json
    assert "conversation" in cli("export", "--help").out
    assert cli("export", "convresation", "1").code == 2


def test_usage_is_filtered(cli: Cli, answered: TurnIds, home: Path) -> None:
    (home / "config.toml").write_text('[[backend]]\nid = "other"\nkind = "embedded"\n')
    assert cli("export", "usage", "--format", "json", "--until", "2020-01-01").json == []
    assert cli("export", "usage", "--format", "json", "--backend", "other").json == []
    assert len(cli("export", "usage", "--format", "json", "--since", "1d", "--backend", "lab").json) == 1


def test_a_conversation_goes_to_a_file_of_the_users_own(cli: Cli, answered: TurnIds, tmp_path: Path) -> None:
    file = tmp_path / "sky.md"
    assert cli("export", "conversation", str(answered.conversation_id), "-o", str(file)) == (0, "", "")
    assert "**Rayleigh**" in file.read_text()
    assert file.read_text() == cli("show", str(answered.conversation_id)).out
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_show_and_export_agree_on_json(cli: Cli, answered: TurnIds) -> None:
    number = str(answered.conversation_id)
    shown = cli("show", number, "--json").json
    assert shown == cli("export", "conversation", number, "--format", "json").json
    assert shown == cli("export", "conversation", number, "--json").json
    assert [message["role"] for message in shown["messages"]] == ["user", "assistant"]


@pytest.mark.parametrize("what", [["usage"], ["conversation", "1"]])
def test_a_file_that_cannot_be_written(what: list[str], cli: Cli, answered: TurnIds, tmp_path: Path) -> None:
    said = cli("export", *what, "-o", str(tmp_path / "absent" / "file"))
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert "No such file or directory — name another file" in said.err


@pytest.mark.parametrize(("form", "suffix"), [("markdown", "md"), ("json", "json"), ("html", "html")])
def test_all_conversations_to_a_folder_or_a_zip(
    form: str, suffix: str, cli: Cli, answered: TurnIds, tmp_path: Path
) -> None:
    folder, archive = tmp_path / "chats", tmp_path / "chats.zip"
    for target in (folder, archive):
        said = cli("export", "conversation", "--all", "--format", form, "-o", str(target))
        assert (said.code, said.out) == (0, "")
        assert "1 conversation in" in said.err
    (file,) = folder.iterdir()
    assert file.name == f"00001-why-is-the-sky-blue.{suffix}"
    assert file.read_text() == cli("export", "conversation", "1", "--format", form).out
    with zipfile.ZipFile(archive) as opened:
        assert {name: opened.read(name) for name in opened.namelist()} == {file.name: file.read_bytes()}
    if os.name == "posix":
        modes = [stat.S_IMODE(path.stat().st_mode) for path in (folder, file, archive)]
        assert modes == [0o700, 0o600, 0o600]


def test_all_on_one_page(cli: Cli, answered: TurnIds, tmp_path: Path) -> None:
    page = tmp_path / "chats.html"
    assert cli("export", "conversation", "--all", "--format", "html", "-o", str(page)).code == 0
    assert "<strong>Rayleigh</strong>" in page.read_text()


@pytest.mark.parametrize("form", ["markdown", "html"])
def test_all_branches_or_the_one_that_is_shown(form: str, cli: Cli, answered: TurnIds, home: Path) -> None:
    with opened(home / "hybridchat.db") as ledger:
        ids = ledger.begin_sibling(answered.reply_message_id, LOCAL).result()
        ledger.end_attempt(end_of(ids, "the other answer")).result()
    one, every = (cli("export", "conversation", "1", "--format", form, *more).out for more in ((), ("--branches",)))
    assert "Rayleigh" not in one and "the other answer" in one and "one branch: 2 of 3 messages" in one
    assert "the other answer" in every and "Rayleigh" in every and "2 branches" in every


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "give the ID of a conversation, or --all"),
        (["1", "--all"], "give the ID of a conversation, or --all"),
        (["--all"], "-o names a folder"),
        (["--all", "--format", "json", "-o", "all.json"], "-o names a folder, or all.zip"),
        (["--all", "-o", "absent/folder"], "cannot write absent/folder: No such file or directory"),
        (["--all", "-o", "absent/x.zip"], "cannot write absent/x.zip"),
    ],
)
def test_an_export_that_cannot_be(arguments: list[str], says: str, cli: Cli, answered: TurnIds) -> None:
    said = cli("export", "conversation", *arguments)
    assert (said.code, said.out) == (2, "")
    assert says in said.err
