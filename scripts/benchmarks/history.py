"""Opening a conversation of 5,000 messages from the list of chats."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

from hybridchat.domain.chat import MessageState, Outcome, Privacy, Proof, Purpose, Reasoning, Zone
from hybridchat.ledger.store import AttemptEnd, Ledger, NewAttempt, NewTurn, TurnIds, open_ledger
from scripts.benchmarks.measure import Row, median, memory_mb
from scripts.benchmarks.program import CTRL_O, ENTER, home_for, running, settle
from scripts.benchmarks.server import MODEL, PacedServer, markdown_tokens

MESSAGES = 5_000
RUNS = 5
LAST_WORD = "thelastword"
ATTEMPT = NewAttempt(
    purpose=Purpose.CHAT,
    backend="paced",
    kind="vllm",
    model=MODEL,
    zone=Zone.DEVICE,
    proof=Proof.ASSUMED,
    privacy=Privacy.OPEN,
    workload=None,
    route_reason="bench",
)


def rows() -> Iterator[Row]:
    with PacedServer() as server, home_for(server) as home:
        write_conversation(home)
        opened_s, grown_mb = zip(*(open_it(home) for _ in range(RUNS)), strict=True)
        yield Row(f"opens a conversation of {MESSAGES:,} messages", median(opened_s), "s", 0.3, RUNS)
        yield Row(f"memory for {MESSAGES:,} messages", median(grown_mb), "MB", 60, RUNS)


def open_it(home: Path) -> tuple[float, float]:
    """Seconds from choosing it in the list to its last word on the screen, and how much the process grew."""
    with running(home) as terminal:
        terminal.type(CTRL_O)
        settle(terminal)
        before_mb = memory_mb(terminal.process.pid)
        start = time.monotonic()
        terminal.type(ENTER)
        terminal.wait_for(LAST_WORD)
        shown_at = terminal.chunks[-1].at
        settle(terminal)
        return shown_at - start, memory_mb(terminal.process.pid) - before_mb


def write_conversation(home: Path) -> None:
    ledger = open_ledger(home / "hybridchat.db")
    reply = "".join(markdown_tokens(120, "w"))
    conversation_id = parent_id = None
    for number in range(MESSAGES // 2):
        last = number == MESSAGES // 2 - 1
        ids = begin_turn(ledger, conversation_id, parent_id, f"Question {number}: how is it done?").result()
        ledger.end_attempt(ended(ids, reply + (LAST_WORD if last else "")))
        conversation_id, parent_id = ids.conversation_id, ids.reply_message_id
    ledger.close()


def begin_turn(ledger: Ledger, conversation_id: int | None, parent_id: int | None, text: str) -> Future[TurnIds]:
    return ledger.begin_turn(
        NewTurn(
            conversation_id=conversation_id,
            title="Five thousand messages",
            privacy=Privacy.OPEN,
            route="auto",
            model=None,
            system="",
            workload=None,
            reasoning=Reasoning.NORMAL,
            parent_id=parent_id,
            text=text,
            decided_backend=None,
            decided_model=None,
            attempt=ATTEMPT,
        )
    )


def ended(ids: TurnIds, text: str) -> AttemptEnd:
    return AttemptEnd(
        attempt_id=ids.attempt_id,
        message_id=ids.reply_message_id,
        text=text,
        thinking="",
        thinking_ms=None,
        state=MessageState.COMPLETE,
        note="",
        outcome=Outcome.OK,
        model=MODEL,
        error_kind=None,
        finish_reason="stop",
        ttft_ms=50.0,
        latency_ms=1000.0,
        load_ms=None,
        prompt_tokens=10,
        cached_tokens=None,
        cache_write_tokens=None,
        completion_tokens=120,
        thinking_tokens=None,
        tokens_per_s=120.0,
    )
