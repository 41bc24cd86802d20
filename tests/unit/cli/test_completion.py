"""What a shell is answered when it completes, by the protocol that its script speaks."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from hybridchat.cli import app
from hybridchat.cli.known import ConversationId, Known, Several, is_typable
from hybridchat.ledger.store import TurnIds
from tests.unit.cli.conftest import Cli
from tests.unit.cli.test_app import every_command

CONFIG = """
[[backend]]
id = "lab"
kind = "ollama"
base_url = "http://127.0.0.1:9"
model = "llama3:8b"

[backend.price."llama3:70b"]
input = 1
output = 1

[[backend]]
id = "cloud"
kind = "openai"
base_url = "https://api.openai.com/v1"
model = "gpt-5"
"""
Complete = Callable[..., list[str]]


@pytest.fixture
def complete(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Complete:
    """`complete("ask --backend la")` → what bash is told, without the kind."""

    def ask(line: str, breaks: str = " :=") -> list[str]:
        monkeypatch.setenv("_HYBRIDCHAT_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMPLETE_LINE", f"hybridchat {line}")
        monkeypatch.setenv("COMPLETE_BREAKS", breaks)
        said = cli()
        assert said.err == ""
        return [line.partition(",")[2] for line in said.out.splitlines() if line]

    return ask


@pytest.fixture
def configured(home: Path) -> Path:
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text(CONFIG)
    return home


@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("compl", ["completion"]),
        ("completion f", ["fish"]),
        ("keys tes", ["test"]),
        ("keys --js", ["--json"]),
        ("ask --off", ["--off-record"]),
        ("ask --backend ", ["lab", "cloud", "auto", "local", "managed"]),
        ("ask --backend=la", ["lab"]),
        ("ask --backend la", ["lab"]),
        ("escalate --backend ", ["lab", "cloud"]),
        ("compare --backends c", ["cloud"]),
        ("compare --backends lab,c", ["lab,cloud"]),
        ("compare --backends=lab,cloud,", ["lab,cloud,lab", "lab,cloud,cloud"]),
        ("compare --models gpt-5,llama3:8b,g", ["8b,gpt-5"]),
        ("keys set c", ["cloud"]),
        ("ask --model ", ["llama3:8b", "llama3:70b", "gpt-5"]),
        ("ask --backend cloud --model ", ["gpt-5"]),
        ("ask --model llama3:", ["8b", "70b"]),
        ("ask --model=llama3:7", ["70b"]),
        ("ask --effort l", ["low"]),
        ("--theme mid", ["midnight"]),
        ("backends add mist", ["mistral"]),
    ],
)
def test_a_line_is_completed(complete: Complete, configured: Path, line: str, completed: list[str]) -> None:
    assert complete(line) == completed


def test_where_bash_does_not_break_at_a_colon_the_word_stays_whole(complete: Complete, configured: Path) -> None:
    assert complete("ask --model llama3:7", breaks=" ") == ["llama3:70b"]


def test_conversations_and_models_come_from_the_ledger(complete: Complete, configured: Path, answered: TurnIds) -> None:
    number = str(answered.conversation_id)
    assert complete("show ") == complete(f"show {number}") == complete("ask --conversation sky") == [number]
    assert complete("show green") == []
    assert complete("ask --backend lab --model t") == ["tiny"]


def test_tags_are_completed(complete: Complete, cli: Cli, answered: TurnIds, monkeypatch: pytest.MonkeyPatch) -> None:
    cli("mark", str(answered.conversation_id), "--tag", "work", "--tag", "to read")
    assert complete("mark 1 --untag ") == ["work"]


@pytest.mark.parametrize("state", ["no home", "broken config", "no ledger"])
def test_nothing_is_said_and_nothing_written_where_nothing_is_known(complete: Complete, home: Path, state: str) -> None:
    if state != "no home":
        home.mkdir()
        (home / "config.toml").write_text("[[backend]\n" if state == "broken config" else "")
        (home / "hybridchat.db").write_bytes(b"no ledger at all" * 100)
    before = sorted(home.iterdir()) if home.exists() else None
    assert complete("show ") == complete("ask --model ") == complete("keys set ") == []
    assert (sorted(home.iterdir()) if home.exists() else None) == before


@pytest.mark.parametrize("name", ["$(reboot)", "a b", "`x`", "a;b", "a,b", "-rf", "", "~root", "*", "ü"])
def test_what_a_server_calls_a_model_is_never_a_shells_command(name: str) -> None:
    assert not is_typable(name)


def test_the_script_says_how_to_keep_it(cli: Cli) -> None:
    assert cli("completion", "zsh").out.startswith("#compdef hybridchat\n# to keep it: ")
    for shell in ("bash", "fish"):
        assert cli("completion", shell).out.startswith("# to keep it: hybridchat completion ")


def test_every_place_for_a_name_of_the_users_is_completed() -> None:
    wanted = {"backend": Known, "backend_id": Known, "backend_ids": Known, "conversation_id": ConversationId}
    wanted |= {"backends": Several, "models": Several}
    places = [
        (path, parameter)
        for path, command in every_command(app.root)
        for parameter in command.params
        if parameter.name in wanted or (parameter.name == "model" and isinstance(parameter, click.Option))
    ]
    assert len(places) > 20
    bare = [f"{path} {one.name}" for path, one in places if not isinstance(one.type, wanted.get(one.name or "", Known))]
    assert bare == [], "their types are in cli/known.py"


def test_a_ledger_in_use_is_read_as_it_is(complete: Complete, configured: Path, answered: TurnIds) -> None:
    with sqlite3.connect(configured / "hybridchat.db", isolation_level=None) as db:
        db.execute("BEGIN EXCLUSIVE")
        assert complete("show ") == [str(answered.conversation_id)]
        db.execute("ROLLBACK")
    db.close()


def test_presets_and_prompts_by_their_names(complete: Complete, configured: Path) -> None:
    (configured / "config.toml").write_text(f'{CONFIG}\n[[preset]]\nname = "Brief"\n\n[[preset]]\nname = "two words"\n')
    (configured / "prompts").mkdir()
    (configured / "prompts" / "review.md").write_text("Review")
    before = sorted(path.name for path in configured.iterdir())
    assert complete("--preset ") == complete("ask --preset b") == ["Brief"], "what a shell would cut is left out"
    assert complete("ask --prompt re") == complete("prompts show ") == ["review"]
    assert sorted(path.name for path in configured.iterdir()) == before, "nothing is written"
