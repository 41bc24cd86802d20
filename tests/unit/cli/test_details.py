"""How a reply came about, on the command line."""

from __future__ import annotations

from pathlib import Path

from tests.fakes.completions import FakeCompletions
from tests.faults.cli import backend, configure
from tests.unit.cli.conftest import Call


async def test_of_each_reply_its_attempts_and_what_was_sent(call: Call, home: Path) -> None:
    async with FakeCompletions(text="from lab", tokens=2) as lab:
        configure(home, backend(lab.url))
        await call("ask", "one")
        await call("ask", "--continue", "two")
        first, second = (await call("show", "1", "--details", "--json")).json
        assert [len(reply["attempts"]) for reply in (first, second)] == [1, 1]
        (attempt,) = second["attempts"]
        assert attempt["request"]["is_exact"]
        assert attempt["request"]["body"] == lab.sent("/v1/chat/completions")[-1].json()
        assert attempt["waterfall"][0] == {"step": "load", "length_ms": None, "start_ms": None, "by_server": True}
        said = (await call("show", "1", "--details")).out
        assert said.count("byte for byte as it was sent") == 2
        assert "queue: not told" in said.splitlines()
