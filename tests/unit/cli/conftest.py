"""The command line in this process, over a home with a ledger that has one answered question."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from hybridchat.cli import app
from hybridchat.ledger.store import TurnIds
from tests.unit.ledger.helpers import LOCAL, end_of, new_turn, opened


class Said(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Cli = Callable[..., Said]
Call = Callable[..., Awaitable[Said]]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """`cli("list", "--json")` → exit code, standard output, standard error. Nothing is piped in."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO()))

    def run(*arguments: str) -> Said:
        capsys.readouterr()
        code = app.run(arguments)
        return Said(code, *capsys.readouterr())

    return run


@pytest.fixture
def call(cli: Cli) -> Call:
    """The command line in a thread, so that a server can answer from the test's loop."""

    async def run(*arguments: str) -> Said:
        return await asyncio.to_thread(cli, *arguments)

    return run


@pytest.fixture
def answered(home: Path) -> TurnIds:
    """The ids of one turn: "why is the sky blue?", answered by lab with 40 tokens after 250 ms."""
    with opened(home / "hybridchat.db") as ledger:
        ids = ledger.begin_turn(NEW_TURN).result()
        end = end_of(ids, "Because of **Rayleigh** scattering.", ttft_ms=250.0, latency_ms=1250.0, prompt_tokens=12)
        ledger.end_attempt(replace(end, completion_tokens=40, tokens_per_s=39.0)).result()
    return ids


NEW_TURN = new_turn("why is the sky blue?", workload="chat", attempt=replace(LOCAL, workload="chat"))
