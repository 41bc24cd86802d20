"""`hybridchat budget`: what may be spent on managed backends, what was, and what is left."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

import click

from hybridchat.cli import output
from hybridchat.cli.groups import DefaultGroup
from hybridchat.cli.known import BACKEND, CONVERSATION
from hybridchat.cli.store import opened_ledger
from hybridchat.domain.budget import Scope, Standing
from hybridchat.domain.pricing import format_usd
from hybridchat.errors import UsageError

scope_argument = click.argument("scope", type=click.Choice([scope.value for scope in Scope]))
backend_option = click.option("--backend", type=BACKEND, metavar="ID", help="Of this backend alone: day or month.")


@click.group("budget", cls=DefaultGroup, default="show")
def command() -> None:
    """Show the budgets and what is left of them (the default); set or clear one.

    \b
    hybridchat budget
    hybridchat budget set day 5
    hybridchat budget set month 20 --backend openai
    """


@command.command("show")
@click.option(
    "--conversation", "conversation_id", type=CONVERSATION, metavar="ID", help="The one that its budget is shown for."
)
@output.json_option
def show(conversation_id: int | None, as_json: bool) -> None:
    """Show each limit, what is settled and reserved against it, and what remains; days and months are yours.

    \b
    hybridchat budget show --json
    """
    from hybridchat.cli.store import load_wiring
    from hybridchat.session.budget_file import BudgetSettings

    limits = BudgetSettings.of(load_wiring().config).limits()
    with opened_ledger() as ledger:
        standings = ledger.standings(limits, conversation_id, datetime.now(UTC).isoformat()).result()
    if as_json:
        output.json([_as_json(standing) for standing in standings])
        return
    if not standings:
        output.note("no budget is set: nothing limits what managed backends cost — `hybridchat budget set day USD`")
        return
    headers = ("budget", "backend", "limit", "settled", "reserved", "remaining", "used")
    output.table(headers, [_cells(standing) for standing in standings])


@command.command("set", context_settings={"ignore_unknown_options": True})  # -1 is an amount, and told to be wrong
@scope_argument
@click.argument("usd", metavar="USD")
@backend_option
def set_limit(scope: str, usd: str, backend: str | None) -> None:
    """Set a budget in US dollars: it holds from the next message on.

    \b
    hybridchat budget set day 5
    hybridchat budget set conversation 0.50
    """
    try:
        amount = Decimal(usd.removeprefix("$"))
    except InvalidOperation:
        raise UsageError(
            f"{usd!r} is not an amount", "US dollars, such as 2.50; `hybridchat budget clear` takes one away"
        ) from None
    _keep(Scope(scope), amount, backend)


@command.command("clear")
@scope_argument
@backend_option
def clear(scope: str, backend: str | None) -> None:
    """Take a budget away.

    \b
    hybridchat budget clear day
    """
    _keep(Scope(scope), None, backend)


def _keep(scope: Scope, usd: Decimal | None, backend: str | None) -> None:
    from hybridchat.cli.store import load_wiring
    from hybridchat.session.budget_file import BudgetFile
    from hybridchat.session.budgets import check_limit

    check_limit(scope, usd, backend)
    wired = load_wiring()
    BudgetFile(wired.paths.config_file).keep(scope, usd, backend)
    whose = f"{backend}'s {scope} budget" if backend else f"{scope} budget"
    output.note(f"{whose}: {'none' if usd is None else format_usd(usd)} — {wired.paths.config_file}")


def _as_json(standing: Standing) -> dict[str, object]:
    limit = standing.limit
    return {
        "scope": limit.scope,
        "backend": limit.backend,
        "limit_usd": float(limit.usd),
        "settled_usd": float(standing.settled_usd),
        "reserved_usd": float(standing.reserved_usd),
        "remaining_usd": float(standing.remaining_usd),
    }


def _cells(standing: Standing) -> tuple[object, ...]:
    limit = standing.limit
    amounts = (limit.usd, standing.settled_usd, standing.reserved_usd)
    remaining = format_usd(max(standing.remaining_usd, Decimal(0)))
    return (limit.scope, limit.backend or "all", *map(format_usd, amounts), remaining, f"{standing.used_share:.0%}")
