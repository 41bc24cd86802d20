"""`hybridchat demo`: the real app over two simulated backends."""

from __future__ import annotations

import click

from hybridchat.cli.chat import open_demo_session, require_terminal, run_app


@click.command("demo")
def command() -> None:
    """Open the app with two simulated backends: nothing is sent, nothing is kept.

    \b
    hybridchat demo
    """
    require_terminal()
    from hybridchat.paths import find_paths, shipped_themes_dir
    from hybridchat.tui.app import HybridChatApp

    paths = find_paths()
    run_app(HybridChatApp(open_demo_session, theme_folders=(shipped_themes_dir(), paths.themes_dir)))
