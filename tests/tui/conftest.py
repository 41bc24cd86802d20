"""The app without a terminal, over a scripted session."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.keys import _character_to_key, key_to_character
from textual.pilot import Pilot

from hybridchat.config import UiConfig
from hybridchat.paths import shipped_themes_dir
from hybridchat.tui.app import HybridChatApp
from hybridchat.tui.screens.chat import ChatScreen
from tests.tui.fake_session import FakeSession

DEADLINE_S = 30.0
Screenplay = Callable[..., AbstractAsyncContextManager["Stage"]]


class Stage:
    """A running app with its session, and what a test asks of them."""

    def __init__(self, app: HybridChatApp, pilot: Pilot[int], session: FakeSession) -> None:
        self.app, self.pilot, self.session = app, pilot, session

    @property
    def screen(self) -> ChatScreen:
        screen = self.app.screen_stack[0]
        assert isinstance(screen, ChatScreen)
        return screen

    async def until(self, predicate: Callable[[], object]) -> None:
        """Lets the app work until the predicate holds."""
        deadline = time.monotonic() + DEADLINE_S
        while not predicate():
            if time.monotonic() > deadline:
                raise AssertionError(f"never became true; on the screen:\n{self.text}")
            await asyncio.sleep(0.002)

    async def settle(self) -> None:
        """Until nobody in the app has a message left to work on. Pilot's own pauses wait for an idle processor."""
        quiet = 0
        while quiet < 3:
            await asyncio.sleep(0.001)
            pumps = [self.app, *self.app.screen_stack, *self.app.screen.walk_children()]
            is_read = all(pump._message_queue.empty() for pump in pumps) and not self.app.is_behind
            quiet = quiet + 1 if is_read else 0
            self.app.screen._on_timer_update()

    async def press(self, *keys: str) -> None:
        """By Textual's names for keys, one after the other."""
        for key in keys:
            await self._key(events.Key(key, key_to_character(key)))

    async def type(self, text: str) -> None:
        """The characters of a text."""
        for character in text:
            await self._key(events.Key(_character_to_key(character), character))

    async def _key(self, key: events.Key) -> None:
        self.app.post_message(key)
        await self.settle()

    async def resize(self, width: int, height: int) -> None:
        await self.pilot.resize_terminal(width, height)
        await self.settle()

    async def send(self, text: str) -> None:
        self.screen.composer.set_draft(text)
        await self.press("enter")

    async def until_top(self, kind: type) -> Any:
        """The screen on top, once it is of that kind."""
        await self.until(lambda: isinstance(self.app.screen, kind) and self.app.screen.is_mounted)
        await self.settle()
        return self.app.screen

    @property
    def text(self) -> str:
        """What is on the screen, as lines."""
        lines = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip() for strip in lines)

    @property
    def banners(self) -> list[str]:
        from hybridchat.tui.widgets.bars import Banner

        return [banner.text for banner in self.screen.query(Banner)]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Screenplay:
    """Starts the app: `async with play(session, size=…) as stage`. Further arguments go to the app."""
    monkeypatch.setattr("hybridchat.tui.app.PAINT_FIRST_S", 0.001)  # real terminals show what it is for
    monkeypatch.setattr("textual.constants.COLOR_SYSTEM", "truecolor")  # whatever terminal the tests run in

    @asynccontextmanager
    async def start(
        session: FakeSession | None = None,
        *,
        size: tuple[int, int] = (80, 24),
        theme: str = "hybrid-dark",
        folders: Sequence[Path] = (),
        **options: Any,
    ) -> AsyncIterator[Stage]:
        session, given = session or FakeSession(), set(options)
        app = HybridChatApp(
            options.pop("open_session", session.opener),
            ui=options.pop("ui", UiConfig(theme=theme)),
            theme_folders=[shipped_themes_dir(), *folders],
            **options,
        )
        async with app.run_test(size=size, notifications=True) as pilot:
            stage = Stage(app, pilot, session)
            if options.get("setup") is None and "open_session" not in given:
                await stage.until(lambda: session.is_started)
            yield stage

    return start
