"""A thread that runs calls one after the other, with a Future for each."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TypeVar

from hybridchat.errors import LedgerError

T = TypeVar("T")


class Worker:
    """What was asked for is done: Futures cannot be cancelled, so that a cancelled task loses no write."""

    def __init__(self, name: str) -> None:
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, call: Callable[[], T]) -> Future[T]:
        """After `close` the Future holds a LedgerError."""
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()

        def run() -> None:
            try:
                result = call()
            except BaseException as error:  # noqa: BLE001 - whatever it is, it belongs to whoever waits for the Future
                future.set_exception(error)
            else:
                future.set_result(result)

        with self._lock:
            if self._is_closed:
                future.set_exception(LedgerError("the ledger is closed", "start hybridchat again"))
            else:
                self._queue.put(run)
        return future

    def close(self) -> None:
        """Does what was asked before, then ends the thread; returns when it has ended."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (run := self._queue.get()) is not None:
            run()
