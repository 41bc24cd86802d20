"""The command line in this process, over a home with a ledger that has one answered question."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from hybridchat.cli import app
from hybridchat.domain.chat import MessageState, Outcome, Privacy, Proof, Purpose, Reasoning, Zone
from hybridchat.ledger.store import AttemptEnd, NewAttempt, NewTurn, TurnIds, open_ledger


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
    ledger = open_ledger(home / "hybridchat.db")
    ids = ledger.begin_turn(NEW_TURN).result()
    ledger.end_attempt(
        AttemptEnd(
            attempt_id=ids.attempt_id,
            message_id=ids.reply_message_id,
            text="Because of **Rayleigh** scattering.",
            thinking="",
            thinking_ms=None,
            signature="",
            state=MessageState.COMPLETE,
            note="",
            outcome=Outcome.OK,
            model="tiny",
            error_kind=None,
            finish_reason="stop",
            ttft_ms=250.0,
            latency_ms=1250.0,
            load_ms=None,
            prompt_tokens=12,
            cached_tokens=None,
            cache_write_tokens=None,
            completion_tokens=40,
            thinking_tokens=None,
            tokens_per_s=39.0,
        )
    ).result()
    ledger.close()
    return ids


NEW_TURN = NewTurn(
    conversation_id=None,
    title="why is the sky blue?",
    privacy=Privacy.OPEN,
    route="auto",
    model=None,
    system="",
    workload="chat",
    reasoning=Reasoning.NORMAL,
    parent_id=None,
    text="why is the sky blue?",
    decided_backend="lab",
    decided_model="tiny",
    attempt=NewAttempt(
        purpose=Purpose.CHAT,
        backend="lab",
        kind="vllm",
        model="tiny",
        zone=Zone.DEVICE,
        proof=Proof.VOUCHED,
        privacy=Privacy.OPEN,
        workload="chat",
        route_reason="a local backend is healthy",
    ),
)
