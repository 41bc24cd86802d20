"""The library of prompts on the command line, and in a question."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.completions import FakeCompletions
from tests.faults.cli import backend, configure
from tests.unit.cli.conftest import Call

PRESET = '\n[[preset]]\nname = "Brief"\nsystem = "Be brief."\n'
SAY = '+++\npreset = "brief"\nworkload = "writing"\n[variables.what]\ndefault = "hello"\n+++\nSay {{what}}.\n'


@pytest.fixture
async def server(home: Path) -> AsyncIterator[FakeCompletions]:
    async with FakeCompletions() as fake:
        configure(home, backend(fake.url, more=PRESET))
        yield fake


def write(home: Path, name: str, text: str) -> None:
    file = home / "prompts" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


async def test_two_examples_are_written_once_and_can_be_filled(call: Call, server: FakeCompletions, home: Path) -> None:
    assert "`hybridchat prompts init` writes two examples" in (await call("prompts")).err
    assert len((await call("prompts", "init")).out.splitlines()) == 2
    again = await call("prompts", "init")
    assert (again.code, again.out) == (0, "") and "already" in again.err
    listed = (await call("prompts", "--json")).json
    assert [(one["name"], sorted(one["variables"])) for one in listed] == [
        ("review", ["code", "language"]),
        ("rewrite", ["length", "readers", "text"]),
    ]
    filled = await call("prompts", "fill", "review", "--var", "code=x = {{y}}", "--var", "language=Go")
    assert (filled.code, "Review this Go." in filled.out, "x = {{y}}" in filled.out) == (0, True, True)
    missing = await call("prompts", "fill", "review")
    assert (missing.code, missing.err) == (2, "hybridchat: review: code is not said — --var code=…\n")
    assert server.sent("/v1/chat/completions") == [], "nothing is sent"


async def test_a_question_by_a_prompt(call: Call, server: FakeCompletions, home: Path) -> None:
    write(home, "say.md", SAY)
    write(home, "broken.md", "+++\n")
    done = await call("ask", "--prompt", "say", "--var", "what=goodbye", "And wave.")
    assert (done.code, done.err) == (0, "")
    (sent,) = server.sent("/v1/chat/completions")
    assert [message["content"] for message in sent.json()["messages"]] == ["Be brief.", "Say goodbye.\n\nAnd wave."]
    broken = await call("prompts")
    assert "broken.md:1: the +++ is not closed" in broken.err and broken.out.splitlines()[1].startswith("say ")
    for arguments, says in (
        (("--prompt", "broken"), "broken.md:1"),
        (("--prompt", "none"), "one of: say"),
        (("--var", "a=b", "hi"), "--var belongs to a prompt"),
    ):
        wrong = await call("ask", *arguments)
        assert (wrong.code, wrong.err.count("\n")) == (2, 1) and says in wrong.err
    assert len(server.sent("/v1/chat/completions")) == 1


async def test_a_prompt_of_a_pinned_folder_pins(call: Call, server: FakeCompletions, home: Path) -> None:
    write(home, "say.md", SAY)
    write(home, ".hybridchat.toml", "local_only = true\n")
    done = await call("ask", "--prompt", "say")
    assert done.code == 3 and "nobody vouches" in done.err
    assert server.sent("/v1/chat/completions") == []
