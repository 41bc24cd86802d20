"""`hybridchat audit`: what has left this device, and a proof that a pinned conversation does not."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from hybridchat.cli import output
from hybridchat.cli.dates import backend_option, since_option, until_option
from hybridchat.cli.export import file_option
from hybridchat.cli.finite import Counted
from hybridchat.cli.known import CONVERSATION
from hybridchat.cli.prompt import Words
from hybridchat.cli.store import check_backend, opened_ledger
from hybridchat.errors import UsageError
from hybridchat.export.usage import FORMATS
from hybridchat.ledger.departures import DEPARTURE_COLUMNS, DepartureRow
from hybridchat.ledger.records import DepartureFilter

_COUNTS = ("masked", "overridden")


@click.command("audit")
@since_option
@until_option
@click.option("--host", metavar="NAME[:PORT]", help="Only what went there.")
@click.option("--conversation", "conversation_id", type=CONVERSATION, help="Only this conversation's words.")
@backend_option
@click.option("--limit", type=Counted(), default=50, show_default=True, help="In tables, the newest.")
@click.option("--format", "form", type=click.Choice(list(FORMATS)), help="All of them, for other tools.")
@file_option
@click.option("--prove", is_flag=True, help="Run a pinned session among decoys, and show that nothing of it leaves.")
@click.option("--prove-part", "part", type=click.Choice(["namespace", "hook", "own"]), hidden=True)
@click.option("--residue", metavar="TEXT", type=Words(), help="Search our files for a text; - reads it from stdin.")
@output.json_option
def command(
    limit: int,
    form: str | None,
    file: Path | None,
    part: str | None,
    residue: str | None,
    *,
    prove: bool,
    as_json: bool,
    **wanted: Any,
) -> None:
    """List the requests that left this device: when, where to, how much, why. No text is kept.

    Each row was written before the first byte of its request; what goes to loopback has none.

    --prove runs a scripted pinned session here and shows what was tried, what left, how that was seen, and what could
    not be checked. Exit 0 only if nothing left.

    --residue looks for a text in every file of hybridchat: ledger, logs, backups, kept copies. Exit 0 if it is nowhere.

    \b
    hybridchat audit --since 7d --host api.openai.com
    hybridchat audit --conversation 12 --json
    hybridchat audit --format csv -o audit.csv
    hybridchat audit --prove
    hybridchat audit --residue - < words.txt
    """
    if part:
        from hybridchat.cli.proving import run_part

        run_part(part)
        return
    if prove or residue is not None:
        if (prove and residue) or form or file or any(value is not None for value in wanted.values()):
            raise UsageError("--prove and --residue list nothing", "give one of them, without filters and formats")
        raise click.exceptions.Exit(_answer(residue, as_json=as_json))
    with opened_ledger() as ledger:
        check_backend(ledger, wanted["backend"])
        rows = ledger.departures(DepartureFilter(**wanted))
        form = "json" if as_json else form or ("csv" if file else None)
        if form is None:
            _print_table(rows, limit)
            return
        with output.data_stream(file) as stream:
            FORMATS[form](DEPARTURE_COLUMNS, rows if form == "csv" else map(_with_objects, rows), stream)


def _answer(residue: str | None, *, as_json: bool) -> int:
    """The exit code of a search for a text, or without one of a proof."""
    if residue is not None:
        from hybridchat.cli.residue import look_for

        return look_for(residue, as_json=as_json)
    from hybridchat.cli.proving import prove

    return prove(as_json=as_json)


def _with_objects(row: DepartureRow) -> DepartureRow:
    """Its JSON texts as what they say."""
    named = dict(zip(DEPARTURE_COLUMNS, row, strict=True))
    return tuple({**named, **{name: msgspec.Raw(named[name].encode()) for name in _COUNTS if named[name]}}.values())


def _print_table(rows: Iterator[DepartureRow], limit: int) -> None:
    total, newest = 0, deque[DepartureRow](maxlen=limit)
    for total, row in enumerate(rows, start=1):  # noqa: B007 - how many there are
        newest.append(row)
    if not newest:
        output.note("nothing has left this device that was recorded here")
    output.table(
        ("when", "host", "bytes", "purpose", "backend", "conversation", "message", "masked", "as it was"),
        [_cells(dict(zip(DEPARTURE_COLUMNS, row, strict=True))) for row in newest],
    )
    if total > limit:
        output.note(f"and {total - limit:,} older ones — give --limit, a filter, or --format")


def _cells(row: dict[str, Any]) -> tuple[object, ...]:
    return (
        output.moment(row["left_at"]),
        f"{row['host']}:{row['port']}",
        _bytes(row["sent_bytes"], row["body_bytes"]),
        row["purpose"],
        row["backend"],
        *(None if row[name] is None else str(row[name]) for name in ("conversation_id", "message_id")),
        *(_counted(row[name]) for name in _COUNTS),
    )


def _bytes(sent: int | None, body: int | None) -> str:
    if sent is not None:
        return f"{sent:,}"
    return "unknown" if body is None else f"at most {body:,}"


def _counted(text: str | None) -> str | None:
    """`2 email, 1 card`"""
    return None if text is None else ", ".join(f"{n} {kind}" for kind, n in msgspec.json.decode(text).items())
