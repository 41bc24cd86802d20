"""Pictures of the real app for the README, as SVG; see scripts/screenshot. A test draws them again and compares."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from textual.pilot import Pilot

from hybridchat.cli.chat import open_demo_session
from hybridchat.config import UiConfig
from hybridchat.paths import shipped_themes_dir
from hybridchat.session.events import TurnEnded
from hybridchat.tui.app import HybridChatApp
from hybridchat.tui.screens.chat import ChatScreen

FOLDER = Path(__file__).parents[1] / "docs/images"
PICTURES = {"chat-dark.svg": "hybrid-dark", "chat-light.svg": "hybrid-light"}  # file → theme
SIZE = (120, 34)
MONOSPACE = 'ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace'


@asynccontextmanager
async def conversation(theme: str) -> AsyncIterator[HybridChatApp]:
    """The app after one chat answered here, and a hard one that the routing table sends to the managed side."""
    app = HybridChatApp(open_demo_session, ui=UiConfig(theme=theme), theme_folders=(shipped_themes_dir(),))
    async with app.run_test(size=SIZE) as pilot:
        while app.session is None:
            await pilot.pause(0.02)
        await say(app, pilot, "What does hybridchat do?")
        await say(app, pilot, "And why is it local?")
        await pilot.press("ctrl+n", "ctrl+g")
        await say(app, pilot, "Prove that it never leaks")
        yield app


async def say(app: HybridChatApp, pilot: Pilot[int], words: str) -> None:
    """Sends, and waits for the whole reply."""
    assert app.session is not None and isinstance(app.screen, ChatScreen)
    ended = asyncio.Event()
    app.session.listen(lambda event: ended.set() if isinstance(event, TurnEnded) else None)
    app.screen.composer.set_draft(words)
    await pilot.press("enter")
    await ended.wait()


def picture(app: HybridChatApp) -> str:
    """What is on the screen, with fonts from the reader's own machine and not from somebody's server."""
    drawn = app.export_screenshot(title="hybridchat")
    return re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL).replace("Fira Code", MONOSPACE)


async def draw(name: str, theme: str) -> None:
    async with conversation(theme) as app:
        await asyncio.sleep(0.5)  # the price and the panel follow the reply
        (FOLDER / name).write_text(picture(app), encoding="utf-8")


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        os.environ["HYBRIDCHAT_HOME"] = home
        for name, theme in PICTURES.items():
            asyncio.run(draw(name, theme))


if __name__ == "__main__":
    main()
