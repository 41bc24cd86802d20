"""A ledger that cannot be written, or not as it should be: the session says so, goes on, and ends when told to."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from hybridchat.domain.chat import Zone
from hybridchat.domain.pricing import PricePerMillion
from hybridchat.domain.routing import Outlook
from hybridchat.errors import HybridchatError
from hybridchat.ledger.store import open_ledger
from hybridchat.session.bookkeeping import Bookkeeper
from hybridchat.session.events import Notice, TurnEnded
from tests.unit.session.conftest import Build, World, spec, until

CLOUD = spec("cloud", Zone.MANAGED, prices={"tiny": PricePerMillion(input=Decimal(3), output=Decimal(15))})


def notices(world: World) -> list[str]:
    return [notice.text for notice in world.told(Notice)]


async def test_why_nothing_is_saved_is_told_at_the_start(build: Build, tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    world = await build(CLOUD, ledger=open_ledger(tmp_path / "a file" / "hybridchat.db"))
    (notice,) = notices(world)
    assert "nothing of this session is saved" in notice


async def test_a_newer_ledger_is_told_at_the_start(build: Build, tmp_path: Path) -> None:
    path = tmp_path / "hybridchat.db"
    open_ledger(path).close()
    with closing(sqlite3.connect(path)) as ledger:
        ledger.execute("PRAGMA user_version = 99")
    world = await build(CLOUD, ledger=open_ledger(path))
    (notice,) = notices(world)
    assert "from a newer hybridchat" in notice
    chat = world.session.new()
    decision = world.session.plan(chat, "hi").decision
    assert (decision.outlook, decision.reasons) == (Outlook.REFUSE, (notice,))
    with pytest.raises(HybridchatError, match="from a newer hybridchat"):
        await world.session.send(chat, "hi")


async def test_a_sound_ledger_is_not_worth_a_word(build: Build, tmp_path: Path) -> None:
    assert notices(await build(CLOUD, ledger=open_ledger(tmp_path / "hybridchat.db"))) == []


async def test_closing_does_not_wait_for_room_to_write(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hybridchat.ledger.connect.BUSY_TIMEOUT_S", 0.01)
    monkeypatch.setattr("hybridchat.session.turn.RECORD_S", 0.01)
    monkeypatch.setattr(Bookkeeper.settle, "__defaults__", (0.01,))
    path = tmp_path / "hybridchat.db"
    world = await build(CLOUD, ledger=open_ledger(path))
    go_on = asyncio.Event()
    cloud = world.backends["cloud"]
    cloud.script = (go_on, *cloud.script)
    await world.session.send(world.session.new(), "hi")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        go_on.set()
        await until(lambda: world.told(TurnEnded))
        await asyncio.wait_for(world.session.close(), 20)
    assert any("this reply was not saved" in text and "another window is writing" in text for text in notices(world))
