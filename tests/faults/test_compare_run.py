"""A file of prompts to two servers; the program is killed, stopped by its budget, or one server is gone: what is there
is never asked, nor paid, again."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.completions import FakeCompletions
from tests.fakes.configs import lab, rented
from tests.faults import cli
from tests.unit.ledger.helpers import query
from tests.unit.session.conftest import until

PROMPTS = 4
RUN = ("compare", "--backends", "lab,rented", "--json", "--prompts")


class Two:
    def __init__(self, local: FakeCompletions, managed: FakeCompletions, home: Path) -> None:
        self.local, self.managed, self.ledger = local, managed, home / "hybridchat.db"
        self.file = home.parent / "prompts.txt"
        self.file.write_text("".join(f"question {number}\n" for number in range(PROMPTS)))

    def asked(self, server: FakeCompletions) -> list[str]:
        return [request.json()["messages"][-1]["content"] for request in server.sent("/v1/chat/completions")]


async def begun(servers: Two) -> asyncio.subprocess.Process:
    """A run in the middle of its second prompt."""
    process = await cli.start(*RUN, str(servers.file))
    await until(lambda: len(servers.asked(servers.managed)) == 2)
    return process


@asynccontextmanager
async def two(home: Path, *, more: str = "", **options: Any) -> AsyncIterator[Two]:
    async with FakeCompletions(tokens=10, **options) as local, FakeCompletions(tokens=10, **options) as managed:
        cli.configure(home, lab(local.url) + rented(managed.url) + more)
        yield Two(local, managed, home)


def lines(done: cli.Done) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.out.splitlines()]


async def test_every_prompt_is_asked_of_both_and_nothing_twice(home: Path) -> None:
    async with two(home) as servers:
        done = await cli.run(*RUN, str(servers.file))
        assert done.code == 0, done.err
        *prompts, summary = lines(done)
        assert [one["prompt"] for one in prompts] == [f"question {number}" for number in range(PROMPTS)]
        assert [side["backend"] for side in prompts[0]["sides"]] == ["lab", "rented"]
        assert prompts[0]["sides"][1]["cost_usd"] == pytest.approx(0.021, rel=0.2)
        a, b = summary["summary"]["sides"]
        assert (a["answers"], b["answers"], b["ttft_ms"]["n"]) == (PROMPTS, PROMPTS, PROMPTS)
        assert a["cost"]["usd"] is None and b["cost"]["unpriced"] == 0
        again = await cli.run(*RUN, str(servers.file))
        assert again.code == 0 and all(one["was_there"] for one in lines(again)[:-1])
        assert len(servers.asked(servers.local)) == len(servers.asked(servers.managed)) == PROMPTS
        other = await cli.run(*RUN, str(servers.file), "--name", "once more")
        assert other.code == 0 and len(servers.asked(servers.managed)) == 2 * PROMPTS
        listed = await cli.run("list", "--json")
        assert {one["archived_at"] is not None for one in json.loads(listed.out or "[]")} <= {True}


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9")
async def test_killed_in_the_middle_it_goes_on_where_it_was(home: Path) -> None:
    async with two(home, tokens_per_s=20) as servers:
        process = await begun(servers)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        servers.local.tokens_per_s = servers.managed.tokens_per_s = 0
        done = await cli.run(*RUN, str(servers.file))
        assert done.code == 0, done.err
        *prompts, _ = lines(done)
        assert [one["was_there"] for one in prompts] == [True, False, False, False]
        assert [servers.asked(one).count("question 0") for one in (servers.local, servers.managed)] == [1, 1]
        outcomes = query(servers.ledger, "SELECT outcome, count(*) FROM usage GROUP BY 1 ORDER BY 1")
        assert outcomes == [("interrupted", 2), ("ok", 2 * PROMPTS)]
        assert query(servers.ledger, "SELECT count(*) FROM message WHERE state = 'streaming'") == [(0,)]


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
async def test_ctrl_c_says_how_it_goes_on(home: Path) -> None:
    async with two(home, tokens_per_s=20) as servers:
        process = await begun(servers)
        process.send_signal(signal.SIGINT)
        _, told = await process.communicate()
        assert process.returncode == 130
        assert f"1 of {PROMPTS} prompts are answered; the same command goes on from here" in told.decode()


async def test_a_budget_stops_it_cleanly_and_it_goes_on_once_there_is_more(home: Path) -> None:
    budget = "\n[budget]\nmonth = {usd}\nmax_reply_tokens = 20\n"
    async with two(home, more=budget.format(usd="0.07")) as servers:
        done = await cli.run(*RUN, str(servers.file))
        assert done.code == 3, done.err
        asked = len(servers.asked(servers.managed))
        assert 0 < asked < PROMPTS and "goes on from here" in done.err and "budget" in done.err
        assert servers.asked(servers.local) == servers.asked(servers.managed), "all sides of a prompt, or none"
        cli.configure(home, lab(servers.local.url) + rented(servers.managed.url))
        rest = await cli.run(*RUN, str(servers.file))
        assert rest.code == 0, rest.err
        assert len(servers.asked(servers.managed)) == PROMPTS


async def test_with_one_server_gone_the_other_answers_and_only_the_gone_is_asked_later(home: Path) -> None:
    async with two(home) as servers:
        servers.managed.limited[:] = [300] * PROMPTS
        done = await cli.run(*RUN, str(servers.file))
        assert done.code == 1
        assert len(servers.asked(servers.local)) >= 1
        servers.managed.limited.clear()
        rest = await cli.run(*RUN, str(servers.file))
        assert rest.code == 0, rest.err
        assert len(servers.asked(servers.local)) == PROMPTS
        assert all(side["state"] == "complete" for one in lines(rest)[:-1] for side in one["sides"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is no prompt in it"),
        ('{"prompt": "a"}\n{"words": "b"}\n', "line 2 is no prompt"),
        (None, "cannot read"),
    ],
)
async def test_a_file_that_is_none_says_so_and_asks_nothing(home: Path, text: str | None, said: str) -> None:
    async with two(home) as servers:
        if text is None:
            servers.file.unlink()
        else:
            servers.file.write_text(text)
        done = await cli.run(*RUN, str(servers.file))
        assert done.code == 2 and said in done.err
        assert servers.local.sent("/v1/chat/completions") == []
