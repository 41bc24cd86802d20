"""Scenarios 21 and 22: what a keyring may do to a key, and where a key never turns up."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.fakes.completions import FakeCompletions
from tests.fakes.http import FakeServer, Request, Responder
from tests.faults.cli import backend, configure, run
from tests.tui.terminal import Terminal

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX's")

KEY = "sk-canary-4711-0815"
MANAGED = 'zone = "managed"'
ALT_K, ALT_L, CTRL_N, CTRL_Q, CTRL_Y, DOWN = "\x1bk", "\x1bl", "\x0e", "\x11", "\x19", "\x1b[B"
KEYRINGS = {
    "keyring.backends.fail.Keyring": "this system has no keyring",
    "keyring.backends.null.Keyring": "this system has no keyring",
    "tests.privacy.keyrings.Plaintext": "does not keep keys safe",
    "tests.privacy.keyrings.Prompting": "does not keep keys safe",
    "tests.privacy.keyrings.Hanging": "the keyring gave no answer in 3 s",
    "tests.privacy.keyrings.Locked": "the keyring is locked",
}


def files_with(key: str, folder: Path) -> list[str]:
    return [str(file) for file in folder.rglob("*") if file.is_file() and key.encode() in file.read_bytes()]


@pytest.mark.parametrize(("keyring", "why"), KEYRINGS.items(), ids=lambda text: text.rpartition(".")[2])
async def test_privacy_21_no_keyring_does_harm(home: Path, tmp_path: Path, keyring: str, why: str) -> None:
    env = {"PYTHON_KEYRING_BACKEND": keyring, "HOME": str(tmp_path), "HYBRIDCHAT_HOME": str(home)}
    async with FakeCompletions() as server:
        configure(home, backend(server.url, more=MANAGED))
        await asyncio.to_thread(give_key, env, why)
        (asked,) = server.sent("/v1/chat/completions")
    assert asked.headers["authorization"] == f"Bearer {KEY}", "it serves this session"
    told = await run("keys", "set", "lab", stdin=KEY.encode(), **env)
    assert (told.code, told.out, told.err.count("\n")) == (1, "", 1)
    assert why in told.err and KEY not in told.err
    assert files_with(KEY, tmp_path) == []


def give_key(env: dict[str, str], why: str) -> None:
    """In the app, which answers to keys whatever the keyring does; then a question is asked with it. Blocks."""

    def is_told(screen: str) -> bool:
        return "kept for this session only: " in screen and all(word in screen for word in why.split())

    with Terminal(env=env, columns=120, rows=30) as terminal:
        terminal.wait_for("Enter sends to lab")
        terminal.type(ALT_K)
        terminal.wait_for("A key for lab")
        terminal.type(KEY)
        terminal.wait_for("•" * len(KEY))
        terminal.wait_for("It is kept ")
        terminal.type("\r")
        terminal.wait_for(lambda text: "A key for lab" not in text and is_told(text))
        terminal.type("hello\r")
        terminal.wait_for("to first token")
        terminal.type(CTRL_Q)
        assert terminal.wait_for_exit() == 0
        assert KEY.encode() not in terminal.raw and b"Password" not in terminal.raw


CHILD = """#!/bin/sh
env >"{folder}/environment.$(basename "$0").$$"
cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' >>"{folder}/processes"
echo {says}
"""
CRASH = """
import os, sys
from hybridchat.cli import app
from hybridchat.session.chat import Session
from hybridchat.tui.screens.chat import ChatScreen

def crash(*given, **named):
    key = os.environ["LAB_KEY"]
    request = {"authorization": f"Bearer {key}"}
    raise RuntimeError("a fault of ours")

if sys.argv[1] == "screen":
    ChatScreen.action_new_chat = crash
else:
    Session.send = crash
sys.exit(app.run(sys.argv[2:]))
"""
COMMANDS = (
    *(("--debug", "ask", "--backend", "lab", "hello"), ("backends", "show", "lab", "--json"), ("keys", "list")),
    *(("backends", "test", "--round-trip"), ("keys", "test", "--json"), ("doctor", "--json"), ("audit", "--json")),
    *(("export", "usage"), ("export", "conversation", "1"), ("show", "1", "--json"), ("list", "--json")),
)


class Gossip(FakeServer):
    """Answers 401 and repeats the key that it got, and that of the config, in its body and its headers."""

    def __init__(self) -> None:
        super().__init__(self._handle)

    async def _handle(self, request: Request, respond: Responder) -> None:
        said = f"Incorrect API key provided: {request.headers.get('authorization')} {KEY}\n{KEY[::-1]}"
        error = {"message": said, "code": "invalid_api_key", "param": KEY, "type": KEY}
        await respond.whole({"error": error}, status=401, headers={"x-request-id": KEY, "www-authenticate": f"k={KEY}"})


async def test_privacy_22_a_server_that_repeats_the_key_gets_it_nowhere(home: Path) -> None:
    async with Gossip() as server:
        configure(home, backend(server.url, more=f'{MANAGED}\nkey = "env:LAB_KEY"'))
        for command in COMMANDS:
            done = await run(*command, LAB_KEY=KEY)
            assert KEY not in done.out + done.err, command
        assert any(KEY in request.headers["authorization"] for request in server.requests), "it was really sent"
        raw = await asyncio.to_thread(refused_in_the_app, home)
    assert KEY.encode() not in raw
    assert files_with("TurnEnded", home), "there is a log"
    assert files_with(KEY, home) == []


def refused_in_the_app(home: Path) -> bytes:
    """Blocks."""
    with Terminal(["--debug"], env={"HYBRIDCHAT_HOME": str(home), "LAB_KEY": KEY}, columns=120, rows=30) as terminal:
        terminal.wait_for("Enter sends to lab")
        terminal.type("hello\r")
        terminal.wait_for("A key for lab")
        terminal.type(CTRL_Q)
        assert terminal.wait_for_exit() == 0
        return terminal.raw


@pytest.mark.parametrize("debug", [(), ("--debug",)], ids=["plain", "debug"])
async def test_privacy_22_a_crash_tells_no_key(home: Path, debug: tuple[str, ...]) -> None:
    configure(home, backend("http://127.0.0.1:9", more=f'{MANAGED}\nkey = "env:LAB_KEY"'))
    env = {"HYBRIDCHAT_HOME": str(home), "LAB_KEY": KEY}
    raw, code = await asyncio.to_thread(crashed, env, debug)
    assert (code, b"stopped by a fault of its own (RuntimeError in" in raw) == (1, True)
    assert KEY.encode() not in raw
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CRASH, "command", *debug, "ask", "hello"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **env},
    )
    out, err = await process.communicate()
    assert (process.returncode, b"a fault of ours" in err) == (1, True)
    assert KEY.encode() not in out + err
    assert files_with(KEY, home) == []


def crashed(env: dict[str, str], debug: tuple[str, ...]) -> tuple[bytes, int]:
    """Blocks."""
    with Terminal(command=(sys.executable, "-c", CRASH, "screen", *debug), env=env, columns=120, rows=30) as terminal:
        terminal.wait_for("Enter sends to lab")
        terminal.type(CTRL_N)
        code = terminal.wait_for_exit()
        return terminal.raw, code


async def test_privacy_22_no_child_and_no_list_of_processes_has_a_key(home: Path, tmp_path: Path) -> None:
    programs = put_programs(tmp_path)
    async with FakeCompletions(text="[a](https://a.example/)") as server:
        lab = backend(server.url, more=f'{MANAGED}\nkey = "env:LAB_KEY"')
        other = backend(server.url, id="other", more=f'{MANAGED}\nkey = "command:{programs}/pass"')
        configure(home, lab + other)
        env = {"LAB_KEY": KEY, "OPENAI_API_KEY": KEY, "DISPLAY": ":0", "BROWSER": f"{programs}/browser"}
        env |= {"PATH": f"{programs}:{os.environ['PATH']}", "HYBRIDCHAT_HOME": str(home)}
        await asyncio.to_thread(copy_and_open, env, tmp_path)
        assert (await run("ask", "--backend", "other", "hello", **env)).code == 0
        keys = [request.headers["authorization"] for request in server.sent("/v1/chat/completions")]
    assert keys == [f"Bearer {KEY}", "Bearer sk-of-the-program"]
    environments, processes = what_they_saw(tmp_path)
    assert set(environments) == {"xclip", "browser", "pass"}
    assert [name for name, text in environments.items() if KEY in text] == []
    assert "hybridchat" in processes or sys.platform != "linux"
    assert KEY not in processes and "sk-of-the-program" not in processes


def put_programs(folder: Path) -> Path:
    """Stand-ins for the clipboard's, the browser and one that says a key; each notes what it can see."""
    programs = folder / "programs"
    programs.mkdir()
    for name, says in (("xclip", ""), ("browser", ""), ("pass", "sk-of-the-program")):
        (programs / name).write_text(CHILD.format(folder=folder, says=says))
        (programs / name).chmod(0o700)
    return programs


def what_they_saw(folder: Path) -> tuple[dict[str, str], str]:
    """The environment of each, and all command lines."""
    environments = {file.name.split(".")[1]: file.read_text() for file in folder.glob("environment.*")}
    return environments, (folder / "processes").read_text()


def copy_and_open(env: dict[str, str], folder: Path) -> None:
    """Blocks."""
    with Terminal(env=env, columns=120, rows=30) as terminal:
        terminal.wait_for("Enter sends to lab")
        terminal.type("hello\r")
        terminal.wait_for("to first token")
        terminal.type(CTRL_Y)
        terminal.wait_until(lambda: list(folder.glob("environment.xclip.*")))
        terminal.type(ALT_L)
        terminal.wait_for("Copy the address")
        terminal.type(f"{DOWN}\r")
        terminal.wait_until(lambda: list(folder.glob("environment.browser.*")))
        terminal.type(CTRL_Q)
        assert terminal.wait_for_exit() == 0
