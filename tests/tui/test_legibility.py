"""The table of inks and papers, whose contrast is tested for every shipped theme, names all that the screens draw.

The pictures look for more of them; here is what no picture shows.
"""

from __future__ import annotations

import pytest
from textual.command import CommandPalette

from hybridchat.tui.legibility import PAIRS
from tests.tui.conftest import Screenplay
from tests.tui.inks import drawn_pairs
from tests.tui.samples import CONVERSATION


@pytest.mark.parametrize("dark", [True, False])
async def test_selected_text_banners_and_the_palette(play: Screenplay, dark: bool) -> None:
    async with play(size=(120, 40)) as stage:
        for severity in ("information", "warning", "error"):
            stage.screen.banner(f"{severity} in a banner", severity)
        await stage.screen.open_chat(stage.session.add("chat", CONVERSATION))
        pairs = await drawn_pairs(stage, dark=dark)
        stage.screen.transcript.action_select_all()
        stage.screen.transcript.action_caret()
        pairs |= await drawn_pairs(stage, dark=dark)
        assert ("input-selection-foreground", "input-selection-background") in pairs
        assert ("error", "panel") in pairs
        stage.app.notify("cannot be done", severity="error")
        pairs |= await drawn_pairs(stage, dark=dark)
        stage.screen.composer.focus()
        await stage.press("ctrl+p")
        await stage.until_top(CommandPalette)
        await stage.type("chat")
        await stage.until(lambda: "New chat" in stage.text)
        palette = await drawn_pairs(stage, dark=dark)
        assert ("block-cursor-foreground", "block-cursor-background") in palette
        assert (pairs | palette) - set(PAIRS) == set()
