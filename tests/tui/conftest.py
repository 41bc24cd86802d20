"""The app without a terminal, over a scripted session."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from textual.pilot import Pilot

from hybridchat.config import UiConfig
from hybridchat.paths import shipped_themes_dir
from hybridchat.tui.app import HybridChatApp
from hybridchat.tui.screens.chat import ChatScreen
from tests.tui.fake_session import FakeSession

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
        for _ in range(400):
            if predicate():
                return
            await self.pilot.pause()
        raise AssertionError(f"never became true; on the screen:\n{self.text}")

    async def type(self, text: str) -> None:
        await self.pilot.press(*("space" if c == " " else c for c in text))

    async def send(self, text: str) -> None:
        self.screen.composer.set_draft(text)
        await self.pilot.press("enter")

    async def until_top(self, kind: type) -> Any:
        """The screen on top, once it is of that kind."""
        await self.until(lambda: isinstance(self.app.screen, kind) and self.app.screen.is_mounted)
        await self.pilot.pause()
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
def play() -> Screenplay:
    """Starts the app: `async with play(session, size=…) as stage`. Further arguments go to the app."""

    @asynccontextmanager
    async def start(
        session: FakeSession | None = None,
        *,
        size: tuple[int, int] = (80, 24),
        theme: str = "hybrid-dark",
        **options: Any,
    ) -> AsyncIterator[Stage]:
        session = session or FakeSession()
        app = HybridChatApp(
            options.pop("open_session", session.opener),
            ui=UiConfig(theme=theme),
            theme_folders=[shipped_themes_dir()],
            **options,
        )
        async with app.run_test(size=size) as pilot:
            stage = Stage(app, pilot, session)
            if "setup" not in options:
                await stage.until(lambda: session.is_started)
            yield stage

    return start
