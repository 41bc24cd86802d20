"""One sitting on a terminal: two real engines, a server that is killed, and everything found again."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.real.conftest import CACHE, ROOT, VLLM_ENVIRONMENT, vllm_arguments, vllm_python
from tests.real.tiny_model import gguf_model, transformers_model
from tests.tui.terminal import Terminal

# The tiny model ends no reply by itself: the window does.
BACKEND = '[[backend]]\nid = "embedded"\nkind = "embedded"\nmodel = "tiny"\n\n[embedded]\ncontext_window = 128\n\n'


def hybridchat(home: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "hybridchat", *arguments],
        env={**os.environ, **VLLM_ENVIRONMENT, "HYBRIDCHAT_HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=ROOT,
        timeout=200,
    )
    return done.stdout


def outcomes(home: Path) -> list[str | None]:
    """Of every attempt in the ledger, in order; None while one runs."""
    with sqlite3.connect(home / "hybridchat.db") as ledger:
        return [row[0] for row in ledger.execute("SELECT outcome FROM usage ORDER BY attempt_id")]


def flushed(home: Path) -> str:
    """What the newest reply has on disk."""
    with sqlite3.connect(home / "hybridchat.db") as ledger:
        return str(ledger.execute("SELECT text FROM message ORDER BY id DESC LIMIT 1").fetchone()[0])


def shows_replies(count: int) -> Callable[[str], bool]:
    """The panel's row of replies, local side."""
    return lambda screen: re.search(rf"replies +{count} ", screen) is not None


@pytest.fixture
def prepared(home: Path) -> Path:
    """A home with a model for the embedded engine, and where vLLM is."""
    (home / "models").mkdir(parents=True, mode=0o700)
    shutil.copy(gguf_model(CACHE), home / "models" / "tiny.gguf")
    vllm = f"[vllm]\ncommand = {json.dumps(str(vllm_python()))}\narguments = {json.dumps(vllm_arguments())}\n"
    (home / "config.toml").write_text(BACKEND + vllm)
    return home


@pytest.mark.needs("embedded")
@pytest.mark.needs("vllm")
def test_two_engines_in_one_sitting_and_nothing_is_lost(prepared: Path) -> None:
    engine = json.loads(
        hybridchat(prepared, "local", "up", "vllm", "--model", str(transformers_model(CACHE)), "--json")
    )
    try:
        with Terminal(env={"HYBRIDCHAT_HOME": str(prepared)}, columns=120, rows=40) as terminal:
            terminal.wait_for("Enter sends to embedded")
            terminal.type("hello llama.cpp\r")
            terminal.wait_for(shows_replies(1), 60)
            terminal.type("\x12")  # the route of this chat
            terminal.wait_for("auto — ")
            terminal.type("vllm\r")
            terminal.wait_for(f"Enter sends to {engine['id']}")
            terminal.type("hello vLLM\r")
            terminal.wait_until(lambda: outcomes(prepared) == ["ok", None] and flushed(prepared) != "", 60)
            terminal.type("\x1b")
            terminal.wait_until(lambda: outcomes(prepared) == ["ok", "stopped"])
            terminal.type("tell me more\r")
            terminal.wait_until(lambda: outcomes(prepared) == ["ok", "stopped", None] and flushed(prepared) != "", 60)
            os.killpg(engine["pid"], signal.SIGKILL)
            terminal.wait_until(lambda: outcomes(prepared) == ["ok", "stopped", "error"])
            terminal.wait_for(lambda screen: "failed: " in screen)
            terminal.type("\x11")
            assert terminal.wait_for_exit() == 0
        with Terminal(["-c"], env={"HYBRIDCHAT_HOME": str(prepared)}, columns=120, rows=40) as terminal:
            terminal.wait_for("tell me more")
        (listed,) = json.loads(hybridchat(prepared, "list", "--json"))
        exported = hybridchat(prepared, "export", "conversation", str(listed["id"]), "--format", "markdown")
        for words in ("hello llama.cpp", "hello vLLM", "tell me more"):
            assert words in exported
        usage = json.loads(hybridchat(prepared, "export", "usage", "--format", "json"))
        assert [row["backend"] for row in usage] == ["embedded", engine["id"], engine["id"]]
        assert all(row["ttft_ms"] > 0 for row in usage)
        partial = json.loads(hybridchat(prepared, "show", str(listed["id"]), "--json"))["messages"][-1]
        assert partial["text"]
    finally:
        hybridchat(prepared, "local", "down")
