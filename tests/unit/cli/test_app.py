"""The frame: lazy commands, one line for every failure, exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest

from hybridchat.cli import app
from hybridchat.errors import HybridchatError, Refused, UsageError
from tests.unit.cli.conftest import Cli

HEAVY_FOR_ASK = ("textual", "rich", "genai_prices", "keyring", "tomlkit", "ollama", "sqlite_utils", "platformdirs")


def every_command(group: click.Group, *path: str) -> list[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group, info_name=app.PROGRAM)
    found: list[tuple[tuple[str, ...], click.Command]] = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        found.append(((*path, name), command))
        if isinstance(command, click.Group):
            found += every_command(command, *path, name)
    return found


def test_every_command_has_help_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    for path, _ in every_command(app.root):
        assert app.run([*path, "--help"]) == 0
        assert f"hybridchat {' '.join(path)}" in capsys.readouterr().out.split("\n\n", 1)[1], path
    assert app.run(["--help"]) == 0
    assert "..." not in capsys.readouterr().out.partition("Talk:")[2], "what each does is said to its end"


@pytest.mark.parametrize(
    "arguments",
    [
        *("ask hi", "ask --backend lab hi", "list", "search sky", "show 1", "rename 1 title", "delete 1"),
        *("models list", "models pull tiny", "models show tiny", "models rm tiny", "keys list", "keys set lab"),
        *("local up embedded", "local down", "local load tiny", "local unload tiny"),
        *("backends list", "backends add box --kind ollama --url http://127.0.0.1:9"),
        *("stats", "export usage", "export conversation 1", "advise", "presets", "prompts", "mark 1 --star"),
        "compare --backends lab,lab hi",
    ],
)
def test_a_broken_config_is_named_by_every_command(arguments: str, cli: Cli, home: Path) -> None:
    config = home / "config.toml"
    home.mkdir()
    config.write_text('[[backend]]\nid = "lab"\nkind = "vlm"\n')
    said = cli(*arguments.split())
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f'hybridchat: {config}:3: backend.kind: "vlm" is not allowed — ')
    assert said.err.count("\n") == 1
    assert list(home.iterdir()) == [config]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["aks"], "No such command 'aks'. Did you mean 'ask'? — see `hybridchat --help`"),
        (["list", "--limit", "0"], "Invalid value for '--limit'"),
        (["ask", "--timeout", "nan", "hi"], "'nan' is not a finite number"),
        (["advise", "--tokens-per-month", "inf"], "'inf' is not a finite number"),
        (["advise", "--stability", "nan"], "'nan' is not a finite number"),
        (["show"], "Missing argument 'ID' — see `hybridchat show --help`"),
        (["stats", "--since", "yore"], "'yore' is not a date; allowed: 2026-11-01"),
        (["-c", "ask", "hi"], "a command's options follow it — see `hybridchat --help`"),
        ([], "the chat needs a terminal — in a pipe or a script use `hybridchat --plain`, or"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert printed.err.startswith("hybridchat: ")
    assert said in printed.err


@pytest.mark.parametrize(
    ("short", "full"),
    [("models", "models list"), ("local", "local status"), ("backends", "backends list"), ("keys", "keys list")],
)
def test_a_groups_default_command_may_be_left_out(short: str, full: str, cli: Cli) -> None:
    assert cli(short) == cli(*full.split())
    assert cli(short).err
    assert cli(short, "--json").json == cli(*full.split(), "--json").json == []
    assert cli(short, "nothing").code == 2
    assert "Commands:" in cli(short, "--help").out


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (HybridchatError("lab: nothing listens", "start it"), 1, "hybridchat: lab: nothing listens — start it\n"),
        (UsageError("no such id"), 2, "hybridchat: no such id\n"),
        (Refused("pinned", "unpin"), 3, "hybridchat: pinned — unpin\n"),
        (KeyboardInterrupt(), 130, ""),
        (click.Abort(), 130, ""),
        (click.exceptions.Exit(1), 1, ""),
        (ZeroDivisionError("oops\nsecond"), 1, "hybridchat: unexpected ZeroDivisionError: oops second — run it again"),
    ],
)
def test_every_failure_becomes_one_line_and_its_exit_code(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    @click.command()
    def failing() -> None:
        raise error

    monkeypatch.setattr(app.LazyGroup, "get_command", lambda self, ctx, name: failing)
    assert app.run(["anything"]) == code
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1 if said else 0)
    assert printed.err.startswith(said)


def test_debug_shows_the_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    def failing() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(app.LazyGroup, "get_command", lambda self, ctx, name: failing)
    with pytest.raises(ZeroDivisionError):
        app.run(["--debug", "anything"])


@pytest.mark.parametrize("arguments", [["--version"], ["ask", "--help"]])
def test_the_chosen_command_alone_is_loaded(arguments: list[str]) -> None:
    code = "import sys; from hybridchat.cli.app import run; run(sys.argv[1:]); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=30)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "hybridchat.cli.stats" not in loaded
    assert loaded & set(HEAVY_FOR_ASK) == set()
