"""The README's screenshot shows the present program: drawn again, it says the same in the same colours."""

from __future__ import annotations

import asyncio
import html
import re
import time

import pytest

from hybridchat.backends import simulated
from scripts.pictures import FOLDER, PICTURES, SCENES, picture, playing

DEADLINE_S = 20.0


def shown(svg: str) -> list[str]:
    """A picture's styles and its lines of text, without ids, and without the times, which were measured."""
    svg = re.sub(r"terminal-\d+", "terminal", svg)
    styles = re.findall(r"\.terminal-r\d+ .*", svg)
    rows: dict[float, str] = {}
    for y, text in re.findall(r'<text class="terminal-r\d+" x="[\d.]+" y="([\d.]+)"[^>]*>([^<]*)</text>', svg):
        rows[float(y)] = rows.get(float(y), "") + html.unescape(text).replace("\xa0", " ")
    timeless = (
        re.sub(r"[\d.,]+ (ms|s|tok/s)\b|(?<=tokens/s p50) .*|\b\d\d:\d\d\b", "#", line) for line in rows.values()
    )
    return [*styles, *(" ".join(line.split()) for line in timeless)]


@pytest.mark.parametrize("name", PICTURES)
async def test_it_is_the_present_program(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hurried = simulated.Pace(delay_s=0.01, tokens_per_s=2000.0)
    monkeypatch.setattr(simulated, "Pace", lambda **_: hurried)
    kept = shown((FOLDER / name).read_text(encoding="utf-8"))
    scene, theme = PICTURES[name]
    async with playing(SCENES[scene], theme) as app:
        until = time.monotonic() + DEADLINE_S
        while (now := shown(picture(app))) != kept and time.monotonic() < until:  # noqa: ASYNC110 — no event tells
            await asyncio.sleep(0.05)
    assert now == kept, "run scripts/screenshot, and look at docs/images"
