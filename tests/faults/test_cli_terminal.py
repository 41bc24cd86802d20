"""What the program does on a terminal, and where there is none."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from tests.fakes.completions import FakeCompletions
from tests.faults.cli import backend, configure, run

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX's")


def on_terminal(*arguments: str, **env: str) -> tuple[int, bytes, str]:
    """Exit code, every byte that reached the terminal, and its screen. Blocks."""
    from tests.tui.terminal import Terminal

    with Terminal(arguments, env=env, columns=80, rows=24) as terminal:
        code = terminal.wait_for_exit()
        return code, terminal.raw, terminal.text


@pytest.mark.parametrize("arguments", [[], ["--local-only"], ["-c"], ["demo"]])
async def test_without_a_terminal_the_chat_is_one_line_and_exit_2(arguments: list[str]) -> None:
    done = await run(*arguments)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "needs a terminal" in done.err
    assert "hybridchat ask" in done.err


async def test_a_dumb_terminal_is_one_line_and_exit_2() -> None:
    code, _, screen = await asyncio.to_thread(on_terminal, TERM="dumb")
    assert code == 2
    assert "TERM=dumb" in screen
    assert "hybridchat ask" in screen


def open_and_quit(wanted: str, *arguments: str) -> tuple[int, str]:
    """Waits until the screen shows `wanted`, then quits; exit code and that screen. Blocks."""
    from tests.tui.terminal import Terminal

    with Terminal(arguments, env={}, columns=100, rows=30) as terminal:
        screen = terminal.wait_for(wanted)
        terminal.type("\x11")  # Ctrl+Q
        return terminal.wait_for_exit(), screen


def test_the_demo_opens_and_leaves_nothing(home: Path) -> None:
    code, screen = open_and_quit("Enter sends to simulated-local", "demo")
    assert code == 0
    assert "SIMULATED" in screen
    assert not (home / "hybridchat.db").exists()


async def test_an_ascii_terminal_gets_question_marks_and_no_crash(home: Path) -> None:
    async with FakeCompletions(model="fake") as fake:
        configure(home, backend(fake.url))
        done = await run("ask", "grüß", PYTHONIOENCODING="ascii", PYTHONUTF8="0", LC_ALL="C")
        assert done.code == 0
        assert fake.sent("/v1/chat/completions")[0].json()["messages"][0]["content"] == "grüß"
    listed = await run("list", PYTHONIOENCODING="ascii", PYTHONUTF8="0", LC_ALL="C")
    assert (listed.code, "gr" in listed.out) == (0, True)
    assert listed.out.isascii()
