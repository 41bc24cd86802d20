"""`hybridchat presets`: the named settings of the config."""

from __future__ import annotations

import click

from hybridchat.cli import output


@click.command("presets")
@output.json_option
def command(as_json: bool) -> None:
    """List the presets of your config; one with a mistake is told on standard error.

    \b
    hybridchat presets
    hybridchat presets --json | jq '.[].name'
    """
    from hybridchat.cli.store import load_wiring
    from hybridchat.config.presets import entry_of
    from hybridchat.session.presets import in_short

    wired = load_wiring()
    presets = wired.config.preset
    for problem in wired.problems:
        output.note(str(problem))
    if as_json:
        output.json([entry_of(preset) for preset in presets])
        return
    if not presets:
        output.note("there is no preset: [[preset]] in config.toml makes one, and so does /save-preset in the chat")
    rows = [(one.name, in_short(one) or "all defaults", one.description) for one in presets]
    output.table(("name", "sets", "description"), rows)
