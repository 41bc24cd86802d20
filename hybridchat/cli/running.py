"""Coroutines from the command line, ended in good order by signals."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Coroutine
from types import FrameType
from typing import Any, TypeVar

import click

T = TypeVar("T")

PATIENCE_S = 1.0


def run(main: Coroutine[Any, Any, T]) -> T:
    """As asyncio.run; Ctrl+C, SIGTERM and SIGHUP cancel `main`, and then raise Exit with the code 128 + number.

    While `main` winds up, further signals are passed over, because shells and wrappers send them twice: what came is
    being written. After a second the next one ends the program at once.
    """
    ended_by: list[tuple[int, float]] = []  # the first signal, and when

    async def watched() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None

        def on_signal(number: int, frame: FrameType | None) -> None:
            if not ended_by:
                ended_by.append((number, time.monotonic()))
                loop.call_soon_threadsafe(task.cancel)
            elif time.monotonic() - ended_by[0][1] > PATIENCE_S:
                os._exit(128 + number)

        before = {number: signal.signal(number, on_signal) for number in ending_signals()}
        try:
            return await main
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    try:
        return asyncio.run(watched())
    except asyncio.CancelledError:
        if not ended_by:
            raise
        raise click.exceptions.Exit(128 + ended_by[0][0]) from None


def ending_signals() -> list[signal.Signals]:
    """Handlers can only be set in the main thread; Windows has no SIGHUP."""
    if threading.current_thread() is not threading.main_thread():
        return []
    return [signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
