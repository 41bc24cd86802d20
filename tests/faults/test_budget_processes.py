"""Budgets that several hybridchats share, and what is left of them when one is killed."""

from __future__ import annotations

import asyncio
import signal
from decimal import Decimal
from pathlib import Path

import pytest

from hybridchat.domain.chat import CostBasis, MessageState, Outcome
from hybridchat.ledger import money
from hybridchat.ledger.store import AttemptCost, open_ledger
from hybridchat.session.events import AttemptPriced
from tests.unit.ledger.helpers import opened, query, start_python
from tests.unit.ledger.test_money import DAY, standing
from tests.unit.session.conftest import Build
from tests.unit.session.test_budgets import CLOUD, budget, stood

HOLDS = """
import sys
from pathlib import Path
from tests.unit.ledger.helpers import open_ledger
from tests.unit.ledger.test_money import attempt, begin
ledger = open_ledger(Path(sys.argv[1]))
ids = begin(ledger, attempt())
ledger.flush_reply(ids.reply_message_id, "four" * 10, "").result()
print("begun", flush=True)
sys.stdin.readline()
"""


def test_a_killed_process_keeps_its_reservation_until_it_is_priced(path: Path) -> None:
    process = start_python(HOLDS, path)
    assert process.stdout is not None and process.stdin is not None
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with opened(path) as ledger:
        assert standing(ledger) == (0, Decimal("0.10"))
        (left,) = ledger.unpriced().result()
        assert (left.attempt.outcome, left.attempt.requested_model) == (Outcome.INTERRUPTED, "big")
        assert (left.prompt_tokens_counted, left.reply_tokens_counted, left.reserved_usd) == (100, 10, Decimal("0.10"))
        ledger.set_cost(
            AttemptCost(attempt_id=left.attempt.attempt_id, usd="0.05", basis=CostBasis.ESTIMATED, detail="")
        ).result()
        assert standing(ledger) == (Decimal("0.05"), 0)
        assert ledger.unpriced().result() == []


RACE = """
import sys
from pathlib import Path
from msgspec.structs import replace
from hybridchat.domain.budget import OverBudget
from tests.unit.ledger.helpers import opened
from tests.unit.ledger.test_money import DIME, attempt, begin, settle
with opened(Path(sys.argv[1])) as ledger:
    ledger.status
    print("ready", flush=True)
    sys.stdin.readline()
    running, begun = [], 0
    for turn in range(60):
        try:
            running.append(begin(ledger, attempt(replace(DIME, may_lower=turn % 2 == 0))))
            begun += 1
        except OverBudget:
            pass
        if running and turn % 3 == 0:
            settle(ledger, running.pop(0), "0.013")
    for ids in running:
        settle(ledger, ids, "0.013")
    print(begun, flush=True)
"""


def test_two_processes_never_overspend_together(path: Path) -> None:
    """Each row says what the budget stood at when it began: never above the limit."""
    with opened(path) as ledger:
        ledger.status.mode  # noqa: B018 - waits until it is open
    watch = "CREATE TABLE seen (held INTEGER)"
    query(path, watch)
    query(
        path,
        "CREATE TRIGGER watch AFTER INSERT ON attempt BEGIN INSERT INTO seen SELECT "
        "sum(coalesce(cost_pico_usd, 0) + coalesce(reserved_pico_usd, 0)) FROM attempt; END",
    )
    processes = [start_python(RACE, path) for _ in range(2)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    begun = [int(process.communicate("go\n", timeout=50)[0]) for process in processes]
    ((most, rows),) = query(path, "SELECT max(held), count(*) FROM seen")
    assert rows == sum(begun) > 10
    assert most <= money.pico(DAY.usd)
    assert query(path, "SELECT sum(cost_pico_usd), sum(reserved_pico_usd) FROM attempt") == [
        (rows * 13_000_000_000, None)
    ]


LEFT = """
import sys
from pathlib import Path
from hybridchat.ledger.store import open_ledger
from tests.unit.ledger.helpers import MANAGED, new_turn
from tests.unit.ledger.test_money import DIME, attempt
from msgspec.structs import replace
ledger = open_ledger(Path(sys.argv[1]))
ids = ledger.begin_turn(new_turn(attempt=attempt(DIME, backend=sys.argv[2], model="tiny"))).result()
ledger.flush_reply(ids.reply_message_id, "four" * 10, "").result()
print("begun", flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize(
    ("backend", "usd"), [("cloud", Decimal("0.0103")), ("gone", Decimal("0.10"))], ids=["estimated", "all of it"]
)
async def test_what_a_kill_left_is_settled_at_the_next_start(
    build: Build, home: Path, backend: str, usd: Decimal
) -> None:
    path = home / "hybridchat.db"
    process = start_python(LEFT, path, backend)
    assert process.stdout is not None
    assert await asyncio.to_thread(process.stdout.readline) == "begun\n"
    process.kill()
    process.communicate()
    world = await build(CLOUD, config=budget(day="9"), ledger=open_ledger(path))
    await world.session.books.settle()
    assert await stood(world) == [(usd, 0)]
    (conversation,) = await world.session.conversations()
    attempt = (await asyncio.wrap_future(world.ledger.branch(conversation.id)))[-1].attempt
    assert attempt is not None
    assert (attempt.outcome, attempt.cost_basis) == (Outcome.INTERRUPTED, CostBasis.ESTIMATED)
    assert world.told(AttemptPriced) == []


async def test_a_killed_replys_reservation_is_in_nobodys_way_after_the_start(build: Build, home: Path) -> None:
    path = home / "hybridchat.db"
    process = start_python(LEFT, path, "cloud")
    assert process.stdout is not None
    assert await asyncio.to_thread(process.stdout.readline) == "begun\n"
    process.kill()
    process.communicate()
    # 0.10 are reserved; 0.0103 of it is what it cost
    world = await build(CLOUD, config=budget(day="0.15", max_reply_tokens=100), ledger=open_ledger(path))
    chat = world.session.new()
    await world.session.send(chat, "hi", route="cloud")
    assert (await world.session.wait(chat)).state is MessageState.COMPLETE
