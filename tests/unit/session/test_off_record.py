"""Conversations off the record: in memory, counted by the budgets, told by the audit, and nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from hybridchat.config import BudgetConfig, Config, PrivacyConfig
from hybridchat.domain.budget import Hold, Limit, Scope
from hybridchat.domain.chat import ChatRequest, MessageState, Outcome, Privacy, Zone, is_off_record
from hybridchat.domain.events import Event, Failed, Finished, Started, Text, Usage
from hybridchat.domain.pricing import PricePerMillion
from hybridchat.errors import ErrorKind, Refused, UsageError
from hybridchat.ledger.off_record import OffRecordLedger
from hybridchat.ledger.store import Forecast, Ledger, open_ledger
from hybridchat.ledger.times import utc_now
from hybridchat.net.audit import _errand
from hybridchat.session.debuglog import DebugLog
from hybridchat.session.events import TurnEnded
from tests.unit.ledger.helpers import MANAGED, asked, new_turn, query
from tests.unit.session.conftest import Build, Scripted, World, spec

PRICE = {"tiny": PricePerMillion(input=Decimal(1), output=Decimal(1))}
RENTED = spec("rented", Zone.MANAGED, prices=PRICE)
LAB = spec("lab", Zone.DEVICE)
USAGE = Usage(prompt_tokens=100, completion_tokens=200)
COUNTED = (Started("tiny"), Text("Hello"), USAGE, Finished("stop"))
COST = Decimal("0.0003")
WORDS = "an axolotl in the attic"


@pytest.fixture
def kept(home: Path) -> Ledger:
    return open_ledger(home / "hybridchat.db")


async def ask(world: World, text: str = WORDS, **wishes: object) -> None:
    chat = world.session.new(off_record=True)
    await world.session.send(chat, text, **wishes)  # type: ignore[arg-type]
    await world.session.wait(chat)
    await world.session.books.settle()


def rows(home: Path, table: str) -> int:
    found: int = query(home / "hybridchat.db", f"SELECT count(*) FROM {table}")[0][0]
    return found


async def test_it_is_a_conversation_like_any_other_while_it_lasts(build: Build, kept: Ledger, home: Path) -> None:
    world = await build(LAB, ledger=kept)
    chat = world.session.new(off_record=True)
    for text in (WORDS, "and then?"):
        await world.session.send(chat, text)
        await world.session.wait(chat)
    assert chat.id is not None and is_off_record(chat.id)
    assert [len(request.messages) for request in world.backends["lab"].requests] == [1, 3]
    await world.session.rename(chat.id, "a title")
    assert [c.title for c in await world.session.conversations()] == ["a title"]
    again = await world.session.open(chat.id)
    assert again.is_off_record
    assert [m.text for m in again.messages] == [WORDS, "Hello", "and then?", "Hello"]
    await world.session.answer_again(again)
    await world.session.wait(again)
    beside = await world.session.siblings(again.messages[-1].id)
    assert len(beside) == 2
    await world.session.show_sibling(again, beside[0].id)
    assert again.messages[-1].id == beside[0].id
    await world.session.delete(chat.id)
    assert await world.session.conversations() == []
    assert await world.session.undo_delete() == chat.id
    assert len(await world.session.conversations()) == 1
    assert {rows(home, table) for table in ("conversation", "message", "attempt")} == {0}


async def test_it_stands_beside_the_kept_ones_and_is_no_latest(build: Build, kept: Ledger) -> None:
    world = await build(LAB, ledger=kept)
    chat = world.session.new()
    await world.session.send(chat, "on the record")
    await world.session.wait(chat)
    await ask(world)
    listed = await world.session.conversations()
    assert [(c.title, is_off_record(c.id)) for c in listed] == [(WORDS, True), ("on the record", False)]
    assert [c.title for c in await world.session.conversations(1)] == [WORDS]
    latest = await world.session.open_latest()
    assert latest is not None and latest.id == chat.id


async def test_another_session_does_not_find_it(build: Build, kept: Ledger, home: Path) -> None:
    world = await build(LAB, ledger=kept)
    await ask(world)
    (only,) = await world.session.conversations()
    await world.session.close()
    later = await build(LAB, ledger=open_ledger(home / "hybridchat.db"))
    assert await later.session.conversations() == []
    with pytest.raises(UsageError, match="no conversation"):
        await later.session.open(only.id)


async def test_a_fork_of_it_is_off_the_record(build: Build, kept: Ledger, home: Path) -> None:
    world = await build(LAB, ledger=kept)
    chat = world.session.new(off_record=True, privacy=Privacy.PRIVATE)
    await world.session.send(chat, WORDS)
    await world.session.wait(chat)
    fork = await world.session.fork_with_summary(chat)
    await world.session.wait(fork)
    assert fork.is_off_record and is_off_record(fork.id)
    assert fork.privacy is Privacy.PRIVATE
    assert rows(home, "conversation") == 0


async def test_nor_does_a_fork_with_some_of_its_turns_come_onto_it(build: Build, kept: Ledger, home: Path) -> None:
    world = await build(LAB, ledger=kept)
    chat = world.session.new(off_record=True)
    await world.session.send(chat, WORDS)
    await world.session.wait(chat)
    fork = await world.session.open(await world.session.make_fork(chat, Privacy.OPEN, [1]))
    assert fork.is_off_record and [m.text for m in fork.messages] == [WORDS, "Hello"]
    assert rows(home, "conversation") == 0


async def test_its_ledger_has_the_tables_of_the_other(build: Build, kept: Ledger) -> None:
    world = await build(LAB, ledger=kept)
    chat = world.session.new(off_record=True)
    await world.session.send(chat, WORDS)
    ledger = world.session._ledgers.of_chat(chat)
    tables = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE '%sqlite%' ORDER BY name"
    assert ledger._read(lambda db: db.execute(tables).fetchall()).result() == (
        kept._read(lambda db: db.execute(tables).fetchall()).result()
    )
    assert [hit.snippet for hit in ledger.search(asked("axolotl")).result()] != [], "its index is filled"


async def test_what_leaves_is_on_an_errand_without_a_conversation(build: Build) -> None:
    world, errands = await build(RENTED), []

    class Spy(Scripted):
        async def chat(self, request: ChatRequest) -> AsyncIterator[Event]:
            errands.append(_errand.get())
            async for event in super().chat(request):
                yield event

    world.backends["rented"] = Spy(RENTED)
    await ask(world)
    (errand,) = errands
    assert errand is not None
    assert (errand.purpose, errand.conversation_id, errand.message_id, errand.attempt_id) == ("chat", None, None, None)


async def test_it_teaches_no_estimate_and_is_in_no_statistics(build: Build, kept: Ledger) -> None:
    world = await build(RENTED, ledger=kept)
    world.backends["rented"].script = COUNTED
    await ask(world)
    assert await learnt(kept) == 0
    assert kept.usage_statistics("backend").result() == []
    assert world.session.books.snapshot.managed.replies == 0
    assert world.session.books.snapshot.managed.cost_chat.usd == float(COST), "while it is open, the panel shows it"


async def learnt(ledger: Ledger) -> int:
    """From so many replies."""
    return (await asyncio.wrap_future(ledger.token_history("rented", "tiny"))).reply_tokens.n


async def test_with_leave_it_is_counted_as_numbers(build: Build, kept: Ledger, home: Path) -> None:
    config = Config(privacy=PrivacyConfig(count_off_the_record=True), budget=BudgetConfig(day=Decimal(1)))
    world = await build(RENTED, ledger=kept, config=config)
    world.backends["rented"].script = COUNTED
    await ask(world)
    (row,) = kept.usage_statistics("backend").result()
    assert (row.attempts, row.replies, row.prompt_tokens, row.cost.usd) == (1, 1, 100, float(COST))
    columns = "conversation_id, message_id, workload, found, route_reason, requested_model, outcome"
    (numbers,) = query(home / "hybridchat.db", f"SELECT {columns} FROM usage")
    assert numbers == (None, None, None, None, "off the record", None, "ok")
    assert await learnt(kept) == 0
    (standing,) = await world.session.budgets.standings(None)
    assert standing.settled_usd == COST, "counted once"


# --- budgets


def budget(**limits: Decimal) -> Config:
    return Config(budget=BudgetConfig(**limits, max_reply_tokens=1000))


async def test_its_cost_counts_against_the_budgets_of_all_windows(build: Build, kept: Ledger, home: Path) -> None:
    world = await build(RENTED, ledger=kept, config=budget(day=Decimal(1), month=Decimal(2)))
    world.backends["rented"].script = COUNTED
    await ask(world)
    other = await build(RENTED, ledger=open_ledger(home / "hybridchat.db"), config=budget(day=Decimal(1)))
    (standing,) = await other.session.budgets.standings(None)
    assert (standing.settled_usd, standing.reserved_usd) == (COST, 0)


async def test_what_is_spent_elsewhere_holds_it_back(build: Build, kept: Ledger, home: Path) -> None:
    """A day's budget that pays one reply and no second, whichever of them is off the record."""
    world = await build(RENTED, ledger=kept, config=budget(day=Decimal("0.00105")))
    world.backends["rented"].script = COUNTED
    await ask(world)
    with pytest.raises(Refused, match="day budget"):
        await ask(world)
    chat = world.session.new()
    with pytest.raises(Refused, match="day budget"):
        await world.session.send(chat, WORDS)
    assert len(world.backends["rented"].requests) == 1


async def test_it_has_a_budget_of_its_own_as_a_conversation(build: Build, kept: Ledger) -> None:
    world = await build(RENTED, ledger=kept, config=budget(conversation=Decimal("0.00105")))
    world.backends["rented"].script = COUNTED
    chat = world.session.new(off_record=True)
    await world.session.send(chat, WORDS)
    await world.session.wait(chat)
    await world.session.books.settle()
    with pytest.raises(Refused, match="conversation budget"):
        await world.session.send(chat, "again")
    await ask(world, "another one may")
    assert len(world.backends["rented"].requests) == 2


async def test_what_was_reserved_is_free_again_when_nothing_is_billed(build: Build, kept: Ledger) -> None:
    world = await build(RENTED, ledger=kept, config=budget(day=Decimal(1)))
    world.backends["rented"].script = (Failed(ErrorKind.AUTH, "no key", ""),)
    await ask(world)
    assert world.session.turns.chats == {}
    (standing,) = await world.session.budgets.standings(None)
    assert (standing.settled_usd, standing.reserved_usd) == (0, 0)


async def test_what_was_reserved_stays_counted_when_the_process_is_killed(kept: Ledger, home: Path) -> None:
    limit = Limit(Scope.DAY, Decimal(1))
    forecast = Forecast(hold=Hold(Decimal("0.1"), Decimal("0.001"), 100), limits=(limit,))
    memory = OffRecordLedger(kept, lambda text: None)
    memory.begin_turn(new_turn(attempt=replace(MANAGED, forecast=forecast))).result()
    later = open_ledger(home / "hybridchat.db")
    (standing,) = later.standings((limit,), None, utc_now()).result()
    later.close()
    memory.close()
    kept.close()
    assert standing.settled_usd == Decimal("0.2")


# --- its marks


async def test_the_debug_log_does_not_know_it(build: Build, tmp_path: Path) -> None:
    world = await build(RENTED)
    log = DebugLog(tmp_path)
    world.session.listen(log.on_event)
    await ask(world)
    (ended,) = [event.reply for event in world.told(TurnEnded)]
    assert (ended.state, ended.attempt and ended.attempt.outcome) == (MessageState.COMPLETE, Outcome.OK)
    log.close()
    assert "message" not in (tmp_path / "debug.log").read_text()
