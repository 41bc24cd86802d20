"""Pictures of the real app for the README, as SVG; see scripts/screenshot. A test draws them again and compares."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

from textual.pilot import Pilot
from textual.screen import Screen

from hybridchat.cli.chat import open_demo_session
from hybridchat.config import UiConfig
from hybridchat.paths import shipped_themes_dir
from hybridchat.session.events import ComparisonEnded, TurnEnded
from hybridchat.tui.app import HybridChatApp
from hybridchat.tui.screens.chat import ChatScreen
from hybridchat.tui.screens.choose_sides import ChooseSides
from hybridchat.tui.screens.compare import CompareScreen
from hybridchat.tui.screens.dialogs import Confirm

S = TypeVar("S", bound=Screen[Any])

FOLDER = Path(__file__).parents[1] / "docs/images"
SIZE = (120, 34)
MONOSPACE = 'ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace'


async def chat(app: HybridChatApp, pilot: Pilot[int]) -> None:
    """After one chat answered here, a hard one that the routing table sends to the managed side."""
    await pilot.press("ctrl+n", "ctrl+g")
    await say(app, pilot, "Prove that it never leaks")


async def compare(app: HybridChatApp, pilot: Pilot[int]) -> None:
    """One question to both sides, and a vote."""
    await chat(app, pilot)
    await pilot.press("ctrl+n")
    assert app.session is not None and isinstance(app.screen, ChatScreen)
    ended = asyncio.Event()
    app.session.listen(lambda event: ended.set() if isinstance(event, ComparisonEnded) else None)
    app.screen.composer.set_draft("Which side answers this better?")
    await pilot.press("alt+c")
    choosing = await top(app, pilot, ChooseSides)
    for at, row in enumerate(choosing.list.rows):
        if isinstance(row.key, tuple):
            choosing.list.cursor = at
            await pilot.press("space")
    await pilot.press("enter")
    await top(app, pilot, Confirm)
    await pilot.press("enter")
    await top(app, pilot, CompareScreen)
    await ended.wait()
    await pilot.press("1")


async def search(app: HybridChatApp, pilot: Pilot[int]) -> None:
    """In what was said before."""
    await chat(app, pilot)
    await pilot.press("f4", "alt+o", *"local")


SCENES = {"chat": chat, "compare": compare, "search": search}
THEMES = {"dark": "hybrid-dark", "light": "hybrid-light"}
PICTURES = {f"{scene}-{shade}.svg": (scene, theme) for scene in SCENES for shade, theme in THEMES.items()}


@asynccontextmanager
async def playing(
    scene: Callable[[HybridChatApp, Pilot[int]], Awaitable[None]], theme: str
) -> AsyncIterator[HybridChatApp]:
    """The app with one chat answered here, and then the scene."""
    with patch("textual.constants.COLOR_SYSTEM", "truecolor"):  # whatever terminal it is drawn from
        still = UiConfig(theme=theme, reduced_motion=True)  # a cursor that blinks would be there or not
        app = HybridChatApp(open_demo_session, ui=still, theme_folders=(shipped_themes_dir(),))
    async with app.run_test(size=SIZE) as pilot:
        while app.session is None:
            await pilot.pause(0.02)
        await say(app, pilot, "What does hybridchat do?")
        await say(app, pilot, "And why is it local?")
        await scene(app, pilot)
        yield app


async def top(app: HybridChatApp, pilot: Pilot[int], kind: type[S]) -> S:
    """The screen of that kind, once it is the top one."""
    while not isinstance(screen := app.screen, kind):
        await pilot.pause(0.02)
    return screen


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


async def draw(name: str, scene: str, theme: str) -> None:
    async with playing(SCENES[scene], theme) as app:
        await asyncio.sleep(0.5)  # the price and the panel follow the reply
        (FOLDER / name).write_text(picture(app), encoding="utf-8")


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        for name, (scene, theme) in PICTURES.items():
            os.environ["HYBRIDCHAT_HOME"] = str(Path(home, name))
            asyncio.run(draw(name, scene, theme))


if __name__ == "__main__":
    main()
