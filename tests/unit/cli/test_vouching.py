"""`backends vouch`: asked for in plain words, kept, shown, taken back."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import click
import pytest

from tests.fakes.completions import FakeCompletions
from tests.faults.cli import backend, configure
from tests.unit.cli.conftest import Call

RENTED = '[[backend]]\nid = "rented"\nkind = "openai"\nbase_url = "https://managed.invalid"\n'
OWN = '[[backend]]\nid = "own"\nkind = "embedded"\n'


@pytest.fixture
async def lab(home: Path) -> AsyncIterator[FakeCompletions]:
    async with FakeCompletions(tokens=2) as fake:
        configure(home, backend(fake.url) + RENTED + OWN)
        yield fake


async def test_a_word_given_and_taken_back(call: Call, lab: FakeCompletions, home: Path) -> None:
    given = await call("backends", "vouch", "lab", "--yes")
    assert (given.code, given.out.startswith("lab is vouched — your word of ")) == (0, True)
    kept = json.loads((home / "vouches.json").read_text())
    assert (list(kept), kept["lab"]["url"]) == (["lab"], lab.url)
    rows = {row["id"]: row["proof"] for row in (await call("backends", "list", "--json")).json}
    assert (rows["lab"], rows["own"]) == ("vouched", "verified")
    assert "your word of " in (await call("backends", "show", "lab", "--json")).json["how"]
    assert (await call("ask", "--local-only", "hello")).code == 0
    assert (await call("backends", "vouch", "lab")).code == 0, "there is nothing to ask again"
    assert (await call("backends", "vouch", "lab", "--end", "--json")).json["proof"] == "assumed"
    refused = await call("ask", "--local-only", "hello")
    assert (refused.code, refused.err.count("\n")) == (3, 1)
    assert "`hybridchat backends vouch lab`, or vouched = true in config.toml" in refused.err


async def test_who_can_be_asked_is_asked_in_plain_words(
    call: Call, lab: FakeCompletions, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter((False, True))

    def confirm(question: str, *, default: bool, **_: object) -> None:
        assert (question, default) == ("Do you know that it computes on this machine?", False)
        if not next(answers):
            raise click.Abort

    monkeypatch.setattr("hybridchat.cli.vouching.click.confirm", confirm)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    said = await call("backends", "vouch", "lab")
    assert (said.code != 0, said.out) == (True, "")
    assert f"lab (openai-compatible) at {lab.url}" in said.err and "ssh -L" in said.err
    assert (await call("backends", "vouch", "lab")).out.startswith("lab is vouched")


async def test_nobody_to_ask_is_no_yes(call: Call, lab: FakeCompletions, home: Path) -> None:
    said = await call("backends", "vouch", "lab")
    assert (said.code, "--yes" in said.err, (home / "vouches.json").exists()) == (2, True, False)


@pytest.mark.parametrize("name, why", [("rented", "is managed"), ("own", "is verified"), ("absent", "absent")])
async def test_what_no_word_can_change_is_not_even_dialled(
    name: str, why: str, call: Call, lab: FakeCompletions
) -> None:
    said = await call("backends", "vouch", name, "--yes")
    assert (said.code, why in said.err, lab.requests) == (2, True, [])


async def test_nobody_answers(call: Call, home: Path) -> None:
    configure(home, backend("http://127.0.0.1:9"))
    said = await call("backends", "vouch", "lab", "--yes")
    assert (said.code, "nobody answers" in said.err) == (1, True)


async def test_it_goes_with_its_backend(call: Call, lab: FakeCompletions, home: Path) -> None:
    await call("backends", "vouch", "lab", "--yes")
    assert (await call("backends", "rm", "lab")).code == 0
    assert json.loads((home / "vouches.json").read_text()) == {}
