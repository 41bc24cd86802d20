"""`hybridchat export`: usage rows and conversations, to a file or to standard output."""

from __future__ import annotations

from pathlib import Path

import click

from hybridchat.cli import output
from hybridchat.cli.dates import backend_option, since_option, until_option
from hybridchat.cli.groups import DefaultGroup
from hybridchat.cli.known import CONVERSATION
from hybridchat.cli.progress import Progress
from hybridchat.cli.store import check_backend, find_conversation, opened_ledger
from hybridchat.domain.text import count_of
from hybridchat.errors import UsageError
from hybridchat.export import conversation as conversations
from hybridchat.export import usage
from hybridchat.session.exporting import Exporter

file_option = click.option("-o", "--output", "file", type=click.Path(path_type=Path), help="Write to this file.")
json_option = click.option("--json", "as_json", is_flag=True, help="Short for --format json.")


@click.group("export", cls=DefaultGroup, default="usage")
def command() -> None:
    """Export usage rows (the default) or conversations.

    \b
    hybridchat export usage --format csv -o usage.csv
    hybridchat export conversation 12 > sky.md
    hybridchat export conversation --all --format html -o chats.html
    """


@command.command("usage")
@click.option("--format", "form", type=click.Choice(list(usage.FORMATS)), default="csv", show_default=True)
@json_option
@file_option
@since_option
@until_option
@backend_option
def export_usage(
    form: str, as_json: bool, file: Path | None, since: str | None, until: str | None, backend: str | None
) -> None:
    """Export one row per attempt: times, tokens, cost and route, never any text.

    The columns are those of the ledger's view `usage`. Unknown is empty in csv, null in json.

    \b
    hybridchat export usage --format jsonl --since 7d | jq .ttft_ms
    hybridchat export usage -o usage.csv
    """
    from hybridchat.ledger.reads import USAGE_COLUMNS
    from hybridchat.ledger.records import UsageFilter

    with opened_ledger() as ledger:
        check_backend(ledger, backend)
        rows = ledger.usage_rows(UsageFilter(since, until, backend))
        with output.data_stream(file) as stream:
            usage.FORMATS["json" if as_json else form](USAGE_COLUMNS, rows, stream)


_ONE_EACH = (".json", ".md")  # endings that say one file, where there would be a folder


@command.command("conversation")
@click.argument("conversation_id", type=CONVERSATION, metavar="[ID]", required=False)
@click.option("--all", "every", is_flag=True, help="All conversations: -o names a folder, or a file .zip or .html.")
@click.option("--format", "form", type=click.Choice(list(conversations.FORMATS)), default="markdown", show_default=True)
@click.option("--branches", is_flag=True, help="All branches, not only the one that is shown.")
@json_option
@file_option
def export_conversation(
    conversation_id: int | None, every: bool, form: str, branches: bool, as_json: bool, file: Path | None
) -> None:
    """Export a conversation's active branch, or all conversations.

    With --branches the shown branch comes first, then each other from where it leaves; on the page they are linked.
    html is one page for a browser, light and dark; it runs nothing and fetches nothing. json with --branches is what
    `hybridchat import` takes on another machine.

    \b
    hybridchat export conversation 12 --format html -o sky.html
    hybridchat export conversation --all --format json --branches -o chats.zip
    """
    form = "json" if as_json else form
    if every == (conversation_id is not None):
        raise UsageError("what shall be exported?", "give the ID of a conversation, or --all")
    with opened_ledger() as ledger:
        exporter = Exporter(ledger, branches=branches)
        if conversation_id is not None:
            conversation = find_conversation(ledger, conversation_id)
            with output.data_stream(file) as stream:
                exporter.one(conversation, form, stream)
        elif file is None:
            raise UsageError("where to?", "-o names a folder, or a file .zip or .html")
        elif file.suffix.lower() in _ONE_EACH:
            raise UsageError(
                f"{file}: each conversation is a file of its own", f"-o names a folder, or {file.stem}.zip"
            )
        else:
            with Progress() as progress:
                count = exporter.all(form, file, lambda share: progress.show("exported", share))
            output.note(f"{count_of(count, 'conversation')} in {file}")
