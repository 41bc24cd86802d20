"""`hybridchat search`: full text over all messages."""

from __future__ import annotations

import click

from hybridchat.cli import output
from hybridchat.cli.finite import Counted
from hybridchat.cli.prompt import Words
from hybridchat.cli.store import opened_ledger


@click.command("search")
@click.argument("words", nargs=-1, required=True, type=Words())
@click.option("--limit", type=Counted(), default=20, show_default=True, help="At most so many hits.")
@output.json_option
def command(words: tuple[str, ...], limit: int, as_json: bool) -> None:
    """Find messages that contain all the words.

    \b
    hybridchat search context window
    """
    with opened_ledger() as ledger:
        hits = ledger.search(" ".join(words), limit).result()
    marked = str.maketrans({"\x02": "[", "\x03": "]"})
    if as_json:
        output.json([{**_fields(hit), "snippet": hit.snippet.translate(marked)} for hit in hits])
        return
    if not hits:
        output.note("nothing found")
    output.table(
        ("conversation", "title", "found"),
        [(str(hit.conversation_id), hit.title, hit.snippet.translate(marked)) for hit in hits],
    )


def _fields(hit: object) -> dict[str, object]:
    import msgspec

    return msgspec.structs.asdict(hit)  # type: ignore[arg-type]
