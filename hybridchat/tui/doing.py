"""Doing an action of the table from elsewhere than its key: from the palette, the page of help, a slash."""

from __future__ import annotations

from typing import Any

from textual.dom import DOMNode
from textual.screen import Screen
from textual.widget import Widget

from hybridchat.tui.actions import Action
from hybridchat.tui.screens.chat import ChatScreen


def owner_of(screen: Screen[Any], action: Action) -> DOMNode | None:
    """Whose method the action is, while that screen is shown; None where it cannot be done there."""
    if action.where == "app":
        return screen.app
    if not isinstance(screen, ChatScreen):
        return None
    owner = {"chat": screen, "composer": screen.composer, "transcript": screen.transcript}[action.where]
    return owner if owner.display and hasattr(owner, f"action_{action.id}") else None


async def do(screen: Screen[Any], action: Action) -> None:
    """Where it belongs, which then has the focus: what begins with a key of the transcript goes on there."""
    owner = owner_of(screen, action)
    if owner is not None:
        if isinstance(owner, Widget) and not isinstance(owner, Screen):
            screen.set_focus(owner)
        await screen.app.run_action(action.id, owner)
