"""The chat itself: `hybridchat` without a command, and the demo. Only here the screen is imported."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from typing import TYPE_CHECKING

import click

from hybridchat.cli.debugging import log_if_debugging
from hybridchat.errors import EXIT_OK, UsageError
from hybridchat.session.events import Notice
from hybridchat.session.settings import Settings

if TYPE_CHECKING:
    from hybridchat.session.chat import Session
    from hybridchat.tui.app import HybridChatApp


def open_chat(*, continue_last: bool, theme: str | None, preset: str | None = None) -> None:
    """Runs the app until it is closed."""
    require_terminal()
    gc.disable()  # what the start makes will stay: the app turns it on again after its first paint
    from msgspec.structs import replace

    from hybridchat import wiring
    from hybridchat.cli.store import load_wiring
    from hybridchat.paths import shipped_themes_dir
    from hybridchat.tui.app import HybridChatApp

    wired = load_wiring(strict=False)
    if preset is not None:
        wired.preset(preset)  # a name that there is not is said by the shell, not on a screen
    click.get_current_context().call_on_close(wired.ledger.close)  # a first run may need it before any session
    paths = wired.paths

    async def open_session() -> Session:
        """With the config as it is by then: the first run may have written it."""
        now = wiring.load(strict=False, before=wired)
        session = await asyncio.to_thread(now.open_session)
        log_if_debugging(session, paths)
        return session

    run_app(
        HybridChatApp(
            open_session,
            ui=replace(wired.config.ui, theme=theme or wired.config.ui.theme),
            notify=wired.config.notify,
            keymap_file=paths.keymap_file,
            theme_folders=(shipped_themes_dir(), paths.themes_dir),
            notices=[Notice(str(problem), "error") for problem in wired.problems],
            setup=None if paths.config_file.exists() else wired.open_setup(),
            open_demo=open_demo_session,
            open_providers=wired.open_providers,
            settings=Settings(paths.config_file),
            hints_file=paths.hints_file,
            reopen_latest=continue_last,
            preset=preset,
            crash_log=paths.logs_dir / "crash.log",
        )
    )


async def open_demo_session() -> Session:
    from hybridchat import wiring

    return await asyncio.to_thread(wiring.open_demo_session)


def run_app(app: HybridChatApp) -> None:
    """Until the user quits; another exit code than 0 is handed on."""
    from hybridchat.tui.app import run

    code = run(app)
    if code != EXIT_OK:
        raise click.exceptions.Exit(code)


def require_terminal() -> None:
    """Raises UsageError where no screen can be drawn."""
    remedy = 'use `hybridchat --plain`, or `hybridchat ask "…"` for one question'
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("the chat needs a terminal", f"in a pipe or a script {remedy}")
    if os.environ.get("TERM") == "dumb":
        raise UsageError("this terminal (TERM=dumb) cannot show the chat", remedy)
