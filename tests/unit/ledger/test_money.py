"""Budgets in the ledger: reserved with the attempt, settled by its cost, and true whoever dies, deletes or hurries."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from hybridchat.domain.budget import Hold, Limit, OverBudget, Scope
from hybridchat.domain.chat import CostBasis, MessageState, Outcome
from hybridchat.domain.estimate import Spread
from hybridchat.domain.stats import Percentiles, Share
from hybridchat.errors import ErrorKind
from hybridchat.ledger import writes
from hybridchat.ledger.store import AttemptCost, Forecast, Ledger, NewAttempt, TurnIds
from hybridchat.ledger.times import utc_text
from tests.conftest import LiveIn
from tests.unit.ledger.helpers import LOCAL, MANAGED, end_of, new_turn, opened, query

DAY = Limit(Scope.DAY, Decimal("1.00"))
DIME = Hold(Decimal("0.04"), Decimal("0.0006"), 100)  # 0.10 USD
NOON = "2026-11-15T12:00:00Z"


def attempt(hold: Hold | None = DIME, *limits: Limit, **changes: object) -> NewAttempt:
    forecast = Forecast(hold=hold, limits=limits or (DAY,), prompt_tokens_counted=100.0, prompt_tokens_estimated=90)
    return replace(MANAGED, forecast=forecast, **changes)


def begin(ledger: Ledger, new: NewAttempt, conversation_id: int | None = None) -> TurnIds:
    return ledger.begin_turn(new_turn(attempt=new, conversation_id=conversation_id)).result()


def settle(ledger: Ledger, ids: TurnIds, usd: str | None) -> None:
    ledger.end_attempt(end_of(ids)).result()
    cost = AttemptCost(attempt_id=ids.attempt_id, usd=usd, basis=CostBasis.PRICED, detail="here")
    ledger.set_cost(cost).result()


def standing(ledger: Ledger, limit: Limit = DAY, conversation_id: int | None = None) -> tuple[Decimal, Decimal]:
    """Settled and reserved."""
    now = utc_text(datetime.now(UTC))
    (found,) = ledger.standings([limit], conversation_id, now).result()
    return found.settled_usd, found.reserved_usd


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ledger's clock: its last entry is now."""
    times = [NOON]
    monkeypatch.setattr(writes, "utc_now", lambda: utc_text(datetime.fromisoformat(times[-1])))
    return times


def test_reserved_until_it_is_settled(ledger: Ledger) -> None:
    ids = begin(ledger, attempt())
    assert ids.max_tokens == 100
    assert standing(ledger) == (0, Decimal("0.10"))
    settle(ledger, ids, "0.0312345678901234")
    assert standing(ledger) == (Decimal("0.031234567891"), 0)  # to a picodollar, upwards
    settle(ledger, ids, "9")
    assert standing(ledger) == (Decimal("0.031234567891"), 0)


def test_sums_are_exact(ledger: Ledger) -> None:
    for _ in range(10):
        settle(ledger, begin(ledger, attempt()), "0.1")
    assert standing(ledger) == (1, 0)


def test_what_no_budget_pays_is_not_written(ledger: Ledger, path: Path) -> None:
    for _ in range(9):
        begin(ledger, attempt())
    conversation = begin(ledger, attempt()).conversation_id
    with pytest.raises(OverBudget, match=r"the day budget of \$1.00 has \$0 left beside \$1.00 reserved"):
        begin(ledger, attempt(), conversation)
    assert query(path, "SELECT count(*) FROM attempt") == [(10,)]
    assert query(path, "SELECT count(*) FROM message WHERE role = 'user'") == [(10,)]


def test_every_way_to_begin_an_attempt_asks_the_budget(ledger: Ledger) -> None:
    first = begin(ledger, attempt())
    again = ledger.begin_attempt(first.reply_message_id, attempt(replace(DIME, may_lower=True))).result()
    beside = ledger.begin_sibling(first.reply_message_id, attempt(replace(DIME, max_tokens=1200))).result()
    assert (again.max_tokens, beside.max_tokens) == (100, 1200)
    assert standing(ledger) == (0, Decimal("0.96"))
    for way in (ledger.begin_attempt, ledger.begin_sibling):
        with pytest.raises(OverBudget):
            way(first.reply_message_id, attempt()).result()


def test_a_reply_is_cut_to_what_the_tightest_budget_pays(ledger: Ledger, path: Path) -> None:
    chat = Limit(Scope.CONVERSATION, Decimal("0.09"))
    ids = begin(ledger, attempt(replace(DIME, may_lower=True), DAY, chat))
    assert ids.max_tokens == 83
    assert query(path, "SELECT max_tokens, reserved_pico_usd FROM attempt") == [(83, 89_800_000_000)]


@pytest.mark.parametrize(
    ("outcome", "kind"), [(Outcome.ERROR, ErrorKind.RATE_LIMIT), (Outcome.REFUSED, ErrorKind.REFUSED)]
)
def test_what_nobody_bills_is_free_for_the_next_try_at_once(ledger: Ledger, outcome: Outcome, kind: ErrorKind) -> None:
    only = Limit(Scope.DAY, Decimal("0.15"))
    ids = begin(ledger, attempt(DIME, only))
    failed = {"outcome": outcome, "error_kind": kind, "state": MessageState.FAILED}
    ledger.end_attempt(end_of(ids, "", **failed, prompt_tokens=None, completion_tokens=None)).result()
    again = ledger.begin_attempt(ids.reply_message_id, attempt(DIME, only, attempt_no=2)).result()
    assert standing(ledger, only) == (0, Decimal("0.10"))
    assert ledger.unpriced().result() == []
    broken = {**failed, "outcome": Outcome.ERROR, "error_kind": ErrorKind.RESET}  # it may have run
    ledger.end_attempt(end_of(again, "", **broken)).result()
    assert standing(ledger, only) == (0, Decimal("0.10"))


def test_without_a_price_nothing_is_held_and_an_empty_budget_still_stops(ledger: Ledger) -> None:
    assert begin(ledger, attempt(None)).max_tokens is None
    assert standing(ledger) == (0, 0)
    settle(ledger, begin(ledger, attempt()), "1")
    with pytest.raises(OverBudget, match=r"the day budget of \$1.00 has \$0 left$|has \$0 left —"):
        begin(ledger, attempt(None))


def test_local_attempts_count_nowhere(ledger: Ledger) -> None:
    ids = ledger.begin_turn(new_turn(attempt=LOCAL)).result()
    settle(ledger, ids, "5")
    assert standing(ledger) == (0, 0)
    assert standing(ledger, Limit(Scope.CONVERSATION, Decimal(1)), ids.conversation_id) == (0, 0)


def test_each_scope_counts_its_own(ledger: Ledger) -> None:
    first = begin(ledger, attempt())
    settle(ledger, first, "0.2")
    second = begin(ledger, attempt(backend="other"))
    settle(ledger, second, "0.3")
    begin(ledger, attempt(), first.conversation_id)
    scopes = {
        Limit(Scope.MONTH, Decimal(9)): (Decimal("0.5"), Decimal("0.1")),
        Limit(Scope.DAY, Decimal(9), "other"): (Decimal("0.3"), 0),
        Limit(Scope.MONTH, Decimal(9), "rented"): (Decimal("0.2"), Decimal("0.1")),
    }
    for limit, expected in scopes.items():
        assert standing(ledger, limit) == expected
    chat = Limit(Scope.CONVERSATION, Decimal(9))
    assert standing(ledger, chat, first.conversation_id) == (Decimal("0.2"), Decimal("0.1"))
    assert standing(ledger, chat, second.conversation_id) == (Decimal("0.3"), 0)
    assert standing(ledger, chat, None) == (0, 0)


def test_deleting_conversations_gives_nothing_back(path: Path) -> None:
    with opened(path) as ledger:
        ids = begin(ledger, attempt())
        settle(ledger, ids, "0.4")
        ledger.delete_conversation(ids.conversation_id).result()
        assert ledger.purge_deleted().result() == 1
    with opened(path) as ledger:
        assert standing(ledger) == (Decimal("0.4"), 0)
        chat = Limit(Scope.CONVERSATION, Decimal(9))
        assert standing(ledger, chat, ids.conversation_id) == (Decimal("0.4"), 0)


@pytest.mark.parametrize(
    ("zone", "moments", "now", "day", "month"),
    [
        # Kathmandu is at +05:45: one second before its midnight, and at it
        ("Asia/Kathmandu", ["2026-11-14T18:14:59Z", "2026-11-14T18:15:00Z"], NOON, 1, 2),
        ("Asia/Kathmandu", ["2026-10-31T18:14:59Z", "2026-10-31T18:15:00Z"], NOON, 0, 1),
        # Berlin's clocks go back on 25 October: its day has 25 hours, from 22:00Z on
        ("Europe/Berlin", ["2026-10-24T21:59:59Z", "2026-10-24T22:00:00Z"], "2026-10-25T22:59:59Z", 1, 2),
        ("Europe/Berlin", ["2026-10-25T22:59:59Z", "2026-10-25T23:00:00Z"], "2026-10-25T23:30:00Z", 1, 2),
        # and forward on 29 March: 23 hours
        ("Europe/Berlin", ["2026-03-28T22:59:59Z", "2026-03-28T23:00:00Z"], "2026-03-29T21:59:59Z", 1, 2),
        ("Europe/Berlin", ["2026-03-29T21:59:59Z", "2026-03-29T22:00:00Z"], "2026-03-29T22:30:00Z", 1, 2),
    ],
)
def test_days_and_months_are_the_users(
    ledger: Ledger, clock: list[str], live_in: LiveIn, zone: str, moments: list[str], now: str, day: int, month: int
) -> None:
    live_in(zone)
    for moment in moments:
        clock.append(moment)
        settle(ledger, begin(ledger, attempt(DIME, Limit(Scope.DAY, Decimal(100)))), "1")
    limits = [Limit(scope, Decimal(9)) for scope in (Scope.DAY, Scope.MONTH)]
    found = ledger.standings(limits, None, now).result()
    assert [standing.settled_usd for standing in found] == [day, month]


def test_what_was_never_sent_is_free_again(ledger: Ledger) -> None:
    ids = begin(ledger, attempt())
    ledger.end_attempt(end_of(ids, was_sent=False, outcome=Outcome.REFUSED, error_kind=ErrorKind.REFUSED)).result()
    assert standing(ledger) == (0, 0)
    assert ledger.unpriced().result() == []


def test_only_ended_managed_attempts_wait_for_a_price(ledger: Ledger) -> None:
    begin(ledger, attempt())
    local = ledger.begin_turn(new_turn(attempt=LOCAL)).result()
    ledger.end_attempt(end_of(local)).result()
    forwarded = ledger.begin_turn(new_turn(attempt=LOCAL)).result()
    ledger.end_attempt(end_of(forwarded, was_forwarded=True)).result()
    unknown = begin(ledger, attempt())
    settle(ledger, unknown, None)
    assert [one.attempt.attempt_id for one in ledger.unpriced().result()] == [forwarded.attempt_id]
    assert ledger.unpriced(local.attempt_id).result() == []
    assert standing(ledger) == (0, Decimal("0.10"))


def test_what_a_model_really_took(ledger: Ledger) -> None:
    for tokens in range(110, 120):
        ids = begin(ledger, attempt(None, Limit(Scope.DAY, Decimal(9))))
        ledger.end_attempt(
            end_of(ids, "four" * 10, model="big-2026-01-01", prompt_tokens=tokens, completion_tokens=20)
        ).result()
    failed = begin(ledger, attempt(None))
    ledger.end_attempt(end_of(failed, prompt_tokens=9999, outcome=Outcome.ERROR, state=MessageState.FAILED)).result()
    history = ledger.token_history("rented", "big").result()
    assert history.prompt_ratio == Spread(10, 1.10, 1.14, 1.18)
    assert history.reply_ratio == Spread(10, 2, 2, 2)
    assert history.reply_tokens == Spread(10, 20, 20, 20)
    assert ledger.token_history("rented", "other").result().prompt_ratio.n == 0


def test_how_far_the_estimates_were_off(ledger: Ledger) -> None:
    estimate = Forecast(prompt_tokens_estimated=90, estimate_low_usd=0.01, estimate_high_usd=0.03)
    for number in range(60):
        ids = begin(ledger, replace(MANAGED, forecast=estimate))
        ledger.end_attempt(end_of(ids, prompt_tokens=100)).result()
        usd = "0.04" if number < 15 else "0.03"
        cost = AttemptCost(attempt_id=ids.attempt_id, usd=usd, basis=CostBasis.PRICED, detail="")
        ledger.set_cost(cost).result()
    guessed = begin(ledger, replace(MANAGED, forecast=estimate))
    ledger.end_attempt(end_of(guessed, prompt_tokens=None)).result()
    cost = AttemptCost(attempt_id=guessed.attempt_id, usd="0.02", basis=CostBasis.ESTIMATED, detail="")
    ledger.set_cost(cost).result()
    (row,) = ledger.usage_statistics("backend").result()
    assert row.estimate_error == Percentiles(60, 0.1, 0.1)
    assert row.estimate_held == Share(60, 0.75)
