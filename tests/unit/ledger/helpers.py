"""Turns to write into a ledger, in one line each."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from hybridchat.domain.chat import MessageState, Outcome, Privacy, Proof, Purpose, Reasoning, Zone
from hybridchat.domain.search import Query, parse_query
from hybridchat.ledger.store import AttemptEnd, Ledger, NewAttempt, NewTurn, TurnIds, open_ledger

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
ROOT = Path(__file__).parents[3]

LOCAL = NewAttempt(
    purpose=Purpose.CHAT,
    backend="lab",
    kind="vllm",
    model="tiny",
    zone=Zone.DEVICE,
    proof=Proof.VOUCHED,
    privacy=Privacy.OPEN,
    workload=None,
    route_reason="a local backend is healthy",
)
MANAGED = replace(LOCAL, backend="rented", kind="openai", model="big", zone=Zone.MANAGED, proof=None)


def new_turn(text: str = "a question", **changes: Any) -> NewTurn:
    turn = NewTurn(
        conversation_id=None,
        title=text[:40],
        privacy=Privacy.OPEN,
        route="auto",
        model=None,
        system="",
        workload=None,
        reasoning=Reasoning.NORMAL,
        parent_id=None,
        text=text,
        decided_backend="lab",
        decided_model="tiny",
        attempt=LOCAL,
    )
    return replace(turn, **changes)


def end_of(ids: TurnIds, text: str = "an answer", **changes: Any) -> AttemptEnd:
    end = AttemptEnd(
        attempt_id=ids.attempt_id,
        message_id=ids.reply_message_id,
        text=text,
        thinking="",
        thinking_ms=None,
        signature="",
        state=MessageState.COMPLETE,
        note="",
        outcome=Outcome.OK,
        model="tiny",
        error_kind=None,
        finish_reason="stop",
        ttft_ms=100.0,
        latency_ms=1100.0,
        load_ms=None,
        prompt_tokens=10,
        cached_tokens=None,
        cache_write_tokens=None,
        completion_tokens=21,
        thinking_tokens=None,
        tokens_per_s=20.0,
    )
    return replace(end, **changes)


def whole_turn(ledger: Ledger, text: str = "a question", answer: str = "an answer", **changes: Any) -> TurnIds:
    ids = ledger.begin_turn(new_turn(text, **changes)).result()
    ledger.end_attempt(end_of(ids, answer)).result()
    return ids


@contextmanager
def opened(path: Path | None) -> Iterator[Ledger]:
    ledger = open_ledger(path)
    try:
        yield ledger
    finally:
        ledger.close()


def query(path: Path, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Reads the file as any other program would."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement, parameters).fetchall()


def start_python(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Another hybridchat, as a process that talks by lines."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def asked(text: str) -> Query:
    """What a person typed into a search."""
    return parse_query(text, NOW)
