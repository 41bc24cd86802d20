"""`hybridchat import`: conversations from other programs' exports, from our own, from another machine's ledger."""

from __future__ import annotations

from pathlib import Path

import click

from hybridchat.cli import output
from hybridchat.cli.progress import Progress
from hybridchat.cli.store import load_wiring, opened_ledger
from hybridchat.domain.text import clean_line, count_of
from hybridchat.errors import EXIT_FAILED, LedgerError
from hybridchat.session.importing import FORMATS, Report

MAX_LINES = 20  # of what was not read; --json has more


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("--from", "form", type=click.Choice(FORMATS), help="Whose they are; default: as they look.")
@click.option("--local-only", is_flag=True, help="All of it stays on this device.")
@click.option("--dry-run", is_flag=True, help="Say what would come, and change nothing.")
@output.json_option
def command(files: tuple[Path, ...], form: str | None, local_only: bool, dry_run: bool, as_json: bool) -> None:
    """Bring in conversations from ChatGPT, Claude, Open WebUI, llm, or another machine.

    Files are exports of ChatGPT or Claude (conversations.json, or the zip with it), Open WebUI's JSON, the logs.db of
    llm, our own JSON, or the hybridchat.db of another machine. All branches, dates and models come along; what is here
    already does not come again. Nothing leaves this device by it.

    \b
    hybridchat import export.zip
    hybridchat import --dry-run --json "$(llm logs path)"
    """
    wired = load_wiring(local_only=local_only)
    with opened_ledger(wired, to_write=not dry_run) as ledger, Progress() as progress:
        importer = wired.open_importer(ledger)
        verb = "would add" if dry_run else "added"

        def show(report: Report, share: float) -> None:
            progress.show(f"{verb} {count_of(report.added.messages, 'message')}", share)

        try:
            report = importer.run(files, form, rehearse=dry_run, on_progress=show)
        except (KeyboardInterrupt, LedgerError):
            output.note("what came until now stays; the same import again adds the rest")
            raise
    if as_json:
        output.json(_document(report))
    else:
        for line in report.lines(verb):
            output.note(line)
    for unread in report.told[: 0 if as_json else MAX_LINES]:
        output.note(f"not read: {clean_line(unread.where)}: {clean_line(unread.why)}")
    if not as_json and report.unread > MAX_LINES:
        output.note(f"and {report.unread - MAX_LINES:,} more that could not be read; --json tells them")
    if wired.config.privacy.keep_days and report.added.new and not dry_run:
        days = wired.config.privacy.keep_days
        output.note(f"privacy.keep_days is {days}: conversations older than that are deleted again")
    if report.unread and not (report.added.new or report.added.grown or report.added.known):
        raise click.exceptions.Exit(EXIT_FAILED)


def _document(report: Report) -> dict[str, object]:
    added = report.added
    return {
        "new": added.new,
        "grown": added.grown,
        "already_here": added.known,
        "messages": added.messages,
        "usage_rows": added.attempts,
        "votes": added.votes,
        "empty": report.empty,
        "pinned": report.pinned or None,
        "unread": report.unread,
        "unread_entries": report.told,
    }
