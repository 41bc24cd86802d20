"""Presets and settings on the command line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.completions import FakeCompletions
from tests.faults.cli import backend, configure
from tests.unit.cli.conftest import Call

PRESET = '\n[[preset]]\nname = "Brief"\nsystem = "Be brief."\ntemperature = 0.25\nseed = 3\nprivacy = "private"\n'
BROKEN = '\n[[preset]]\nname = "Hot"\ntemperature = 9\n'


@pytest.fixture
async def server(home: Path) -> AsyncIterator[FakeCompletions]:
    async with FakeCompletions() as fake:
        configure(home, backend(fake.url, more=PRESET + BROKEN))
        yield fake


async def test_a_question_goes_by_a_preset_and_its_own_flags_go_before(call: Call, server: FakeCompletions) -> None:
    done = await call("ask", "--preset", "brief", "--seed", "4", "--num-ctx", "4096", "hi")
    left_out = "it goes without context size (openai-compatible has no such setting)\n"
    assert (done.code, done.err) == (0, left_out), "and the broken preset is in nobody's way"
    (sent,) = server.sent("/v1/chat/completions")
    body = sent.json()
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert (body["temperature"], body["seed"]) == (0.25, 4)
    await call("ask", "--preset", "brief", "--system", "Be kind.", "hi")
    assert server.sent("/v1/chat/completions")[1].json()["messages"][0]["content"] == "Be kind."


async def test_they_are_listed_with_what_they_set(call: Call, server: FakeCompletions, home: Path) -> None:
    listed = await call("presets")
    assert (listed.code, listed.err.count("\n"), "preset.temperature" in listed.err) == (0, 1, True)
    assert listed.out.splitlines()[1:] == ["Brief  temperature 0.25, seed 3, system prompt, private"]
    said = {"name": "Brief", "system": "Be brief.", "temperature": 0.25, "seed": 3, "privacy": "private"}
    assert (await call("presets", "--json")).json == [said]
    configure(home, backend(server.url))
    none = await call("presets")
    assert (none.code, none.out) == (0, "") and "/save-preset" in none.err


@pytest.mark.parametrize(("name", "says"), [("Hot", "preset.temperature"), ("none", "one of: Brief")])
@pytest.mark.parametrize("before", [("ask",), ("--plain",)])
async def test_one_that_is_not_there_or_broken_is_one_line(
    call: Call, server: FakeCompletions, name: str, says: str, before: tuple[str, ...]
) -> None:
    done = await call(*before, "--preset", name, *(("hi",) if before == ("ask",) else ()))
    assert (done.code, done.err.count("\n")) == (2, 1) and says in done.err
    assert server.sent("/v1/chat/completions") == []


async def test_a_config_that_cannot_be_read_says_so(call: Call, server: FakeCompletions, home: Path) -> None:
    configure(home, "[[backend]\n")
    done = await call("--plain", "--preset", "brief")
    assert done.code == 2 and "config.toml:1" in done.err and "no preset" not in done.err
