"""Keys do what they mean to who types them, however fast they come: one waits until the one before has done its deed.

Textual runs a key's action beside what the focused widget still has to read, and some actions open a dialog a moment
later. Words typed right behind Ctrl+O would go to the composer, or nowhere; those behind Ctrl+U would be deleted with
the others.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Any

from textual import events
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.widgets import Input, TextArea
from textual.worker import Worker

from hybridchat.tui.adapted import Adapted

LOOK_EVERY_S = 0.002
FOR_WORK_S = 0.1  # so long a key's action may hold up the next one; what takes longer goes on beside it
FOR_FOCUS_S = 1.0  # a screen that has come soon has a focus

Typed = events.Key | events.Paste | events.AppFocus | events.AppBlur


class KeysInOrder(Adapted):
    """What is typed while the app starts waits as well: until something has the focus."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.typed: deque[Typed] = deque()  # what waits
        self.has_begun = False  # something has the focus
        self._in_order: asyncio.Task[None] | None = None

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
        """For a field, where it goes into the queue behind the others (or news of the terminal). Any other key may
        change where the next ones belong."""
        if isinstance(event, events.Key) and not event.is_printable:
            return False
        return not isinstance(event, events.Key | events.Paste) or isinstance(self.focused, Input | TextArea)

    def _go_on(self) -> None:
        if self.has_begun and self._in_order is None and self.typed:
            self._in_order = asyncio.create_task(self._take_in_order())

    async def _take_in_order(self) -> None:
        try:
            while self.typed and self._running:
                event = self.typed.popleft()
                if self._is_text(event):
                    await self.take_typed(event)
                    continue
                for _ in range(2):  # what a field was given, and what it tells of that
                    await self._until_read()
                screen, at_work = self.screen, set(self.workers)
                await self.take_typed(event)
                if self._running:
                    await self._settle(screen, at_work)
        except Exception as error:  # noqa: BLE001 - as one in the app's own loop: it ends the app, told
            self._handle_exception(error)
        finally:
            self._in_order = None

    async def _settle(self, before: Screen[Any], at_work: Collection[Worker[Any]]) -> None:
        await self._until_read()
        await _until(lambda: self.screen is not before or self._has_done(at_work), FOR_WORK_S)
        for _ in range(3):  # a dialog's answer reaches who asked, who may ask on
            await asyncio.sleep(0)
        await _until(self._listens, FOR_FOCUS_S)

    async def _until_read(self) -> None:
        """Until the key has gone up from the focused widget to the app, where it is looked up in the end."""
        way: list[MessagePump] = [*self.focused.ancestors_with_self] if self.focused is not None else [self.screen]
        for pump in [pump for pump in way if pump is not self] + [self]:
            read = asyncio.Event()
            if pump.call_later(read.set):
                with suppress(TimeoutError):
                    await asyncio.wait_for(read.wait(), FOR_WORK_S)

    def _has_done(self, at_work: Collection[Worker[Any]]) -> bool:
        return all(worker in at_work or worker.is_finished for worker in self.workers)

    def _listens(self) -> bool:
        return not self._running or (self.screen.is_running and self.screen.focused is not None)


async def _until(predicate: Callable[[], bool], most_s: float) -> None:
    for _ in range(round(most_s / LOOK_EVERY_S)):
        if predicate():
            return
        await asyncio.sleep(LOOK_EVERY_S)
