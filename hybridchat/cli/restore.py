"""`hybridchat restore`."""

from __future__ import annotations

from pathlib import Path

import click

from hybridchat.cli import output


@click.command("restore")
@click.argument("file", required=False, type=click.Path(path_type=Path))
def command(file: Path | None) -> None:
    """Put a backup in the ledger's place; the present ledger becomes a backup itself.

    Without FILE the newest sound backup is taken. No other hybridchat may be open.

    \b
    hybridchat restore
    hybridchat restore ~/hybridchat-2026-11.db
    """
    from hybridchat.ledger.backups import restore
    from hybridchat.paths import find_paths

    output.note(f"restored {restore(find_paths().ledger_file, file)}")
