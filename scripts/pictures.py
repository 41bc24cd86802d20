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
from hybridchat.session.events import SessionEvent, TurnEnded
from hybridchat.tui.app import HybridChatApp

FOLDER = Path(__file__).parents[1] / "docs/images"
PROMPTS = ("Explain WAL mode in SQLite in a few words.", "Show it in Python.")


async def draw(name: str, theme: str, columns: int, rows: int) -> None:
    """A conversation with one reply from each side."""
    app = HybridChatApp(open_demo_session, ui=UiConfig(theme=theme), theme_folders=(shipped_themes_dir(),))
    async with app.run_test(size=(columns, rows)) as pilot:
        while app.session is None:
            await pilot.pause(0.02)
        ended = asyncio.Event()

        def on_event(event: SessionEvent) -> None:
            if isinstance(event, TurnEnded):
                ended.set()

        app.session.listen(on_event)
        for prompt in PROMPTS:
            ended.clear()
            await type_words(pilot, prompt)
            await pilot.press("enter")
            await ended.wait()
        await pilot.pause(0.5)
        picture = app.export_screenshot(title="hybridchat")
    # Fonts come from the reader's own machine, not from somebody's server.
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
    (FOLDER / name).write_text(picture, encoding="utf-8")


async def type_words(pilot: Pilot[int], words: str) -> None:
    for letter in words:
        await pilot.press("space" if letter == " " else letter)


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        os.environ["HYBRIDCHAT_HOME"] = home
        asyncio.run(draw("chat-dark.svg", "hybrid-dark", 120, 34))
        asyncio.run(draw("chat-light.svg", "hybrid-light", 120, 34))


if __name__ == "__main__":
    main()
