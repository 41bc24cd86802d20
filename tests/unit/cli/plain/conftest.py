"""A line conversation in this process: the real session, a server of scripted replies, and lines from a list."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import pytest

from hybridchat import wiring
from hybridchat.cli.plain.conversation import converse
from hybridchat.cli.plain.keyboard import Interrupted
from tests.fakes.completions import FakeCompletions
from tests.faults.cli import backend, configure

CTRL_C = object()


class Script:
    """Gives these lines, then none; CTRL_C instead of a line. Notes what was asked and what Up would bring."""

    def __init__(self, *lines: object, is_interactive: bool = True) -> None:
        self.lines = list(lines)
        self.is_interactive = is_interactive
        self.on_interrupt: Callable[[], None] = lambda: None
        self.prompts: list[str] = []
        self.secrets: list[str] = []  # of these, where what is typed is not shown
        self.remembered: list[tuple[str, ...]] = []

    async def read(self, prompt: str, *, is_secret: bool = False) -> str | None:
        self.prompts.append(prompt)
        self.secrets += [prompt] if is_secret else []
        line = self.lines.pop(0) if self.lines else None
        if line is CTRL_C:
            raise Interrupted
        assert line is None or isinstance(line, str)
        return line

    def remember(self, lines: Iterable[str]) -> None:
        self.remembered.append(tuple(lines))


class Said(NamedTuple):
    code: int
    out: str
    err: str


Converse = Callable[..., Awaitable[Said]]


class Sides(NamedTuple):
    lab: FakeCompletions
    cloud: FakeCompletions

    def asked(self, server: FakeCompletions) -> list[str]:
        """The newest message of each request."""
        return [request.json()["messages"][-1]["content"] for request in server.sent("/v1/chat/completions")]


@pytest.fixture
async def sides(home: Path) -> AsyncIterator[Sides]:
    """A local backend that the user vouched for, and one that counts as managed."""
    async with FakeCompletions(text="from lab", tokens=2) as lab, FakeCompletions(text="from cloud", tokens=2) as cloud:
        more = 'zone = "managed"\n[backend.price.fake]\ninput = 1\noutput = 2'
        configure(home, backend(lab.url, more="vouched = true") + backend(cloud.url, id="cloud", more=more))
        yield Sides(lab, cloud)


@pytest.fixture
def converse_by(capsys: pytest.CaptureFixture[str]) -> Converse:
    """`await converse_by(Script("hi"))` → exit code, standard output, standard error."""

    async def talk(script: Script, *, local_only: bool = False, reopen_latest: bool = False) -> Said:
        capsys.readouterr()
        wired = wiring.load(local_only=local_only)
        code = await converse(wired.open_session(), script, wired.open_providers, reopen_latest=reopen_latest)
        return Said(code, *capsys.readouterr())

    return talk


def add_to_config(home: Path, text: str) -> None:
    """At its top, where its own tables go."""
    config = home / "config.toml"
    config.write_text(f"{text}\n{config.read_text(encoding='utf-8')}", encoding="utf-8")
