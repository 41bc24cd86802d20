"""A key that is typed into the real program leaves it for its server alone, though that server repeats it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hybridchat.config import load_config
from tests.fakes.provider import KEY, FakeProvider
from tests.tui.terminal import Terminal

WRONG = "sk-canary-4711-0815"


def has_cursor(terminal: Terminal, field: str) -> bool:
    """Whether the cursor is on the field that shows that, alone on its line."""
    lines = [(number, line) for number, line in enumerate(terminal.text.splitlines()) if line.split()[-1:] == [field]]
    cells = [(terminal.screen.buffer[number], line.rindex(field)) for number, line in lines]
    return any(row[column].bg != row[column + 1].bg for row, column in cells)


def story(home: Path, url: str) -> tuple[bytes, bytes]:
    """A proxy is added, with a wrong key first, and asked. All that came out, and what other programs could see."""
    env = {"HYBRIDCHAT_HOME": str(home), "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    with Terminal(["--debug"], env=env) as terminal:
        terminal.wait_for("add a provider")
        terminal.type("a")
        terminal.wait_for("Add a backend")
        terminal.type("litellm\r")
        terminal.wait_for("for this session only")
        terminal.type(f"{url}\r")
        terminal.wait_for(lambda text: has_cursor(terminal, "key"))
        terminal.type(f"\x1b[200~{WRONG}\x1b[201~\r")
        terminal.wait_for("the key was refused, and nothing was written")
        assert not (home / "config.toml").exists()
        terminal.type("\x15")  # Ctrl+U empties the field
        terminal.wait_for(lambda text: "•" not in text)
        terminal.type(f"{KEY}\r")
        terminal.wait_for("Which model of a LiteLLM proxy?")
        terminal.type("\r")
        terminal.wait_for("Enter sends to litellm")
        terminal.type("hello\r")
        terminal.wait_for("to first token")
        seen = b"".join(Path(f"/proc/{terminal.process.pid}/{name}").read_bytes() for name in ("cmdline", "environ"))
        terminal.type("\x11")
        assert terminal.wait_for_exit() == 0
        return terminal.raw, seen


async def test_a_key_is_in_nothing_that_the_program_shows_or_writes(home: Path) -> None:
    async with FakeProvider("m") as server:
        shown, seen = await asyncio.to_thread(story, home, server.url)
        sent = {request.headers.get("authorization") for request in server.requests}
    assert {f"Bearer {WRONG}", f"Bearer {KEY}"} <= sent
    files = {file.name: file.read_bytes() for file in home.rglob("*") if file.is_file()}  # noqa: ASYNC240
    assert {"config.toml", "debug.log", "hybridchat.db"} <= set(files)
    for key in (WRONG.encode(), KEY.encode()):
        assert key not in shown
        assert key not in seen
        assert [name for name, content in files.items() if key in content] == []
    (entry,) = load_config(home / "config.toml")[0].backend
    assert (entry.id, entry.zone, entry.key, entry.model) == ("litellm", "managed", "env:LITELLM_API_KEY", "m")
