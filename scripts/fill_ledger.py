#!/usr/bin/env python3
"""Fills a ledger with a heavy user's two years, the same every time; with --measure prints what using it costs."""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from hybridchat.domain.chat import Proof, Zone  # noqa: E402
from hybridchat.domain.search import parse_query  # noqa: E402
from hybridchat.ledger import summary  # noqa: E402
from hybridchat.ledger.connect import connect_writer, transaction  # noqa: E402
from hybridchat.ledger.store import Ledger, TurnIds, open_ledger  # noqa: E402
from hybridchat.ledger.times import utc_text  # noqa: E402
from tests.unit.ledger.helpers import end_of, new_turn  # noqa: E402

SEED = 20261101
LAST_DAY = datetime(2026, 11, 1, tzinfo=UTC)
DAYS = 730
TURNS_PER_CONVERSATION = 10
BACKENDS = (
    ("lab", "vllm", "qwen3-8b", Zone.DEVICE, Proof.VOUCHED),
    ("box", "ollama", "llama3.2", Zone.PRIVATE, Proof.ASSUMED),
    ("rented", "openai", "gpt-5.2", Zone.MANAGED, None),
)
WORKLOADS = ("chat", "code", "summarization", "translation", None)
WORDS = [f"{a}{b}" for a in ("lo", "re", "mi", "ta", "no", "ki", "su", "va") for b in ("ra", "ne", "dil", "mop", "st")]
HAN_SHARE = 0.1  # of the texts; written without blanks, so they are indexed by characters
HAN = [chr(0x4E00 + rank) for rank in range(3000)]
HAN_WEIGHTS = [1 / (rank + 10) for rank in range(3000)]


def fill(path: Path, attempts: int, messages: int) -> None:
    """Makes a ledger at `path` with so many attempts and messages; about 20 s per million attempts."""
    open_ledger(path).close()
    rng = random.Random(SEED)
    db = connect_writer(path)
    with transaction(db):
        for name in summary.TRIGGERS:  # the summaries are filled once, at the end
            db.execute(f"DROP TRIGGER {name}")
        db.executemany(
            "INSERT INTO conversation (title, created_at, updated_at, privacy, route, reasoning, active_leaf_id, tags, "
            "starred_at, archived_at) VALUES (?, ?, ?, 'open', 'auto', 'normal', ?, ?, ?, ?)",
            _conversations(rng, messages),
        )
        db.executemany(
            "INSERT INTO message (conversation_id, parent_id, role, text, created_at, state) VALUES (?, ?, ?, ?, ?, ?)",
            _messages(rng, messages),
        )
        marks = ", ".join("?" * len(_ATTEMPT_COLUMNS))
        db.executemany(
            f"INSERT INTO attempt ({', '.join(_ATTEMPT_COLUMNS)}) VALUES ({marks})", _attempts(rng, attempts, messages)
        )
        for table in summary.SUMMARIES:
            db.execute(f"DROP TABLE {table}")
        for statement in summary.create_statements():
            db.execute(statement)
    db.close()


def _text(rng: random.Random, words: int) -> str:
    if rng.random() < HAN_SHARE:
        return "".join(rng.choices(HAN, HAN_WEIGHTS, k=2 * words))
    return " ".join(rng.choices(WORDS, k=words))


def _moment(number: int, of: int) -> str:
    return utc_text(LAST_DAY - timedelta(days=DAYS) * (1 - number / max(of, 1)))


def _conversations(rng: random.Random, messages: int) -> Iterator[tuple[object, ...]]:
    size = 2 * TURNS_PER_CONVERSATION
    for first in range(0, messages, size):
        leaf = min(first + size, messages)
        at, number = _moment(leaf, messages), first // size
        marks = (
            '["work"]' if number % 10 == 0 else "[]",
            at if number % 50 == 1 else None,
            at if number % 3 == 2 else None,
        )
        yield _text(rng, 5), _moment(first, messages), at, leaf, *marks


def _messages(rng: random.Random, messages: int) -> Iterator[tuple[object, ...]]:
    size = 2 * TURNS_PER_CONVERSATION
    for number in range(messages):
        parent = number if number % size else None
        is_reply = number % 2 == 1
        role, words = ("assistant", 120) if is_reply else ("user", 30)
        code = "\n```py\nrun()\n```" if number % 20 == 7 else ""
        yield number // size + 1, parent, role, _text(rng, words) + code, _moment(number, messages), "complete"


_ATTEMPT_COLUMNS = (
    *("conversation_id", "message_id", "started_at", "purpose", "backend", "kind", "model", "zone", "proof", "privacy"),
    *("workload", "route_reason", "ttft_ms", "latency_ms", "prompt_tokens", "completion_tokens", "tokens_per_s"),
    *("cost_usd", "cost_basis", "outcome", "error_kind", "attempt_no"),
)


def _attempts(rng: random.Random, attempts: int, messages: int) -> Iterator[tuple[object, ...]]:
    """The last ones belong to the messages; those before are of conversations deleted long ago."""
    gone = attempts - messages // 2
    for number in range(attempts):
        backend, kind, model, zone, proof = rng.choice(BACKENDS)
        message = 2 * (number - gone) + 2 if number >= gone else None
        conversation = (message - 1) // (2 * TURNS_PER_CONVERSATION) + 1 if message else None
        prompt, completion = rng.randrange(20, 4000), rng.randrange(2, 900)
        ttft_ms, speed = rng.lognormvariate(5, 0.6), rng.uniform(20, 160)
        is_priced = zone is Zone.MANAGED
        failed = rng.random() < 0.02
        yield (
            *(conversation, message, _moment(number, attempts), "chat", backend, kind, model, zone, proof, "open"),
            *(rng.choice(WORKLOADS), "a local backend is healthy", ttft_ms, ttft_ms + completion / speed * 1000),
            *(prompt, completion, speed, f"{(prompt * 2 + completion * 8) / 1e6:.8f}" if is_priced else None),
            *("priced" if is_priced else "unknown", "error" if failed else "ok", "timeout" if failed else None, 1),
        )


def measure(path: Path) -> dict[str, float]:
    """Milliseconds of the ledger's budget row, on a filled ledger: p95 of many, else the slowest kind's median."""
    ledger = open_ledger(path)
    now = utc_text(LAST_DAY)
    try:
        return {
            "open_ms": _median_ms(lambda: ledger.status, 1),
            "append_commit_p95_ms": _append_p95_ms(ledger),
            "snapshot_ms": _median_ms(lambda: ledger.snapshot(1, now).result(), 10),
            "stats_ms": max(_median_ms(lambda by=by: ledger.usage_statistics(by).result(), 3) for by in _GROUPINGS),
            "search_ms": _search_ms(ledger, _QUERIES),
            "filtered_ms": _search_ms(ledger, _FILTERED),
            "branch_ms": _median_ms(lambda: ledger.branch(1).result(), 5),
            "advice_ms": _median_ms(lambda: ledger.advice_facts(now).result(), 3),
        }
    finally:
        ledger.close()


_GROUPINGS = ("backend", "model", "day", "workload")
_QUERIES = ("lora", "lora mine", "va", "nothinglikethis", '"lora mine tadil"', HAN[0] + HAN[1], HAN[5] + HAN[2000])
_FILTERED = (
    *("tag:work lora", "is:starred va", "-is:archived va", "backend:rented lora mine", "model:llama zone:private va"),
    *("has:code va", "before:2025-01-01 lora", "after:2026-10-01 va", "cost>0.01 lora", "cost>0.014", "zone:managed"),
    *("is:starred", "tag:work -mine lora", f"zone:local {HAN[0]}{HAN[1]}"),
)


def _search_ms(ledger: Ledger, queries: tuple[str, ...]) -> float:
    """Of the slowest of them."""
    return max(_median_ms(partial(_search, ledger, text), 5) for text in queries)


def _search(ledger: Ledger, text: str) -> None:
    ledger.search(parse_query(text, LAST_DAY)).result()


def _median_ms(call: Callable[[], object], times: int) -> float:
    return median(_elapsed_ms(call) for _ in range(times))


def _elapsed_ms(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


def _append_p95_ms(ledger: Ledger, times: int = 300) -> float:
    """Flushes and ends of replies; the turn's own commit waits for the disk and is not of this budget."""
    parent, conversation, took = None, None, []
    for number in range(times):
        ids = ledger.begin_turn(new_turn(conversation_id=conversation, parent_id=parent)).result()
        conversation, parent = ids.conversation_id, ids.reply_message_id
        text = "word " * (number % 200)
        took.append(_elapsed_ms(partial(_flush, ledger, parent, text)))
        took.append(_elapsed_ms(partial(finish, ledger, ids, text)))
    return sorted(took)[int(len(took) * 0.95)]


def _flush(ledger: Ledger, message_id: int, text: str) -> None:
    ledger.flush_reply(message_id, text, "").result()


def finish(ledger: Ledger, ids: TurnIds, text: str) -> None:
    ledger.end_attempt(end_of(ids, text)).result()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--attempts", type=int, default=1_000_000)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--measure", action="store_true", help="print the ledger's budget row as JSON")
    chosen = parser.parse_args()
    if not chosen.path.exists():
        fill(chosen.path, chosen.attempts, chosen.messages)
    if chosen.measure:
        print(json.dumps({name: round(value, 2) for name, value in measure(chosen.path).items()}))


if __name__ == "__main__":
    main()
