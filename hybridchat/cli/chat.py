"""`hybridchat` without a command: the chat itself. Only here, and for the demo, the screen is imported."""

from __future__ import annotations

import os
import sys

from hybridchat.errors import UsageError


def require_terminal() -> None:
    """Raises UsageError where no screen can be drawn."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("the chat needs a terminal", 'in a pipe or a script use `hybridchat ask "…"`')
    if os.environ.get("TERM") == "dumb":
        raise UsageError("this terminal (TERM=dumb) cannot show the chat", 'use `hybridchat ask "…"`')


def open_chat(*, continue_last: bool, local_only: bool, theme: str | None, debug: bool) -> None:
    """Runs the app until it is closed."""
    require_terminal()
