"""A real keyring, Debian's gnome-keyring on a message bus of its own: keys survive in it, encrypted, and only there."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.fakes.provider import KEY, FakeProvider
from tests.faults.cli import configure

pytestmark = pytest.mark.needs("keyring")

PASSWORD = "of-the-user"
UNLOCKED = f'printf %s {PASSWORD} | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1; exec "$@"'
LOCKED = 'gnome-keyring-daemon --start --components=secrets >/dev/null 2>&1; exec "$@"'

OURS = ("hybridchat:", "kept", "removed")  # the bus and the keyring talk on standard error too


class Said(NamedTuple):
    code: int
    out: str
    err: str


class Desk:
    """A user with a home, a keyring and a config; each command runs on a bus of its own, as after a new login."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "hybridchat"

    async def run(self, *arguments: str, keyring: str = UNLOCKED, typed: str = "") -> Said:
        runtime = self.folder / "run"
        runtime.mkdir(mode=0o700, exist_ok=True)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "XDG_RUNTIME_DIR": str(runtime),
            "HYBRIDCHAT_HOME": str(self.home),
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        argv = ["dbus-run-session", "--", "sh", "-c", keyring, "sh", sys.executable, "-m", "hybridchat", *arguments]
        done = await asyncio.to_thread(
            subprocess.run, argv, input=typed, env=environment, capture_output=True, text=True, timeout=120
        )
        ours = [line for line in done.stderr.splitlines() if line.startswith(OURS)]
        return Said(done.returncode, done.stdout, "\n".join(ours))

    def files(self) -> bytes:
        """All that was written anywhere under the home."""
        return b"".join(file.read_bytes() for file in self.folder.rglob("*") if file.is_file())


@pytest.fixture
def desk() -> Iterator[Desk]:
    with tempfile.TemporaryDirectory(prefix="hc") as folder:  # the path of a socket must be short
        yield Desk(Path(folder))


async def test_privacy_21_a_key_survives_in_a_real_keyring_and_nowhere_else(desk: Desk) -> None:
    async with FakeProvider("m") as server:
        text = '[[backend]]\nid = "b"\nkind = "openai-compatible"\nzone = "managed"\nmodel = "m"\nbase_url = "{}"\n'
        configure(desk.home, text.format(server.url))
        kept = await desk.run("keys", "set", "b", typed=f"{KEY}\n")
        assert (kept.code, kept.err) == (0, f"kept in the keyring, for {server.url}")
        assert json.loads((await desk.run("backends", "show", "b", "--json")).out)["key"] == "keyring"
        answered = await desk.run("ask", "--backend", "b", "hello")
        assert (answered.code, answered.out) == (0, "Hi\n")
        (question,) = server.sent("/v1/chat/completions")
        assert question.headers["authorization"] == f"Bearer {KEY}"
        assert KEY.encode() not in desk.files()
        removed = json.loads((await desk.run("keys", "rm", "b", "--json")).out)
        assert removed["removed"] is True
        assert (await desk.run("ask", "--backend", "b", "hello")).code == 1


async def test_adding_a_provider_keeps_its_key_there(desk: Desk) -> None:
    async with FakeProvider("m") as server:
        added = await desk.run("backends", "add", server.url, "--managed", "--id", "b", "--json", typed=KEY)
        assert (added.code, json.loads(added.out)["key"]) == (0, "keyring")
        tried = await desk.run("keys", "test", "b", "--json")
        assert (tried.code, json.loads(tried.out)[0]["state"]) == (0, "works")
    assert KEY.encode() not in desk.files()


async def test_privacy_21_a_really_locked_keyring_is_one_line_in_time(desk: Desk) -> None:
    configure(desk.home, '[[backend]]\nid = "b"\nkind = "openai"\nbase_url = "https://api.openai.com/v1"\n')
    assert (await desk.run("keys", "set", "b", typed=KEY)).code == 0
    locked = await desk.run("keys", "set", "b", typed="sk-another", keyring=LOCKED)
    assert (locked.code, locked.out) == (1, "")
    assert locked.err == "hybridchat: the key of b was not kept: the keyring is locked — unlock it and try again"
