"""`--mask` and `--send-as-is`, where a question and where another answer would leave."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.completions import FakeCompletions
from tests.faults.cli import backend, configure
from tests.unit.cli.conftest import Call

WORDS = "mail jane@corp.com"


@pytest.fixture
async def rented(home: Path) -> AsyncIterator[FakeCompletions]:
    async with FakeCompletions() as local, FakeCompletions() as fake:
        configure(home, backend(local.url) + backend(fake.url, id="rented", more='zone = "managed"'))
        yield fake


def got(server: FakeCompletions) -> list[str]:
    return [request.json()["messages"][-1]["content"] for request in server.sent("/v1/chat/completions")]


@pytest.mark.parametrize("command", [["ask", "hi"], ["escalate"]])
async def test_both_flags_are_one_too_many(call: Call, rented: FakeCompletions, command: list[str]) -> None:
    done = await call(*command, "--mask", "--send-as-is")
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert "exclude each other" in done.err


async def test_at_home_no_flag_is_needed(call: Call, rented: FakeCompletions) -> None:
    assert (await call("ask", WORDS)).code == 0
    assert got(rented) == []


async def test_another_answer_is_no_way_around(call: Call, rented: FakeCompletions) -> None:
    assert (await call("ask", WORDS)).code == 0
    for command in (
        ["escalate"],
        ["escalate", "--backend", "rented"],
        ["ask", "--continue", "--backend", "rented", "on"],
    ):
        done = await call(*command)
        assert (done.code, done.out) == (3, "")
        assert "1 email in " in done.err
    assert got(rented) == []
    assert (await call("escalate", "--mask")).code == 0
    assert (await call("ask", "--continue", "--backend", "rented", "on")).code == 0
    assert got(rented) == ["mail <EMAIL_1>", "on"]
