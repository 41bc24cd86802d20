"""What the list of chats does, without a screen."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
from msgspec.structs import replace

from hybridchat.domain.chat import MessageState
from hybridchat.ledger.store import TurnIds, open_ledger
from tests.unit.cli.conftest import NEW_TURN, Cli


def test_list_shows_them_newest_first(cli: Cli, answered: TurnIds) -> None:
    said = cli("list")
    assert (said.code, said.err) == (0, "")
    header, row = said.out.splitlines()
    assert header.split() == ["id", "updated", "messages", "privacy", "marks", "title"]
    assert row.split()[0] == str(answered.conversation_id)
    assert row.endswith("why is the sky blue?")
    assert cli("list", "--json").json[0]["message_count"] == 2


def test_without_any_it_says_so_on_stderr(cli: Cli) -> None:
    assert cli("list") == (0, "", "no conversation yet — `hybridchat` starts one\n")
    assert cli("list", "--json").json == []


@pytest.mark.parametrize("command", ["list", "search sky", "stats --json", "export usage", "audit"])
def test_a_ledger_that_cannot_be_used_is_not_shown_as_an_empty_one(
    cli: Cli, answered: TurnIds, home: Path, command: str
) -> None:
    shutil.rmtree(home / "run")
    (home / "run").touch()  # where a folder must be: as unusable as a read-only home
    (home / "hybridchat.db").write_bytes(b"what cannot be read either")
    said = cli(*command.split())
    assert (said.code, said.out) == (1, "")
    assert "as it was, but cannot be used now" in said.err


@pytest.mark.parametrize("command", ["delete 1 --yes", "rename 1 other"])
def test_a_ledger_that_can_only_be_read_is_read(cli: Cli, answered: TurnIds, home: Path, command: str) -> None:
    shutil.rmtree(home / "run")
    (home / "run").touch()
    said = cli("list")
    assert said.code == 0
    assert "why is the sky blue?" in said.out
    assert "nothing of this session is saved; what was saved before can be read" in said.err
    said = cli(*command.split())
    assert (said.code, said.out) == (1, "")
    assert "it cannot be changed now" in said.err


def test_search_finds_words_and_marks_them(cli: Cli, answered: TurnIds) -> None:
    assert "[Rayleigh]" in cli("search", "scattering", "Rayleigh").out
    hit = cli("search", "--json", "rayleigh").json[0]
    assert (hit["conversation_id"], hit["message_id"]) == (answered.conversation_id, answered.reply_message_id)
    assert cli("search", "nowhere") == (0, "", "nothing found\n")


def test_search_goes_on_without_what_it_does_not_understand(cli: Cli, answered: TurnIds) -> None:
    said = cli("search", "rayleigh", "zone:moon", "--json")
    assert (said.code, len(said.json)) == (0, 1)
    assert "zone: is one of device, private, managed, local" in said.err
    said = cli("search", "zone:moon")
    assert (said.code, said.out) == (2, "")
    assert "nothing to search for — zone: is one of" in said.err
    assert cli("search", "rayleigh", "-scattering", "--json").json == []
    assert cli("search", "rayleigh", "backend:nobody") == (0, "", "nothing found\n")


def test_marks_are_set_listed_and_searched(cli: Cli, answered: TurnIds) -> None:
    number = str(answered.conversation_id)
    marked = cli("mark", number, "--star", "--tag", "To  Read", "--tag", "sky", "--json").json
    assert marked["tags"] == ["sky", "to read"]
    assert cli("list").out.splitlines()[1].split("  ")[-2].strip() == "starred, sky, to read"
    hit = cli("search", "is:starred", 'tag:"to read"', "--json").json[0]
    assert (hit["conversation_id"], hit["role"], hit["is_archived"]) == (answered.conversation_id, None, False)
    assert cli("mark", number, "--unstar", "--untag", "sky", "--archive") == (0, "", "")
    assert cli("list", "--json").json == []
    (listed,) = cli("list", "--archived", "--json").json
    assert (listed["tags"], listed["starred_at"]) == (["to read"], None)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [("ID", "nothing to change"), ("99 --star", "no conversation 99"), ("ID --tag a,b", "'a,b' is no tag")],
)
def test_a_mark_that_cannot_be_set(cli: Cli, answered: TurnIds, arguments: str, said: str) -> None:
    result = cli("mark", *arguments.replace("ID", str(answered.conversation_id)).split())
    assert (result.code, result.out) == (2, "")
    assert said in result.err


def test_rename(cli: Cli, answered: TurnIds) -> None:
    assert cli("rename", str(answered.conversation_id), "Sky\ncolours").code == 0
    assert cli("list", "--json").json[0]["title"] == "Sky colours"
    assert cli("rename", str(answered.conversation_id), "  ").code == 2


@pytest.mark.parametrize(
    "command", ["show ID", "list --limit ID", "ask hi --conversation ID", "ask hi --max-tokens ID"]
)
def test_a_number_beyond_all_counting_is_no_number(cli: Cli, command: str) -> None:
    said = cli(*command.replace("ID", str(2**63)).split())
    assert said.code == 2
    assert f"'{2**63}' is not from 1 to {2**63 - 1}" in said.err


def test_delete_takes_the_text_and_leaves_the_numbers(cli: Cli, answered: TurnIds, home: Path) -> None:
    assert cli("delete", str(answered.conversation_id), "--yes").code == 0
    assert cli("list", "--json").json == []
    with sqlite3.connect(home / "hybridchat.db") as database:
        assert database.execute("SELECT count(*) FROM message").fetchone() == (0,)
        assert database.execute("SELECT completion_tokens FROM usage").fetchall() == [(40,)]
    database.close()
    for file in home.rglob("*"):
        assert not file.is_file() or b"Rayleigh" not in file.read_bytes()


def test_delete_asks_where_it_can_and_needs_a_yes_where_it_cannot(
    cli: Cli, answered: TurnIds, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = str(answered.conversation_id)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert cli("delete", number).code == 2
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda prompt: "n")
    assert cli("delete", number).code == 130
    assert len(cli("list", "--json").json) == 1


def test_old_ones_are_shown_before_they_are_deleted(
    cli: Cli, answered: TurnIds, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = open_ledger(home / "hybridchat.db")
    for title in ("a second", "a third"):
        ledger.begin_turn(replace(NEW_TURN, title=title)).result()
    ledger.close()
    with sqlite3.connect(home / "hybridchat.db") as database:
        database.execute("UPDATE conversation SET updated_at = '2025-01-01T00:00:00.000Z' WHERE id < 3")
    database.close()
    assert cli("delete", "--older-than", "2024-12-31", "--yes").err == "no conversation is that old\n"
    said = cli("delete", "--older-than", "90d")
    assert (said.code, said.err.splitlines()[-1]) == (2, "hybridchat: deleting 2 conversations needs a yes — add --yes")
    assert "a second (2 messages)" in said.err and "a third" not in said.err
    assert cli("delete", "--older-than", "90d", "--yes").err == "deleted 2 conversations\n"
    assert [one["title"] for one in cli("list", "--json").json] == ["a third"]
    for wrong in ([], ["3", "--older-than", "90d"], ["--older-than", "soon"]):
        assert cli("delete", *wrong, "--yes").code == 2


def test_a_star_keeps_from_being_deleted_by_age_also_while_the_question_is_open(
    cli: Cli, answered: TurnIds, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = open_ledger(home / "hybridchat.db")
    for _ in range(2):
        ledger.begin_turn(NEW_TURN).result()
    ledger.close()

    def age(*ids: int) -> None:
        with sqlite3.connect(home / "hybridchat.db") as database:
            database.executemany("UPDATE conversation SET updated_at = '2025-01-01' WHERE id = ?", [(i,) for i in ids])
        database.close()

    def meanwhile(prompt: str) -> str:
        with sqlite3.connect(home / "hybridchat.db") as database:
            database.execute("UPDATE conversation SET starred_at = '2026-01-01' WHERE id = 2")
        database.close()
        return "y"

    age(1, 2, 3)
    assert cli("mark", "1", "--star").code == 0
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.termui.visible_prompt_func", meanwhile)
    assert "deleted conversation 3" in cli("delete", "--older-than", "90d").err
    assert sorted(one["id"] for one in cli("list", "--json").json) == [1, 2]


def test_old_ones_go_by_themselves_where_the_config_says_so(cli: Cli, answered: TurnIds, home: Path) -> None:
    (home / "config.toml").write_text("[privacy]\nkeep_days = 30\n")
    with sqlite3.connect(home / "hybridchat.db") as database:
        database.execute("UPDATE conversation SET updated_at = '2025-01-01T00:00:00.000Z'")
    database.close()
    said = cli("list", "--json")
    assert "1 conversation that had rested for 30 days deleted" in said.err
    assert cli("list", "--json") == (0, "[]\n", "")


@pytest.mark.parametrize("command", [("show", "7"), ("rename", "7", "x"), ("delete", "7", "--yes")])
def test_an_id_that_is_not_there(command: tuple[str, ...], cli: Cli, answered: TurnIds) -> None:
    said = cli(*command)
    assert said == (2, "", "hybridchat: there is no conversation 7 — `hybridchat list` shows the ids\n")


def test_backup_and_restore(cli: Cli, answered: TurnIds, home: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    assert cli("backup", str(copy)).out == f"{copy}\n"
    assert cli("delete", str(answered.conversation_id), "--yes").code == 0
    assert cli("restore", str(copy)).code == 0
    assert len(cli("list", "--json").json) == 1
    assert cli("backup", str(copy)).code == 1
    assert cli("restore", str(home / "config.toml")).code == 1


def test_text_that_another_window_still_reads_is_told(cli: Cli, answered: TurnIds, home: Path) -> None:
    reader = sqlite3.connect(home / "hybridchat.db", isolation_level=None)
    try:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM message").fetchone()
        said = cli("delete", str(answered.conversation_id), "--yes")
    finally:
        reader.close()
    assert said.code == 0
    assert said.err.count("another window reads the ledger") == 1, "told once, though it is tried again when closing"


def other_answer(home: Path, asked: TurnIds) -> int:
    """Beside the one that is there, and shown; its number."""
    ledger = open_ledger(home / "hybridchat.db")
    other = ledger.begin_sibling(asked.reply_message_id, NEW_TURN.attempt).result()
    ledger.end_reply(other.reply_message_id, MessageState.STOPPED, "stopped").result()
    ledger.close()
    return other.reply_message_id


def test_the_tree_and_each_branch_of_it_are_shown(cli: Cli, answered: TurnIds, home: Path) -> None:
    number, other = str(answered.conversation_id), other_answer(home, answered)
    said = cli("show", number, "--tree")
    lines = said.out.splitlines()
    assert [line.split(" · ")[0] for line in lines[:1]] == [f"● {answered.user_message_id} you why is the sky blue?"]
    assert lines[1].startswith(f"├─○ {answered.reply_message_id} reply ‹1/2› ")
    assert lines[2].startswith(f"● {other} reply ‹2/2› (no words) · tiny · ")
    drawn = cli("show", number, "--tree", "--json").json
    assert [(one["id"], one["is_shown"]) for one in drawn] == [
        (answered.user_message_id, True),
        (answered.reply_message_id, False),
        (other, True),
    ]
    shown = cli("show", number).out
    assert "one branch: 2 of 3 messages" in shown
    branch = cli("show", number, "--message", str(answered.reply_message_id), "--json").json
    assert [message["id"] for message in branch["messages"]] == [answered.user_message_id, answered.reply_message_id]
    assert cli("show", number, "--message", "999").err.endswith("`hybridchat show 1 --tree` has their numbers\n")
    assert cli("show", number, "--tree", "--details").code == 2


def test_a_branch_is_deleted_for_good(cli: Cli, answered: TurnIds, home: Path) -> None:
    number, other = str(answered.conversation_id), other_answer(home, answered)
    assert cli("delete", number, "--message", str(other)).err.endswith("deleting a branch needs a yes — add --yes\n")
    assert cli("delete", number, "--message", str(other), "--yes").err == "deleted 1 message\n"
    assert len(cli("show", number, "--tree").out.splitlines()) == 2
    said = cli("delete", number, "--message", str(answered.user_message_id), "--yes")
    assert (said.code, "nothing else is in this conversation" in said.err) == (2, True)
    assert cli("delete", "--older-than", "90d", "--message", "1").code == 2
