"""Pictures of the real app for the README, as SVG; see scripts/screenshot."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from pathlib import Path

from textual.pilot import Pilot

from hybridchat.cli.chat import open_demo_session
from hybridchat.config import UiConfig
from hybridchat.paths import shipped_themes_dir
from hybridchat.session.chat import Session
from hybridchat.session.events import TurnEnded
from hybridchat.tui.app import HybridChatApp

FOLDER = Path(__file__).parents[1] / "docs/images"
MONOSPACE = 'ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace'


async def draw(name: str, theme: str, columns: int, rows: int) -> None:
    """One chat answered here, and a hard one that the routing table sends to the managed side."""
    app = HybridChatApp(open_demo_session, ui=UiConfig(theme=theme), theme_folders=(shipped_themes_dir(),))
    async with app.run_test(size=(columns, rows)) as pilot:
        while app.session is None:
            await pilot.pause(0.02)
        await say(app.session, pilot, "What does hybridchat do?")
        await say(app.session, pilot, "And why is it local?")
        await pilot.press("ctrl+n", "ctrl+g")
        await say(app.session, pilot, "Prove that it never leaks")
        picture = app.export_screenshot(title="hybridchat")
    # Fonts come from the reader's own machine, not from somebody's server.
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL).replace("Fira Code", MONOSPACE)
    (FOLDER / name).write_text(picture, encoding="utf-8")


async def say(session: Session, pilot: Pilot[int], words: str) -> None:
    """Types, sends, and waits for the whole reply."""
    ended = asyncio.Event()
    session.listen(lambda event: ended.set() if isinstance(event, TurnEnded) else None)
    await pilot.press(*("space" if letter == " " else letter for letter in words), "enter")
    await ended.wait()
    await pilot.pause(0.3)


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        os.environ["HYBRIDCHAT_HOME"] = home
        asyncio.run(draw("chat-dark.svg", "hybrid-dark", 120, 34))
        asyncio.run(draw("chat-light.svg", "hybrid-light", 120, 34))


if __name__ == "__main__":
    main()
