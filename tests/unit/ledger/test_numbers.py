"""Snapshot, statistics and the advisor's facts, against numbers that were worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hybridchat.domain.chat import CostBasis, MessageState, Outcome, Privacy, Proof
from hybridchat.domain.stats import MIN_P95_SAMPLES, Money, Percentiles, Share
from hybridchat.errors import LedgerError, UsageError
from hybridchat.ledger import writes
from hybridchat.ledger.store import AttemptCost, Grouping, Ledger, UsageFilter, open_ledger
from hybridchat.ledger.summary import SUMMARIES, SUMS, rows_as_summary
from hybridchat.ledger.times import utc_now, utc_text
from tests.conftest import LiveIn
from tests.unit.ledger.helpers import LOCAL, MANAGED, end_of, new_turn, opened, query

NOON = "2026-11-15T12:00:00Z"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ledger's clock: its last entry is now."""
    times = [NOON]
    monkeypatch.setattr(writes, "utc_now", lambda: utc_text(datetime.fromisoformat(times[-1])))
    return times


def reply(
    ledger: Ledger, usd: str | None = None, attempt: Any = LOCAL, conversation: int | None = None, **end: Any
) -> int:
    ids = ledger.begin_turn(new_turn(attempt=attempt, conversation_id=conversation)).result()
    ledger.end_attempt(end_of(ids, model=attempt.model, **end)).result()
    if usd is not None:
        cost = AttemptCost(attempt_id=ids.attempt_id, usd=usd, basis=CostBasis.PRICED, detail="")
        ledger.set_cost(cost).result()
    return ids.conversation_id


def test_a_snapshot_by_hand(ledger: Ledger, clock: list[str], live_in: LiveIn) -> None:
    live_in("Asia/Kathmandu")
    clock.append("2026-10-31T18:14:59Z")  # in Kathmandu last month
    reply(ledger, "100", MANAGED, ttft_ms=1.0)
    clock.append("2026-11-14T18:14:59Z")  # in Kathmandu one second to midnight
    reply(ledger, "10", MANAGED, ttft_ms=2.0)
    clock.append("2026-11-14T18:15:00Z")  # in Kathmandu midnight
    chat = reply(ledger, "1", MANAGED, ttft_ms=3.0)
    clock.append(NOON)
    reply(ledger, None, MANAGED, chat, ttft_ms=4.0, load_ms=900.0, tokens_per_s=None, prompt_tokens=None)
    reply(ledger, None, MANAGED, chat, outcome=Outcome.ERROR, state=MessageState.FAILED, ttft_ms=None, tokens_per_s=5.0)
    reply(ledger, None, MANAGED, chat, outcome=Outcome.REFUSED, ttft_ms=None)
    reply(ledger, None, LOCAL, chat, outcome=Outcome.STOPPED, ttft_ms=50.0)
    ledger.begin_turn(new_turn(conversation_id=chat)).result()  # still runs: counts nowhere

    snapshot = ledger.snapshot(chat, NOON).result()
    managed, local = snapshot.managed, snapshot.local
    assert (managed.replies, managed.failures, managed.replies_without_usage) == (4, 1, 1)
    assert (managed.prompt_tokens, managed.completion_tokens) == (50, 126)
    assert managed.ttft_ms == Percentiles(n=3, p50=2.0)
    assert managed.tokens_per_s == Percentiles(n=3, p50=20.0)
    assert (managed.cost_chat, managed.cost_today) == (Money(1.0, 1), Money(1.0, 1))
    assert managed.cost_month == Money(11.0, 1)
    assert (local.replies, local.failures, local.ttft_ms) == (1, 0, Percentiles(n=1, p50=50.0))
    assert local.cost_chat == local.cost_month == Money(None, 1)
    assert snapshot.local_share == 0.2
    live_in("UTC")
    assert ledger.snapshot(chat, NOON).result().managed.cost_today == Money(None, 1)
    live_in("Asia/Kathmandu")
    assert ledger.snapshot(None, NOON).result().managed.cost_chat == Money(None, 0)


@pytest.mark.parametrize(
    ("zone", "now", "today", "month"),
    [
        # the clocks went forward, or back, on the day itself; earlier in the month
        ("Europe/Berlin", "2026-03-29T10:00Z", "2026-03-28T23:00Z", "2026-02-28T23:00Z"),
        ("Europe/Berlin", "2026-10-25T20:00Z", "2026-10-24T22:00Z", "2026-09-30T22:00Z"),
        ("America/New_York", "2026-11-15T12:00Z", "2026-11-15T05:00Z", "2026-11-01T04:00Z"),
    ],
)
def test_days_and_months_begin_at_the_midnight_of_their_own_season(
    ledger: Ledger, clock: list[str], live_in: LiveIn, zone: str, now: str, today: str, month: str
) -> None:
    live_in(zone)
    second = timedelta(seconds=1)
    for usd, moment, before in (("1000", month, second), ("100", month, 0 * second), ("10", today, second)):
        clock.append((datetime.fromisoformat(moment) - before).isoformat())
        reply(ledger, usd, MANAGED)
    clock.append(today)
    reply(ledger, "1", MANAGED)
    managed = ledger.snapshot(None, now).result().managed
    assert (managed.cost_today, managed.cost_month) == (Money(1.0, 0), Money(111.0, 0))


def test_an_empty_ledger_has_no_numbers(ledger: Ledger) -> None:
    snapshot = ledger.snapshot(None, NOON).result()
    assert snapshot.local_share is None
    assert snapshot.local.cost_month == Money(None, 0)
    assert ledger.usage_statistics("day").result() == []
    facts = ledger.advice_facts(NOON).result()
    assert (facts.tokens_per_day, facts.failures_30d, facts.cost_30d) == ([], Share(), Money(None, 0))


def test_p95_only_with_enough_values(ledger: Ledger, clock: list[str]) -> None:
    for value in range(1, 60):
        assert ledger.snapshot(None, NOON).result().local.ttft_ms.p95 is None
        reply(ledger, ttft_ms=float(value))
    assert ledger.snapshot(None, NOON).result().local.ttft_ms == Percentiles(n=59, p50=30.0, p95=57.0)


def test_statistics_by_each_grouping(ledger: Ledger, clock: list[str], live_in: LiveIn) -> None:
    live_in("UTC")
    reply(ledger, "0.5", replace(MANAGED, workload="code"))
    clock.append("2026-11-15T18:30:00Z")
    reply(ledger, None, replace(LOCAL, workload="code"), load_ms=10.0)
    reply(ledger, None, LOCAL, outcome=Outcome.ERROR)

    def rows(by: Grouping) -> list[tuple[str, int, int, int]]:
        found = ledger.usage_statistics(by).result()
        return [(row.key, row.attempts, row.replies, row.failures) for row in found]

    assert rows("backend") == [("lab", 2, 1, 1), ("rented", 1, 1, 0)]
    assert rows("model") == [("tiny", 2, 1, 1), ("big", 1, 1, 0)]
    assert rows("workload") == [("code", 2, 2, 0), ("", 1, 0, 1)]
    assert rows("day") == [("2026-11-15", 3, 2, 1)]
    live_in("Asia/Kathmandu")
    assert rows("day") == [("2026-11-15", 1, 1, 0), ("2026-11-16", 2, 1, 1)]
    (lab, rented) = ledger.usage_statistics("backend").result()
    assert (rented.cost, lab.cost) == (Money(0.5, 0), Money(None, 1))
    assert (lab.ttft_ms, rented.ttft_ms) == (Percentiles(), Percentiles(n=1, p50=100.0))
    assert (lab.prompt_tokens, lab.completion_tokens) == (20, 42)
    (only,) = ledger.usage_statistics("model", UsageFilter(backend="rented")).result()
    assert only.key == "big"


@pytest.mark.parametrize("clocks_changed", ["2026-03-29", "2026-10-25"])
def test_each_day_is_counted_in_its_own_season(
    ledger: Ledger, clock: list[str], live_in: LiveIn, clocks_changed: str
) -> None:
    live_in("Europe/Berlin")
    change = datetime.fromisoformat(clocks_changed)
    for days in (-1, 1):
        for minutes in (-30, 30):  # around midnight
            clock.append(utc_text((change + timedelta(days=days, minutes=minutes)).astimezone()))
            reply(ledger)
    days_seen = [(row.key, row.attempts, row.ttft_ms.n) for row in ledger.usage_statistics("day").result()]
    expected = [(change + timedelta(days=days)).date().isoformat() for days in (-2, -1, 0, 1)]
    assert days_seen == [(day, 1, 1) for day in expected]
    now = utc_text((change + timedelta(days=2)).astimezone())
    assert ledger.advice_facts(now).result().tokens_per_day == [31, 31, 31, 31]


def test_a_bound_that_is_no_time(ledger: Ledger) -> None:
    with pytest.raises(UsageError, match="'yesterday' is not a time"):
        ledger.usage_statistics("day", UsageFilter(since="yesterday")).result()


START = datetime(2026, 11, 1, tzinfo=UTC)
moments = st.integers(0, 3 * 86_400_000).map(lambda ms: START + timedelta(milliseconds=ms))
bounds = st.none() | moments | st.integers(0, 12).map(lambda hours: START + timedelta(hours=6 * hours))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(started=st.lists(moments, max_size=12), since=bounds, until=bounds)
def test_bounds_are_exact(
    monkeypatch: pytest.MonkeyPatch, started: list[datetime], since: datetime | None, until: datetime | None
) -> None:
    """Sums over summaries and edges count what a plain look at the rows counts, wherever the bounds fall."""
    with opened(None) as ledger:
        for moment in started:
            monkeypatch.setattr(writes, "utc_now", lambda moment=moment: utc_text(moment))
            reply(ledger)
        wanted = UsageFilter(since=since and since.isoformat(), until=until and until.isoformat())
        texts = [utc_text(moment) for moment in started]
        since_text, until_text = (since and utc_text(since)) or "", (until and utc_text(until)) or "~"
        expected = sum(since_text <= text < until_text for text in texts)
        for by in get_args(Grouping):
            assert sum(row.attempts for row in ledger.usage_statistics(by, wanted).result()) == expected
        assert len(list(ledger.usage_rows(wanted))) == expected


def test_summaries_follow_every_change(path: Path) -> None:
    """Starts, ends, prices, interruptions: the summaries always equal sums over the rows."""
    with opened(path) as ledger:
        reply(ledger, "0.25", MANAGED)
        reply(ledger, None, LOCAL, outcome=Outcome.ERROR)
        reply(ledger, None, replace(LOCAL, privacy=Privacy.LOCAL_ONLY, proof=Proof.VERIFIED))
        ledger.begin_turn(new_turn()).result()
    for table, keys in SUMMARIES.items():
        names = ", ".join(keys)
        summed = query(path, f"SELECT {names}, {SUMS} FROM ({rows_as_summary(table)}) GROUP BY {names}")
        kept = query(path, f"SELECT * FROM {table} ORDER BY {names}")
        assert [row for row in kept if row[len(keys)]] == summed
    assert query(path, "SELECT sum(attempts), sum(pinned), sum(cost_usd), sum(unpriced) FROM usage_total") == [
        (4, 1, 0.25, 1)
    ]


def test_volume_of_the_last_30_days(ledger: Ledger, clock: list[str]) -> None:
    clock.append("2026-10-16T11:59:59.999Z")
    reply(ledger, attempt=replace(LOCAL, workload="code"))
    clock.append("2026-10-16T12:00:00Z")
    reply(ledger, attempt=replace(LOCAL, workload="code"))
    reply(ledger)
    assert ledger.workload_tokens_30d("code", NOON).result() == 31
    assert ledger.workload_tokens_30d(None, NOON).result() == 62
    assert ledger.workload_tokens_30d("writing", NOON).result() == 0


def test_what_the_advisor_reads(ledger: Ledger, clock: list[str], live_in: LiveIn) -> None:
    live_in("Africa/Lagos")
    clock.append("2026-11-12T23:30:00Z")
    reply(ledger, "0.5", MANAGED)
    clock.append("2026-11-14T10:00:00Z")
    reply(ledger, attempt=replace(LOCAL, privacy=Privacy.PRIVATE))
    reply(ledger, attempt=LOCAL, outcome=Outcome.ERROR)
    clock.append(NOON)
    reply(ledger)
    facts = ledger.advice_facts(NOON).result()
    assert facts.tokens_per_day == [31, 62]  # from the 13th, local; the 15th still runs
    assert (len(facts.tokens_per_hour), facts.tokens_per_hour[0]) == (61, 31)  # 23:00 on the 12th to noon on the 15th
    assert (facts.tokens_30d, sum(facts.tokens_per_hour)) == (124, 93)
    assert (facts.failures_30d, facts.pinned_30d) == (Share(4), Share(4))
    assert facts.cost_30d == Money(0.5, 2)
    assert facts.ttft_ms.n == 3


def test_a_share_needs_as_many_attempts_as_a_p95(ledger: Ledger) -> None:
    for number in range(MIN_P95_SAMPLES):
        facts = ledger.advice_facts(utc_now()).result()
        assert (facts.failures_30d, facts.pinned_30d) == (Share(number), Share(number))
        reply(ledger, outcome=Outcome.OK if number else Outcome.ERROR)
    facts = ledger.advice_facts(utc_now()).result()
    assert facts.failures_30d == Share(MIN_P95_SAMPLES, 1 / MIN_P95_SAMPLES)
    assert facts.pinned_30d == Share(MIN_P95_SAMPLES, 0.0)


def test_todays_local_replies(ledger: Ledger, clock: list[str], live_in: LiveIn) -> None:
    live_in("UTC")
    clock.append("2026-11-14T23:59:59Z")
    reply(ledger)
    clock.append(NOON)
    reply(ledger, attempt=MANAGED)
    reply(ledger, outcome=Outcome.ERROR)
    reply(ledger, prompt_tokens=77)
    assert [a.prompt_tokens for a in ledger.local_usage_today(NOON).result()] == [77]


def test_pages_that_go_round_end_as_damage(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybridchat.ledger.usage.usage_page", lambda *_, **__: [(3,), (2,)])
    with pytest.raises(LedgerError, match="damaged"):
        list(ledger.usage_rows())


def test_pages_join_without_a_gap(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybridchat.ledger.questions.PAGE_ROWS", 2)
    ledger = open_ledger(path)
    for _ in range(5):
        reply(ledger)
    assert [row[0] for row in ledger.usage_rows()] == [1, 2, 3, 4, 5]
    ledger.close()


def test_tokens_that_nobody_counted_are_unknown(ledger: Ledger) -> None:
    reply(
        ledger,
        None,
        LOCAL,
        outcome=Outcome.ERROR,
        state=MessageState.FAILED,
        prompt_tokens=None,
        completion_tokens=None,
    )
    reply(ledger, None, MANAGED, prompt_tokens=None, completion_tokens=None)
    snapshot = ledger.snapshot(None, NOON).result()
    for side in (snapshot.local, snapshot.managed):
        assert (side.prompt_tokens, side.completion_tokens) == (None, None)
    rows = ledger.usage_statistics("backend").result()
    assert len(rows) == 2
    assert all((row.prompt_tokens, row.completion_tokens) == (None, None) for row in rows)
