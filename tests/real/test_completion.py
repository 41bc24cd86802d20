"""Real shells complete our command line: commands, options, and the user's own names, with real keys."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hybridchat.ledger.store import open_ledger
from tests.tui.terminal import ROOT, Terminal
from tests.unit.cli.conftest import NEW_TURN

SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], 'eval "$(hybridchat completion bash)"'),
    "zsh": (["zsh", "-f", "-i"], 'autoload -Uz compinit; compinit -D -u; eval "$(hybridchat completion zsh)"'),
    "fish": (["fish", "--no-config", "-i"], "hybridchat completion fish | source"),
}
CONFIG = """
[[backend]]
id = "laboratory"
kind = "ollama"
base_url = "http://127.0.0.1:9"
model = "llama3:8b"

[[backend]]
id = "ranch"
kind = "vllm"
base_url = "http://127.0.0.1:8"
model = "$(touch${IFS}owned)"
"""


@pytest.fixture(params=["bash", *(pytest.param(name, marks=pytest.mark.needs(name)) for name in ("zsh", "fish"))])
def shell(request: pytest.FixtureRequest, tmp_path: Path, home: Path) -> Iterator[Terminal]:
    """One that has the completion, at its prompt."""
    name: str = request.param
    command, setup = SHELLS[name]
    home.mkdir()
    (home / "config.toml").write_text(CONFIG)
    ledger = open_ledger(home / "hybridchat.db")
    ledger.begin_turn(NEW_TURN).result()
    ledger.close()
    binary = tmp_path / "bin" / "hybridchat"
    binary.parent.mkdir()
    binary.write_text(f'#!/bin/sh\ncd "{ROOT}" && exec "{sys.executable}" -m hybridchat "$@"\n')
    binary.chmod(0o755)
    env = {"PATH": f"{binary.parent}:/usr/local/bin:/usr/bin:/bin", "HOME": str(tmp_path), "PS1": "> "}
    with Terminal(
        command=["setsid", "--ctty", "--wait", *command], env=env, columns=100, rows=30, cwd=tmp_path
    ) as terminal:
        terminal.type(f"{setup}; echo rea''dy\r")
        terminal.wait_for("ready")
        yield terminal


def is_fish(shell: Terminal) -> bool:
    return "fish" in str(shell.process.args)


def test_names_are_completed(shell: Terminal, tmp_path: Path) -> None:
    for typed, completed in (
        ("hybridchat compl\t", "hybridchat completion"),
        ("hybridchat ask --off\t", "hybridchat ask --off-record"),
        ("hybridchat ask --backend lab\t", "hybridchat ask --backend laboratory"),
        ("hybridchat ask --model lla\t", "hybridchat ask --model llama3:8b"),
        ("hybridchat ask --model llama3:\t", "hybridchat ask --model llama3:8b"),
        ("hybridchat compare --backends laboratory,ran\t", "hybridchat compare --backends laboratory,ranch"),
        ("hybridchat show \t", "hybridchat show 1"),
        ("hybridchat --theme midn\t", "hybridchat --theme midnight"),
    ):
        shell.type(typed)
        shell.wait_for(completed)
        shell.type("\x15")  # the line is empty again
    if not is_fish(shell):  # which looks for what begins like the word itself
        shell.type("hybridchat rename sky\t")
        shell.wait_for("hybridchat rename 1")
        shell.type("\x15")
    shell.type("hybridchat ask --backend ranch --model \t\x15echo go''ne\r")
    shell.wait_for("gone")
    assert "owned" not in shell.text
