"""Keys do what they mean to who types them, however fast they come: one waits until the one before has done its deed.

Textual runs a key's action beside what the focused widget still has to read, and many actions are workers that read
the ledger before they open a dialog or another chat. Words typed right behind Ctrl+O would go to the composer, or
nowhere; those behind Ctrl+U would be deleted with the others. So a key waits until all workers have ended, or ask the
user; those that may take long say so and are left alone (`BESIDE`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from textual import events
from textual.screen import Screen
from textual.widgets import Input, TextArea
from textual.worker import Worker, get_current_worker

from hybridchat.tui.adapted import Adapted
from hybridchat.tui.beside import BESIDE

LOOK_EVERY_S = 0.002
FOR_WORK_S = 3.0  # so long a key's deed may hold up the next key: a disk that hangs must not take the keyboard along
FOR_FOCUS_S = 1.0  # a screen that has come soon has a focus

Typed = events.Key | events.Paste | events.AppFocus | events.AppBlur


class KeysInOrder(Adapted):
    """What is typed while the app starts waits as well: until something has the focus."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.typed: deque[Typed] = deque()  # what waits
        self.has_begun = False  # something has the focus
        self.is_starting = False  # there is nothing yet that keys could do something to
        self._in_order: asyncio.Task[None] | None = None
        self._asking: dict[Worker[Any], Screen[Any]] = {}  # workers that wait for what the user answers there
        self._too_long: set[Worker[Any]] = set()  # workers that are not waited for any more

    async def on_event(self, event: events.Event) -> None:
        if not isinstance(event, Typed) or event.is_forwarded:
            await super().on_event(event)
        elif self.has_begun and self._in_order is None and self._is_text(event):
            await self.take_typed(event)
        else:
            self.typed.append(event)
            self._go_on()

    def on_descendant_focus(self) -> None:
        self.has_begun = True
        self._go_on()

    @property
    def is_behind(self) -> bool:
        """Whether keys wait that have been typed."""
        return self._in_order is not None

    async def take_typed(self, event: Typed) -> None:
        """Does what it means."""
        await super().on_event(event)

    def _is_text(self, event: Typed) -> bool:
        """A character for a field, where it goes into the queue behind the others (or news of the terminal). Anything
        else may change where the next ones belong: a paste may ask, or become a file."""
        if isinstance(event, events.Key):
            is_character = event.is_printable and not event.key.startswith(("alt+", "ctrl+"))
            return is_character and isinstance(self.focused, Input | TextArea)
        return not isinstance(event, events.Paste)

    def _go_on(self) -> None:
        if self.has_begun and self._in_order is None and self.typed:
            self._in_order = asyncio.create_task(self._take_in_order())

    async def push_screen_wait(self, screen: Screen[Any], **options: Any) -> Any:  # type: ignore[override]
        worker = get_current_worker()
        self._asking[worker] = screen
        try:
            return await super().push_screen_wait(screen, **options)
        finally:
            del self._asking[worker]

    async def _take_in_order(self) -> None:
        try:
            while self.typed and self._running:
                event = self.typed.popleft()
                if self._is_text(event):
                    await self.take_typed(event)
                    continue
                await self._until_done()  # what was written before it may have set going something as well
                await self.take_typed(event)
                await self._until_done()
                await _until(self._listens, FOR_FOCUS_S)
        except Exception as error:  # noqa: BLE001 - as one in the app's own loop: it ends the app, told
            self._handle_exception(error)
        finally:
            self._in_order = None

    async def _until_done(self) -> None:
        """Until nothing that was typed is at work any more."""
        await self._until_read()
        await _until(lambda: not self._running or self._is_at_rest(), FOR_WORK_S)
        self.is_starting, self._too_long = False, set(self._at_work())
        for _ in range(3):  # a dialog's answer reaches who asked, who may ask on
            await asyncio.sleep(0)

    async def _until_read(self) -> None:
        """Until the key has gone up from the focused widget to the app, where it is looked up in the end; then what
        the field tells of itself, and what is told of that."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FOR_WORK_S):
                for _ in range(3):
                    way = [] if self.focused is None else self.focused.ancestors_with_self
                    for pump in dict.fromkeys([*way, self.screen, self]):
                        read = asyncio.Event()
                        if pump.call_later(read.set):
                            await read.wait()

    def _is_at_rest(self) -> bool:
        return not self.is_starting and self._too_long.issuperset(self._at_work())

    def _at_work(self) -> Iterator[Worker[Any]]:
        for worker in self.workers:
            is_asking = worker in self._asking and self._asking[worker] in self.screen_stack
            if not (worker.is_finished or is_asking or worker.name == BESIDE):
                yield worker

    def _listens(self) -> bool:
        return not self._running or (self.screen.is_running and self.screen.focused is not None)


async def _until(predicate: Callable[[], bool], most_s: float) -> None:
    for _ in range(round(most_s / LOOK_EVERY_S)):
        if predicate():
            return
        await asyncio.sleep(LOOK_EVERY_S)
