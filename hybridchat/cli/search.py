"""`hybridchat search`: full text over all messages."""

from __future__ import annotations

from datetime import UTC, datetime

import click
import msgspec

from hybridchat.cli import output
from hybridchat.cli.finite import Counted
from hybridchat.cli.prompt import Words
from hybridchat.cli.store import opened_ledger
from hybridchat.domain.search import parse_query
from hybridchat.errors import UsageError
from hybridchat.ledger.store import SearchHit

_MARKS = str.maketrans({"\x02": "[", "\x03": "]"})


@click.command("search", context_settings={"ignore_unknown_options": True})  # -word is left out of what is found
@click.argument("words", nargs=-1, required=True, type=Words())
@click.option("--limit", type=Counted(), default=20, show_default=True, help="At most so many hits.")
@output.json_option
def command(words: tuple[str, ...], limit: int, as_json: bool) -> None:
    """Find messages and titles that contain all the words.

    "words in quotes" stand together, -word leaves out. Filters: tag: backend: model: zone: before: after: cost> cost<
    has:code is:starred is:archived, each also with - before it.

    \b
    hybridchat search context window
    hybridchat search '"borrow checker" -async zone:managed after:30d'
    hybridchat search 'is:starred cost>0.05' --json
    """
    query = parse_query(" ".join(words), datetime.now(UTC))
    if query.is_empty:
        raise UsageError("nothing to search for", "; ".join(query.problems) or "give a word or a filter")
    for problem in query.problems:
        output.note(problem)
    with opened_ledger() as ledger:
        hits = ledger.search(query, limit).result()
    if as_json:
        output.json([_fields(hit) for hit in hits])
        return
    if not hits:
        output.note("nothing found")
    rows = [(str(hit.conversation_id), output.moment(hit.at), hit.title, hit.snippet.translate(_MARKS)) for hit in hits]
    output.table(("conversation", "when", "title", "found"), rows)


def _fields(hit: SearchHit) -> dict[str, object]:
    return {**msgspec.structs.asdict(hit), "snippet": hit.snippet.translate(_MARKS)}
