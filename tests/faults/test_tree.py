"""Whatever is done to a tree, from two windows, closed, reopened or killed: every message is in its place, or was
deleted by somebody who wanted that."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from hybridchat.domain.chat import MessageState
from hybridchat.errors import HybridchatError
from hybridchat.ledger.store import open_ledger
from tests.fakes.scripted import Echoes
from tests.faults.branching import Alive, Window, alive_of
from tests.unit.ledger.helpers import ROOT

PLACES = st.integers(0, 10_000)
WINDOWS = st.integers(0, 1)


class Tree(RuleBasedStateMachine):
    """Two windows over one ledger. `kept`: all that must be there, `taken`: by window and deletion, what must not."""

    template: Path  # an empty ledger; making one takes longer than a whole run

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / "hybridchat.db"
        shutil.copy(self.template, self.path)
        self.echoes = Echoes()
        self.windows = [Window(self.path, self.echoes) for _ in range(2)]
        self.kept: Alive = {}
        self.taken: list[list[frozenset[int]]] = [[], []]
        self.number = 0

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    @initialize()
    def begin(self) -> None:
        for window in self.windows:
            self.run(window.start())
        self.run(self.windows[0].do("send", None, "first"))
        self.kept = self.alive()
        self.join()

    def alive(self) -> Alive:
        """As the first window sees it; its chat is on its screen again."""
        window = self.windows[0]
        shown, nodes = window.chat, self.run(window.nodes())
        if shown.id in nodes:
            window.chat = self.run(window.session.open(shown.id))
        return alive_of(nodes)

    def message_in(self, window: Window, place: int) -> int | None:
        nodes = self.run(window.session.branches.outline(window.chat))
        return nodes[place % len(nodes)].id if nodes else None

    def act(self, number: int, deed: str, message_id: int | None) -> set[int]:
        """Does it; returns what is gone by it. What cannot be done changes nothing."""
        self.number += 1
        before = self.kept
        with contextlib.suppress(HybridchatError):
            self.run(self.windows[number].do(deed, message_id, f"words {self.number}"))
            after = self.alive()
            gone, new = before.keys() - after.keys(), after.keys() - before.keys()
            self.kept = after
            assert all(after[one] == before[one] for one in before.keys() & after.keys())
            assert not new or deed in ("send", "reword", "again", "fork", "undo")
            assert not gone or deed == "delete"
            return set(gone)
        assert self.alive() == before, f"{deed} was refused and did something"
        return set()

    @rule(window=WINDOWS)
    def send(self, window: int) -> None:
        self.act(window, "send", None)

    @rule(window=WINDOWS, place=PLACES)
    def reword(self, window: int, place: int) -> None:
        self.act(window, "reword", self.message_in(self.windows[window], place))

    @rule(window=WINDOWS, place=PLACES)
    def answer_again(self, window: int, place: int) -> None:
        self.act(window, "again", self.message_in(self.windows[window], place))

    @rule(window=WINDOWS, place=PLACES)
    def fork(self, window: int, place: int) -> None:
        self.act(window, "fork", self.message_in(self.windows[window], place))

    @rule(window=WINDOWS, place=PLACES)
    def switch(self, window: int, place: int) -> None:
        self.act(window, "show", self.message_in(self.windows[window], place))

    @rule(window=WINDOWS, place=PLACES)
    def delete(self, window: int, place: int) -> None:
        gone = self.act(window, "delete", self.message_in(self.windows[window], place))
        if gone:
            self.taken[window].append(frozenset(gone))

    @rule(window=WINDOWS)
    def undo(self, window: int) -> None:
        """What comes back is what one deletion took: the newest that can come back."""
        before = set(self.kept)
        self.act(window, "undo", None)
        back = set(self.kept) - before
        if back:
            assert frozenset(back) in self.taken[window]
            self.taken[window].remove(frozenset(back))

    @rule()
    def join(self) -> None:
        """The second window opens what the first one shows."""
        number = self.windows[0].chat.id
        if number is not None:
            with contextlib.suppress(HybridchatError):  # deleted in the other window
                self.windows[1].chat = self.run(self.windows[1].session.open(number))

    @rule(window=WINDOWS)
    def reopen(self, window: int) -> None:
        """What it deleted is purged then, and nothing else."""
        number = self.windows[window].chat.id
        self.run(self.windows[window].session.close())
        self.taken[window].clear()
        self.run(self.windows[window].start())
        if number is not None:
            with contextlib.suppress(HybridchatError):
                self.windows[window].chat = self.run(self.windows[window].session.open(number))
        assert self.alive() == self.kept

    def teardown(self) -> None:
        for window in self.windows:
            self.run(window.session.close())
        self.loop.close()
        shutil.rmtree(self.folder)


@pytest.mark.timeout(300)
def test_every_message_is_in_its_place_or_was_deleted(tmp_path: Path) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    template = tmp_path / "empty.db"
    open_ledger(template).close()
    machine = type("Tree", (Tree,), {"template": template})
    run_state_machine_as_test(machine, settings=settings(max_examples=20, stateful_step_count=25, deadline=None))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", range(3))
def test_also_when_it_is_killed_in_the_middle_of_something(tmp_path: Path, seed: int) -> None:
    """Each deed is done as a whole or not at all. What the killed one had deleted is purged by the next."""
    rng, path = random.Random(seed), tmp_path / "hybridchat.db"
    alive: Alive = {}
    for round_ in range(4):
        command = [sys.executable, "-m", "tests.faults.branching", str(path), str(10 * seed + round_)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            said = [json.loads(process.stdout.readline()) for _ in range(rng.randrange(20, 60))]
            process.kill()
            said += [json.loads(line) for line in process.stdout if line.endswith("\n")]
        states = [{int(number): text for number, text in one["alive"].items()} for one in said if "alive" in one]
        before = states[-1] if states else alive
        deed = said[-1].get("deed") if "alive" not in said[-1] else None
        alive = asyncio.run(_looked_at(path))
        gone, new = before.keys() - alive.keys(), alive.keys() - before.keys()
        assert not gone or deed == "delete", f"{deed} lost {gone}"
        assert not new or deed in ("send", "reword", "again", "fork", "undo"), f"{deed} made {new}"
        assert all(alive[one] == before[one] for one in before.keys() & alive.keys())


async def _looked_at(path: Path) -> Alive:
    """What the next window finds: whole trees, and no reply that still runs."""
    window = Window(path, Echoes())
    await window.start()
    try:
        nodes = await window.nodes()
        assert all(node.state is not MessageState.STREAMING for of in nodes.values() for node in of)
        return alive_of(nodes)
    finally:
        await window.session.close()
