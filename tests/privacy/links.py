"""Scenario 15: a reply full of links and images is looked at, pointed at, opened and, once pinned, only copied."""

from __future__ import annotations

import asyncio
import base64
import re
from pathlib import Path
from typing import Any

from tests.privacy.sandbox import World
from tests.tui.terminal import Terminal

ALT_L, CTRL_L, CTRL_Q, DOWN, ESC, UP = "\x1bl", "\x0c", "\x11", "\x1b[B", "\x1b", "\x1b[A"
COPIED = re.compile(rb"\x1b]52;c;([^\x07]*)\x07")


async def links_and_images(world: World) -> dict[str, Any]:
    decoy = f"http://127.0.0.1:{world.rented.port}"
    long = f"{decoy}/a?{'words=stay&' * 12}end=1"
    world.local.texts = [
        f"[the docs]({long}) ![a pixel]({decoy}/pixel.png) ",
        "https://managed.invalid/bare ![](https://managed.invalid/pixel.png) ",
        "[https://bank.example](https://managed.invalid/login)\n",
    ]
    world.local.tokens = len(world.local.texts)
    browser, opened = world.folder / "browser", world.folder / "opened"
    browser.write_text(f'#!/bin/sh\nprintf "%s\\n" "$1" >>{opened}\n')
    browser.chmod(0o700)
    asked = await world.program("ask", "say", BROWSER=str(browser))
    found = await asyncio.to_thread(_in_the_app, world, browser, opened)
    return {**found, "asked": asked.code, "long": long}


def _in_the_app(world: World, browser: Path, opened: Path) -> dict[str, Any]:
    with Terminal(env={**world.env, "BROWSER": str(browser)}, columns=80, rows=24) as terminal:
        terminal.wait_for("Enter sends to home")
        terminal.type("say\r")
        lines = terminal.wait_for("to first token").splitlines()
        for row in range(len(lines)):  # the pointer passes over every line, and rests on some
            terminal.type("".join(f"\x1b[<35;{column};{row + 1}M" for column in range(1, 80, 4)))
        row = next(row for row, line in enumerate(lines) if "the docs" in line)
        column = lines[row].index("the docs") + 2
        terminal.type(f"\x1b[<0;{column};{row + 1}M\x1b[<0;{column};{row + 1}m")
        shown = terminal.wait_for("Copy the address")
        before = opened.exists()
        terminal.type(f"{DOWN}\r")
        terminal.wait_until(opened.exists)
        terminal.wait_for(lambda text: "Copy the address" not in text)
        terminal.type(CTRL_L)
        terminal.wait_for("Privacy of this chat")
        terminal.type(f"{UP}{UP}\r")
        terminal.wait_for("local only: stays on this device")
        terminal.type(ALT_L)
        terminal.wait_for("Links of this reply")
        terminal.type("bank\r")
        warned = terminal.wait_for("Copy the address")
        terminal.type(f"{DOWN}\r")
        terminal.wait_for("its links are only copied")
        terminal.type(f"{UP}\r")
        terminal.wait_until(lambda: COPIED.search(terminal.raw))
        terminal.type(CTRL_Q)
        terminal.wait_for_exit()
        (copied,) = COPIED.findall(terminal.raw)
    return {
        "shown": _joined(shown),
        "opened_before": before,
        "opened": opened.read_text().split(),
        "warned": " ".join(warned.split()),
        "copied": base64.b64decode(copied).decode(),
    }


def _joined(screen: str) -> str:
    """What the dialog says, whose address is cut into lines."""
    lines = screen.splitlines()
    column = next(line.index("Where this link") for line in lines if "Where this link" in line)
    return "".join(line[column : column + 71].strip() for line in lines)
