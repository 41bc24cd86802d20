"""Lines of a keyboard or a pipe, for a conversation on another thread.

They are read on the main thread, where Ctrl+C arrives and line editing works on every system; meanwhile the session
goes on, on an event loop in a thread of its own.
"""

from __future__ import annotations

import asyncio
import getpass
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from types import FrameType, ModuleType
from typing import Any, NamedTuple, Protocol

import click

from hybridchat.cli import output
from hybridchat.cli.prompt import MAX_INPUT_BYTES
from hybridchat.cli.running import PATIENCE_S, ending_signals
from hybridchat.domain.text import clean_line
from hybridchat.errors import UsageError

LOOK_EVERY_S = 0.25  # Windows handles no signal while a thread waits without an end


class Interrupted(Exception):
    """Ctrl+C came instead of a line."""


class Reader(Protocol):
    """Where a conversation gets its lines from."""

    is_interactive: bool  # somebody is there to be asked
    on_interrupt: Callable[[], None]  # Ctrl+C while no line is read; called on the event loop

    async def read(self, prompt: str, *, is_secret: bool = False) -> str | None:
        """A line without its end, which may hold several pasted ones; None after the last. A secret is not shown.
        Raises Interrupted, and UsageError for what is no text."""

    def remember(self, lines: Iterable[str]) -> None:
        """From now on Up brings back these, the last one first, and nothing else. In memory only."""


class _Wanted(NamedTuple):
    prompt: str
    is_secret: bool
    answer: Future[str | None]


class Keyboard:
    """Made and served on the main thread; read from the event loop."""

    def __init__(self) -> None:
        self.is_interactive = sys.stdin.isatty()
        self.on_interrupt: Callable[[], None] = self._cancel
        self._wanted: queue.SimpleQueue[_Wanted | None] = queue.SimpleQueue()
        self._remembered: tuple[str, ...] | None = None
        self._is_reading = False
        self._ended_by: tuple[int, float] | None = None  # the first signal, and when
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[int] | None = None

    async def read(self, prompt: str, *, is_secret: bool = False) -> str | None:
        wanted = _Wanted(prompt, is_secret, Future())
        self._wanted.put(wanted)
        return await asyncio.wrap_future(wanted.answer)

    def remember(self, lines: Iterable[str]) -> None:
        self._remembered = tuple(lines)

    def serve(self, main: Callable[[], Coroutine[Any, Any, int]]) -> int:
        """Runs `main` and gives it lines until it ends; returns what it does. Ctrl+C is a line's, or `on_interrupt`'s;
        SIGTERM and SIGHUP cancel `main` and then raise Exit with the code 128 + number."""
        ended: Future[int] = Future()
        life = threading.Thread(target=self._live, args=(main, ended), name="conversation")
        before = {number: signal.signal(number, self._on_signal) for number in ending_signals()}
        life.start()
        try:
            with _heard_while_typing(lambda: self._ended_by is not None):
                while not ended.done():
                    self._serve_one()
            life.join()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        try:
            return ended.result()
        except asyncio.CancelledError:
            raise click.exceptions.Exit(128 + (self._ended_by[0] if self._ended_by else signal.SIGINT)) from None

    def _live(self, main: Callable[[], Coroutine[Any, Any, int]], ended: Future[int]) -> None:
        async def watched() -> int:
            self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
            return await main()

        try:
            ended.set_result(asyncio.run(watched()))
        except BaseException as error:  # noqa: BLE001 - whatever it is, the main thread raises it
            ended.set_exception(error)
        finally:
            self._wanted.put(None)

    def _serve_one(self) -> None:
        """The next line that is wanted, if it is by now."""
        try:
            wanted = self._wanted.get(timeout=LOOK_EVERY_S)
        except queue.Empty:
            return
        if wanted is None or wanted.answer.cancelled():
            return
        try:
            line, error = self._read(wanted.prompt, wanted.is_secret), None
        except (Interrupted, UsageError) as caught:
            line, error = None, caught
        if wanted.answer.set_running_or_notify_cancel():
            if error:
                wanted.answer.set_exception(error)
            else:
                wanted.answer.set_result(line)

    # --- on the main thread

    def _read(self, prompt: str, is_secret: bool) -> str | None:
        self._is_reading = True
        try:
            if self.is_interactive:
                prompt = clean_line(prompt) + " "
                return getpass.getpass(prompt, sys.stderr) if is_secret else self._typed(prompt)
            return _piped()
        except KeyboardInterrupt:
            if self.is_interactive:
                output.talk("\n")
            raise Interrupted from None
        except (EOFError, OSError):  # a terminal that is gone has no more lines
            return None
        except UnicodeDecodeError:
            raise UsageError("what was typed is no text", "type it in the terminal's own encoding") from None
        finally:
            self._is_reading = False

    def _typed(self, prompt: str) -> str:
        readline = _line_editing()
        if readline is not None and self._remembered is not None:
            readline.clear_history()
            for line in self._remembered:
                readline.add_history(line)
            self._remembered = None
        if sys.stdout.isatty():
            return input(prompt)
        output.talk(prompt)  # standard output is somebody else's: it gets the replies alone
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return line.removesuffix("\n")

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT:
            if self._is_reading:
                raise KeyboardInterrupt
            self._on_loop(lambda: self.on_interrupt())
        elif self._ended_by is None:
            self._ended_by = number, time.monotonic()
            self._on_loop(self._cancel)
            if self._is_reading:
                raise KeyboardInterrupt
        elif time.monotonic() - self._ended_by[1] > PATIENCE_S:
            os._exit(128 + number)

    def _on_loop(self, call: Callable[[], None]) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()


def _piped() -> str | None:
    """The next line of standard input. Raises UsageError for one that is too long."""
    line = sys.stdin.buffer.readline(MAX_INPUT_BYTES + 1)
    if len(line) > MAX_INPUT_BYTES:
        raise UsageError(f"a line is over {MAX_INPUT_BYTES >> 20} MB", "no model reads that much at once: give a part")
    return line.decode("utf-8", errors="replace").removesuffix("\n").removesuffix("\r") if line else None


def _line_editing() -> ModuleType | None:
    """Python's readline, where there is one; a dumb terminal edits its line itself."""
    if os.environ.get("TERM") == "dumb" or not sys.stdout.isatty():
        return None
    try:
        import readline
    except ImportError:  # Windows
        return None
    readline.set_auto_history(False)  # what is remembered is the conversation's own affair
    return readline


@contextmanager
def _heard_while_typing(is_heard: Callable[[], bool]) -> Iterator[None]:
    """Readline that has only just begun to wait misses a signal until the next key: one that asks the program to end is
    sent to the main thread again until it is heard."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "pthread_kill"):
        yield
        return
    ending = {*ending_signals()} - {signal.SIGINT}
    main, (heard, write) = threading.get_ident(), os.pipe()

    def remind() -> None:
        while number := os.read(heard, 1):
            while number[0] in ending and not is_heard():
                signal.pthread_kill(main, number[0])
                time.sleep(LOOK_EVERY_S)

    os.set_blocking(write, False)
    before = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    reminder = threading.Thread(target=remind, name="signals")
    reminder.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(write)  # the end of what the reminder reads
        reminder.join()
        os.close(heard)
