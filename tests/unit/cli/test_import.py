"""`hybridchat import`: what came in words and in JSON, and whose privacy it gets."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from hybridchat.domain.compare import Judgement
from hybridchat.ledger.store import TurnIds
from tests.unit.cli.conftest import Cli
from tests.unit.importing import shapes
from tests.unit.ledger.helpers import LOCAL, MANAGED, opened
from tests.unit.ledger.test_comparisons import begin, end_all


@pytest.fixture
def export(tmp_path: Path) -> Path:
    file = tmp_path / "conversations.json"
    broken = {**shapes.gpt_chat("c3"), "conversation_id": None, "id": None}
    empty = shapes.gpt({"root": (None, None)}, "root", "c4")
    file.write_bytes(shapes.as_json([shapes.gpt_chat("c1"), shapes.gpt_chat("c2", 2), broken, empty]))
    return file


def privacies(cli: Cli) -> list[str]:
    return [one["privacy"] for one in cli("list", "--json").json]


def test_what_came_and_what_did_not(cli: Cli, export: Path) -> None:
    said = cli("import", str(export))
    assert (said.code, said.out) == (0, "")
    assert said.err.splitlines()[-3:] == [
        "added 2 new conversations, with 6 messages",
        "1 empty, 1 not read",
        "not read: conversation 3: it has no id",
    ]
    assert "2 here already" in cli("import", str(export)).err
    assert [one["title"] for one in cli("list", "--json").json] == ["chat c2", "chat c1"]


def test_the_same_for_programs(cli: Cli, export: Path) -> None:
    rehearsed = cli("import", str(export), "--dry-run", "--json").json
    assert cli("list", "--json").json == []
    assert cli("import", str(export), "--json").json == rehearsed
    assert rehearsed == {
        "new": 2,
        "grown": 0,
        "already_here": 0,
        "messages": 6,
        "usage_rows": 0,
        "votes": 0,
        "empty": 1,
        "pinned": None,
        "unread": 1,
        "unread_entries": [{"where": "conversation 3", "why": "it has no id"}],
    }
    assert cli("export", "usage", "--json").json == []


def test_whose_privacy_foreign_conversations_get(cli: Cli, export: Path, home: Path, tmp_path: Path) -> None:
    cli("import", str(export))
    assert privacies(cli) == ["open", "open"]
    assert "all of it is local only: this import is local only" in cli("import", "--local-only", str(export)).err
    assert privacies(cli) == ["local_only", "local_only"]


def test_the_configs_default_holds_for_them(cli: Cli, export: Path, home: Path) -> None:
    home.mkdir()
    (home / "config.toml").write_text('[privacy]\ndefault = "private"\n')
    cli("import", str(export))
    assert privacies(cli) == ["private", "private"]


def test_a_pinned_folder_pins_what_comes_from_it(cli: Cli, export: Path, tmp_path: Path) -> None:
    (tmp_path / ".hybridchat.toml").write_text("local_only = true\n")
    said = cli("import", str(export), "--json").json
    assert ".hybridchat.toml" in said["pinned"]
    assert privacies(cli) == ["local_only", "local_only"]


def test_every_source_twice_is_once(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then all of it as our own JSON and as a ledger, and the first exports over those: always the same."""
    claude = shapes.claude(
        shapes.claude_message("1", "human", "hello", shapes.ROOT), shapes.claude_message("2", "assistant", "hi", "1")
    )
    said = (shapes.webui_message("1", None, "user", "hello"), shapes.webui_message("2", "1", "assistant", "hi"))
    before_trees = shapes.webui(*said, leaf="2", number="w2")
    del before_trees["chat"]["history"]
    exports = [[shapes.gpt_chat("c1", 2)], [claude], [shapes.webui(*said, leaf="2"), before_trees]]
    files = [tmp_path / f"{number}.json" for number in range(len(exports))]
    for file, entries in zip(files, exports, strict=True):
        file.write_bytes(shapes.as_json(entries))
    row = ("r1", "tiny", "what?", None, None, None, "That.", None, "k1", 9, "2025-01-02T03:05:00")
    llm = shapes.llm_database(tmp_path / "llm.db", shapes.LLM_OLD, conversations=[("k1", "talk", "m")], responses=[row])
    for file, new in zip((*files, llm), (1, 1, 2, 1), strict=True):
        for came, here in ((new, 0), (0, new)):
            report = cli("import", "--json", str(file)).json
            assert (report["new"], report["grown"], report["already_here"]) == (came, 0, here), file.name
            assert (report["messages"] > 0, report["unread"]) == (came > 0, 0)
    ours = tmp_path / "ours.zip"
    cli("export", "conversation", "--all", "--format", "json", "--branches", "-o", str(ours))
    ledger = Path(os.environ["HYBRIDCHAT_HOME"]) / "hybridchat.db"
    for elsewhere, file in (("a", ours), ("b", ledger)):
        monkeypatch.setenv("HYBRIDCHAT_HOME", str(tmp_path / elsewhere))
        assert cli("import", "--json", str(file)).json["new"] == 5
        for again in (ours, ledger, files[0]):
            report = cli("import", "--json", str(again)).json
            assert (report["new"], report["grown"], report["messages"]) == (0, 0, 0), again.name
        assert len(cli("list", "--json").json) == 5


def test_our_own_json_there_and_back(
    cli: Cli, answered: TurnIds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "chats.zip"
    cli("export", "conversation", "--all", "--format", "json", "--branches", "-o", str(file))
    assert cli("import", str(file), "--json").json["already_here"] == 1
    monkeypatch.setenv("HYBRIDCHAT_HOME", str(tmp_path / "elsewhere"))
    assert cli("import", str(file), "--json").json["new"] == 1
    copy = cli("show", "1", "--json").json
    assert [(m["text"][:7], m["model"], m["attempt"]) for m in copy["messages"]] == [
        ("why is ", None, None),
        ("Because", "tiny", None),
    ]


def test_votes_go_there_with_our_own_json_once(
    cli: Cli, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(home / "hybridchat.db") as ledger:
        ids = begin(ledger, LOCAL, MANAGED, is_hidden=True)
        end_all(ledger, ids)
        ledger.vote(ids.comparison_id, Judgement.BETTER, 1).result()
    file = tmp_path / "talk.json"
    cli("export", "conversation", "1", "--json", "--branches", "-o", str(file))
    assert cli("show", "1", "--json").json["comparisons"] == json.loads(file.read_text())["comparisons"]
    voted = cli("stats", "votes").out
    monkeypatch.setenv("HYBRIDCHAT_HOME", str(tmp_path / "elsewhere"))
    assert "added 1 new conversation, with 3 messages and 1 vote" in cli("import", str(file)).err
    assert cli("import", str(file), "--json").json["votes"] == 0
    assert cli("stats", "votes").out == voted != ""


def test_another_machines_ledger(
    cli: Cli, answered: TurnIds, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HYBRIDCHAT_HOME", str(tmp_path / "elsewhere"))
    said = cli("import", str(home / "hybridchat.db"))
    assert said.err.splitlines()[-1] == "added 1 new conversation, with 2 messages and 1 usage row"
    (row,) = cli("export", "usage", "--json").json
    assert (row["backend"], row["completion_tokens"]) == ("lab", 40)


def test_keep_days_would_take_them_again(cli: Cli, export: Path, home: Path) -> None:
    home.mkdir()
    (home / "config.toml").write_text("[privacy]\nkeep_days = 30\n")
    assert "conversations older than that are deleted again" in cli("import", str(export)).err


@pytest.mark.parametrize(
    ("data", "code", "says"),
    [
        (b"hello", 2, "is no JSON — give an export as it came"),
        (b"", 2, "is empty — "),
        (b'{"name": "something else"}', 1, "not read: conversation 1: it is no conversation of a known kind"),
    ],
)
def test_what_is_no_export(data: bytes, code: int, says: str, cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_bytes(data)
    said = cli("import", str(file))
    assert said.code == code
    assert says in said.err
    assert cli("list", "--json").json == []


def test_a_title_and_a_reason_are_inert(cli: Cli, tmp_path: Path) -> None:
    entry: dict[str, Any] = {**shapes.gpt_chat("c1"), "title": "a\x1b[2J\n\u202eb"}
    entry["mapping"]["\x1b[2J"] = 7
    file = tmp_path / "x.json"
    file.write_text(json.dumps([entry]))
    assert "\x1b" not in cli("import", str(file)).err
    assert cli("list", "--json").json[0]["title"] == "a␛[2J �b"
