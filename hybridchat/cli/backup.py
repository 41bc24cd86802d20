"""`hybridchat backup`."""

from __future__ import annotations

from pathlib import Path

import click

from hybridchat.cli import output


@click.command("backup")
@click.argument("file", required=False, type=click.Path(path_type=Path))
def command(file: Path | None) -> None:
    """Copy the ledger while it is in use; prints where the copy is.

    Without FILE the copy joins the automatic ones, of which the newest three are kept.

    \b
    hybridchat backup
    hybridchat backup ~/hybridchat-2026-11.db
    """
    from hybridchat.ledger.backups import backup
    from hybridchat.paths import find_paths

    output.line(str(backup(find_paths().ledger_file, file)))
