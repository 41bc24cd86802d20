"""What is reserved, settled and left of the budgets, and what is known of costs; within the caller's transaction.

Amounts are whole picodollars (1e-12 USD), rounded up: list prices are exact in them, and sums are integers.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal

from hybridchat.domain.budget import Limit, OverBudget, Scope, Standing, grant, tightest
from hybridchat.domain.estimate import History, size_of, spread_of
from hybridchat.domain.moments import day_start
from hybridchat.ledger.reads import USAGE_COLUMNS, to_attempt
from hybridchat.ledger.records import AttemptCost, Forecast, Unpriced
from hybridchat.ledger.summary import REPLY
from hybridchat.ledger.times import month_start, parse, slot_of, utc_text

PICO = Decimal("1e-12")
HISTORY_WINDOW = 100  # the newest attempts of a model

_UNPRICED = "zone = 'managed' AND outcome IS NOT NULL AND cost_usd IS NULL AND cost_detail = ''"


def pico(usd: Decimal) -> int:
    return int((usd / PICO).to_integral_value(ROUND_CEILING))


def standings(
    db: sqlite3.Connection, limits: Sequence[Limit], conversation_id: int | None, now: str
) -> tuple[Standing, ...]:
    """What counts against each limit as of `now` (ISO 8601); a conversation that is still to be begun has nothing."""
    return tuple(_standing(db, limit, conversation_id, now) for limit in limits)


def _standing(db: sqlite3.Connection, limit: Limit, conversation_id: int | None, now: str) -> Standing:
    only, backend = ("", ()) if limit.backend is None else (" AND backend = ?", (limit.backend,))
    if limit.scope is Scope.CONVERSATION:
        settled, reserved = db.execute(
            "SELECT coalesce(sum(cost_pico_usd), 0), coalesce(sum(reserved_pico_usd), 0) FROM attempt "
            f"WHERE conversation_id = ? AND +zone = 'managed'{only}",
            (conversation_id, *backend),
        ).fetchone()
    else:
        since = (day_start if limit.scope is Scope.DAY else month_start)(parse(now))
        (settled,) = db.execute(
            f"SELECT coalesce(sum(cost_pico_usd), 0) FROM usage_slot WHERE slot >= ? AND zone = 'managed'{only}",
            (slot_of(since), *backend),
        ).fetchone()
        (off_record,) = db.execute(
            f"SELECT coalesce(sum(pico_usd), 0) FROM off_record_cost WHERE slot >= ?{only}", (slot_of(since), *backend)
        ).fetchone()
        settled += off_record
        (reserved,) = db.execute(
            "SELECT coalesce(sum(reserved_pico_usd), 0) FROM attempt "
            f"WHERE reserved_pico_usd IS NOT NULL AND started_at >= ?{only}",
            (utc_text(since), *backend),
        ).fetchone()
    return Standing(limit, settled * PICO, reserved * PICO)


def reserve(
    db: sqlite3.Connection, forecast: Forecast, conversation_id: int | None, now: str
) -> tuple[int | None, int | None]:
    """What the reply may have in tokens and what is held for it in picodollars; None where nothing is to be held.

    Raises OverBudget when a limit would be exceeded, or is exceeded already.
    """
    hold, standing = forecast.hold, standings(db, forecast.limits, conversation_id, now)
    least = tightest(standing)
    if hold is None:
        if least is not None and least.remaining_usd <= 0:
            raise OverBudget(least, None)
        return None, None
    max_tokens = grant(hold, standing)
    if max_tokens is None:
        assert least is not None
        raise OverBudget(least, hold.usd(hold.max_tokens))
    return max_tokens, pico(hold.usd(max_tokens))


def hold_off_record(db: sqlite3.Connection, backend: str, forecast: Forecast, now: str) -> tuple[int | None, int]:
    """As `reserve`, for an attempt off the record: nothing but a sum is kept of it, from its reservation on."""
    max_tokens, reserved = reserve(db, forecast, None, now)
    if reserved:
        spend_off_record(db, backend, now, reserved)
    return max_tokens, reserved or 0


def spend_off_record(db: sqlite3.Connection, backend: str, at: str, pico_usd: int) -> None:
    """Adds to what attempts off the record cost, or takes from it where they cost less than was reserved."""
    db.execute(
        "INSERT INTO off_record_cost (slot, backend, pico_usd) VALUES (?, ?, ?) "
        "ON CONFLICT DO UPDATE SET pico_usd = pico_usd + excluded.pico_usd",
        (slot_of(parse(at)), backend, pico_usd),
    )


def set_cost(db: sqlite3.Connection, cost: AttemptCost) -> None:
    """Once: a known cost is never changed, so that history is never repriced. It takes the reservation's place."""
    db.execute(
        "UPDATE attempt SET cost_usd = ?, cost_pico_usd = ?, cost_basis = ?, cost_detail = ?, reserved_pico_usd = NULL "
        "WHERE id = ? AND cost_usd IS NULL",
        (
            *(cost.usd, None if cost.usd is None else pico(Decimal(cost.usd))),
            *(cost.basis, cost.detail, cost.attempt_id),
        ),
    )


def count_interrupted(db: sqlite3.Connection, process_id: int) -> None:
    """The size of what came of the replies that a process leaves running, so that their cost can be estimated."""
    rows = db.execute(
        "SELECT a.id, m.text, m.thinking FROM attempt a JOIN message m ON m.id = a.message_id "
        "WHERE a.process_id = ? AND a.outcome IS NULL",
        (process_id,),
    ).fetchall()
    sizes = [(size_of(text + thinking).tokens, attempt_id) for attempt_id, text, thinking in rows]
    db.executemany("UPDATE attempt SET reply_tokens_counted = ? WHERE id = ?", sizes)


def unpriced(db: sqlite3.Connection, attempt_id: int | None) -> list[Unpriced]:
    """The ended managed attempts without a price, or that one if it is such."""
    columns = ", ".join(f"u.{name}" for name in USAGE_COLUMNS)
    rows = db.execute(
        f"SELECT prompt_tokens_counted, reply_tokens_counted, reserved_pico_usd, {columns} "
        "FROM (SELECT id, prompt_tokens_counted, reply_tokens_counted, reserved_pico_usd FROM attempt "
        f"WHERE {_UNPRICED} AND (:id IS NULL OR id = :id)) JOIN usage u ON u.attempt_id = id ORDER BY id",
        {"id": attempt_id},
    )
    return [
        Unpriced(to_attempt(tuple(fields)), prompt, reply, None if held is None else held * PICO)
        for prompt, reply, held, *fields in rows
    ]


def token_history(db: sqlite3.Connection, backend: str, model: str) -> History:
    """Of the newest replies that `model`, by the name that it was asked for, gave with counts."""
    rows = db.execute(
        "SELECT prompt_tokens, prompt_tokens_counted, completion_tokens, thinking_tokens, reply_tokens_counted "
        f"FROM attempt WHERE backend = ? AND requested_model = ? AND prompt_tokens_counted IS NOT NULL AND {REPLY} "
        "AND prompt_tokens IS NOT NULL AND completion_tokens IS NOT NULL ORDER BY id DESC LIMIT ?",
        (backend, model, HISTORY_WINDOW),
    ).fetchall()
    return History(
        prompt_ratio=spread_of([prompt / counted for prompt, counted, *_ in rows if counted]),
        reply_ratio=spread_of([reply / counted for _, _, reply, _, counted in rows if counted]),
        reply_tokens=spread_of([reply for _, _, reply, _, _ in rows]),
    )
