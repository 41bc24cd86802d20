"""Signals cancel, and wait for what must still be written."""

from __future__ import annotations

import asyncio
import os
import signal
import threading

import click
import pytest

from hybridchat.cli.running import run


async def _answer() -> int:
    return 42


def test_the_result_is_handed_on() -> None:
    assert run(_answer()) == 42


def test_it_works_outside_the_main_thread() -> None:
    results: list[int] = []
    thread = threading.Thread(target=lambda: results.append(run(_answer())))
    thread.start()
    thread.join()
    assert results == [42]


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
def test_a_signal_winds_up_once_and_tells_its_number() -> None:
    done: list[str] = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.Event().wait()
        finally:
            os.kill(os.getpid(), signal.SIGINT)  # while it winds up: passed over
            await asyncio.sleep(0)
            done.append("written")

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(click.exceptions.Exit) as end:
        run(work())
    assert (end.value.exit_code, done) == (143, ["written"])
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_cancellation_of_another_cause_stays_one() -> None:
    async def cancelled() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        run(cancelled())
