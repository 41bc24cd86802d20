"""Another answer, what is too long and what is waited for, on the command line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest

from hybridchat.ledger.reads import USAGE_COLUMNS
from hybridchat.ledger.store import open_ledger
from tests.fakes.completions import FakeCompletions
from tests.faults.cli import backend, configure
from tests.unit.cli.conftest import Call

LONG = "word " * 900


class Sides(NamedTuple):
    lab: FakeCompletions
    cloud: FakeCompletions


@pytest.fixture
async def sides(home: Path) -> AsyncIterator[Sides]:
    """A local backend and one that counts as managed."""
    async with FakeCompletions(text="from lab", tokens=2) as lab, FakeCompletions(text="from cloud", tokens=2) as cloud:
        configure(home, backend(lab.url) + backend(cloud.url, id="cloud", more='zone = "managed"'))
        yield Sides(lab, cloud)


def asked(server: FakeCompletions) -> list[list[str]]:
    return [[m["content"] for m in request.json()["messages"]] for request in server.sent("/v1/chat/completions")]


def column(home: Path, name: str) -> list[object]:
    ledger = open_ledger(home / "hybridchat.db")
    values = [row[USAGE_COLUMNS.index(name)] for row in ledger.usage_rows()]
    ledger.close()
    return values


async def test_the_other_side_answers_the_last_question_and_back(call: Call, sides: Sides, home: Path) -> None:
    await call("ask", "one")
    await call("ask", "--continue", "two")
    up = await call("escalate", "--json")
    assert (up.code, up.json["text"], up.json["backend"], up.json["zone"]) == (0, "from cloud", "cloud", "managed")
    assert asked(sides.cloud) == [["one", "from lab", "two"]]
    back = await call("escalate")
    assert (back.code, back.out) == (0, "from lab\n")
    assert column(home, "purpose") == ["ask"] * 4
    shown = (await call("show", "1")).out
    assert shown.count("two") == 1


async def test_a_pinned_conversation_is_not_escalated(call: Call, sides: Sides, home: Path) -> None:
    config = (
        (home / "config.toml")
        .read_text(encoding="utf-8")
        .replace('model = "fake"', 'model = "fake"\nvouched = true', 1)
    )
    configure(home, config)
    assert (await call("ask", "--local-only", "secret")).code == 0
    refused = [await call("escalate"), await call("escalate", "--backend", "cloud")]
    assert [done.code for done in refused] == [3, 3]
    assert "local only" in refused[0].err
    assert asked(sides.cloud) == []


async def test_without_a_conversation_it_says_so(call: Call, sides: Sides) -> None:
    done = await call("escalate")
    assert (done.code, "ask something first" in done.err) == (2, True)


async def test_a_local_failure_names_the_way_out_and_what_would_go_along(call: Call, sides: Sides) -> None:
    await call("ask", "one")

    async def fail(request: object, respond: object) -> None:
        await respond.whole({"error": {"message": "no", "code": "invalid"}}, status=400)  # type: ignore[attr-defined]

    sides.lab._stream = fail  # type: ignore[method-assign,assignment]
    done = await call("ask", "--continue", "two")
    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "`hybridchat escalate --conversation 1 --backend cloud`" in done.err
    assert "1 earlier turn goes along" in done.err
    assert asked(sides.cloud) == []
    sides.lab._stream = FakeCompletions._stream.__get__(sides.lab)  # type: ignore[method-assign]
    again = await call("escalate", "--conversation", "1", "--backend", "cloud")
    assert (again.code, again.out) == (0, "from cloud\n")


async def test_several_ways_out_are_still_one_short_line(call: Call, sides: Sides, home: Path) -> None:
    config = (home / "config.toml").read_text(encoding="utf-8")
    more = 'id = "{}"\nkind = "openai-compatible"\nbase_url = "{}"\nmodel = "fake"\nzone = "managed"\n'
    others = "".join(f"\n[[backend]]\n{more.format(id, sides.cloud.url)}" for id in ("b", "c"))
    configure(home, f"{config}{others}\n[[backend]]\n{more.format('d', 'http://127.0.0.1:9')}")
    done = await call("ask", "--backend", "d", "hi")
    assert (done.code, done.err.count("\n"), done.err.count("hybridchat escalate")) == (1, 1, 1)
    assert done.err.rstrip().endswith("; or in its place cloud (fake) or b (fake) or c (fake)")


async def test_a_retry_is_counted_down_and_a_fallback_said(call: Call, sides: Sides, home: Path) -> None:
    sides.cloud.limited = [9_999]
    done = await call("ask", "--backend", "managed", "hi")
    assert (done.code, done.out) == (0, "from lab\n")
    assert "lab is asked instead" in done.err
    assert "answered by fake on lab: cloud limited its rate" in done.err
    assert column(home, "outcome") == ["error", "ok"]


async def test_what_is_too_long_names_its_flags_and_obeys_them(call: Call, sides: Sides, home: Path) -> None:
    for number in range(7):  # the fake's window holds 8,192 tokens
        assert (await call("ask", *(("--continue",) if number else ()), f"{number} {LONG}")).code == 0
    refused = await call("ask", "--continue", "--backend", "lab", LONG)
    assert refused.code == 1
    assert "--drop-oldest leaves out the" in refused.err
    assert "--summarize" in refused.err
    dropped = await call("ask", "--continue", "--backend", "lab", "--drop-oldest", LONG)
    assert (dropped.code, dropped.out) == (0, "from lab\n")
    assert "oldest turns" in dropped.err
    forked = await call("ask", "--conversation", "1", "--backend", "lab", "--summarize", "9 " + LONG * 3)
    assert (forked.code, forked.out) == (0, "from lab\n")
    assert "conversation 2, which begins with a summary" in forked.err
    assert column(home, "purpose")[-2:] == ["summary", "ask"]
