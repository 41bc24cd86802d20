"""Options that hold points in time."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from hybridchat.cli.known import BACKEND
from hybridchat.domain.moments import ALLOWED, parse_when
from hybridchat.ledger.times import utc_text


class When(click.ParamType[str]):
    """An option that holds a moment, as the ledger writes it (UTC, ISO 8601)."""

    name = "when"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            moment = parse_when(value, datetime.now(UTC))
        except ValueError:
            self.fail(f"{value!r} is not a date; allowed: {ALLOWED}", param, ctx)
        return utc_text(moment)


since_option = click.option("--since", type=When(), help="Only from this moment on: a date, or 7d.")
until_option = click.option("--until", type=When(), help="Only before this moment.")
backend_option = click.option("--backend", type=BACKEND, metavar="ID", help="Only this backend.")
