"""`hybridchat --plain`: the chat line by line, over the user's ledger and backends."""

from __future__ import annotations

import click

from hybridchat.cli import output
from hybridchat.cli.debugging import log_if_debugging
from hybridchat.cli.store import load_wiring
from hybridchat.errors import EXIT_OK


def open_plain(*, continue_last: bool, preset: str | None = None) -> None:
    """Until the user leaves, or standard input ends. A mistake in the config is told, where somebody is there to go
    on nevertheless; else it is raised."""
    from hybridchat.cli.plain.conversation import converse
    from hybridchat.cli.plain.keyboard import Keyboard

    keyboard = Keyboard()
    wired = load_wiring(strict=not keyboard.is_interactive)
    if preset is not None:
        wired.preset(preset)  # a name that there is not is said before anything is opened
    for problem in wired.problems:
        output.error(str(problem))
    session = wired.open_session()
    log_if_debugging(session, wired.paths)
    chosen = {"show_thinking": wired.config.ui.show_thinking, "reopen_latest": continue_last}
    code = keyboard.serve(lambda: converse(session, keyboard, wired.open_providers, **chosen, preset=preset))
    if code != EXIT_OK:
        raise click.exceptions.Exit(code)
