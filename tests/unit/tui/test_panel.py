"""The comparison says what was measured, and that the rest is unknown or too little."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from hybridchat.domain.stats import Counterfactual, Money, Percentiles, Side, Snapshot
from hybridchat.tui.widgets.panel import Live, one_line, table
from tests.tui.samples import SNAPSHOT

LIVE = Live("lab", True, 0.0)


def rows(snapshot: Snapshot) -> dict[str, list[str]]:
    """The table's cells by their label."""
    lines = table(snapshot, None, 0.0, 60).plain.splitlines()
    return {line[:16].strip(): line[16:].split("  ") for line in lines if line[:16].strip()}


def cells(snapshot: Snapshot, label: str) -> list[str]:
    return [cell.strip() for cell in rows(snapshot)[label] if cell.strip()]


def test_an_empty_ledger_claims_nothing() -> None:
    empty = Snapshot()
    assert cells(empty, "share") == ["–", "–"]
    assert cells(empty, "first token p50") == ["–", "–"]
    assert cells(empty, "cost today") == ["–", "–"]
    assert "Today's" not in table(empty, None, 0.0, 40).plain


def test_both_sides() -> None:
    assert cells(SNAPSHOT, "replies") == ["112", "23"]
    assert cells(SNAPSHOT, "share") == ["83%", "17%"]
    assert cells(SNAPSHOT, "tokens out") == ["61,904", "14,077"]
    assert cells(SNAPSHOT, "first token p50") == ["84 ms", "640 ms"]
    assert cells(SNAPSHOT, "tokens/s p50") == ["41.2", "88.4"]


def test_too_few_for_a_p95_is_said_with_the_number() -> None:
    assert cells(SNAPSHOT, "first token p95") == ["410 ms", "n/a (n=23)"]


def test_unknown_money_is_unknown_and_never_zero() -> None:
    assert cells(SNAPSHOT, "cost today") == ["unknown", "$0.021+"]
    assert "2 managed replies this month without a known price" in table(SNAPSHOT, None, 0.0, 40).plain


def test_tokens_without_usage_are_unknown() -> None:
    silent = Snapshot(local=Side(replies=3, replies_without_usage=3))
    assert cells(silent, "tokens in")[0] == "unknown"
    assert "3 replies without token counts" in table(silent, None, 0.0, 40).plain


def test_the_counterfactual_is_an_estimate_with_its_model() -> None:
    text = table(SNAPSHOT, None, 0.0, 40).plain
    assert "Today's 12 local replies on the managed side: ≈ $0.034, an estimate priced as gpt-big of openai" in text
    assert "1 without token counts left out" in text


def test_a_counterfactual_without_a_price_says_why() -> None:
    unknown = replace(SNAPSHOT, counterfactual=Counterfactual(replies=1, reason="no managed backend is configured"))
    assert "Today's 1 local reply on the managed side: unknown, no managed" in table(unknown, None, 0.0, 40).plain


def test_a_running_reply_shows_its_clock() -> None:
    assert "not yet" in table(SNAPSHOT, LIVE, 1.25, 40).plain
    text = table(SNAPSHOT, replace(LIVE, ttft_ms=84.0), 3.21, 40).plain
    assert "84 ms" in text
    assert "3.2 s" in text


@pytest.mark.parametrize("width", [40, 60, 76, 100, 160])
@pytest.mark.parametrize("live", [None, LIVE, replace(LIVE, ttft_ms=84.0)])
def test_the_line_fits_and_keeps_both_counts(width: int, live: Live | None) -> None:
    line = one_line(SNAPSHOT, live, 3.2, width)
    assert "local 112" in line.plain
    assert "managed 23" in line.plain
    assert line.cell_length <= width or width < 60


def test_a_wide_line_has_everything() -> None:
    line = one_line(SNAPSHOT, None, 0.0, 190).plain
    assert "TTFT 84 ms · 41 tok/s" in line
    assert "$0.0042 this chat · $0.021+ today" in line
    assert "this month" in line
    assert "83% local" in line


def test_a_line_without_room_leaves_out_the_months_cost_before_the_chats() -> None:
    line = one_line(SNAPSHOT, None, 0.0, 120).plain
    assert "$0.0042 this chat" in line
    assert "this month" not in line


def test_names_are_inert() -> None:
    nasty = Live("\x1b]0;x\x07", False, 0.0)
    assert "\x1b" not in one_line(SNAPSHOT, nasty, 0.0, 80).plain + table(SNAPSHOT, nasty, 0.0, 40).plain


def test_percentiles_of_nothing() -> None:
    none = Snapshot(local=Side(replies=1, ttft_ms=Percentiles(), cost_chat=Money(0.0, 0)))
    assert cells(none, "cost this chat")[0] == "$0"


def test_the_line_says_what_is_scarce_before_how_fast_it_was() -> None:
    line = one_line(SNAPSHOT, None, 0.0, 78, "openai: 3 requests left").plain
    assert line.endswith("│  openai: 3 requests left")
    assert "tok/s" not in line


def test_the_line_tells_failures() -> None:
    text = one_line(Snapshot(local=Side(failures=2), managed=Side(replies=1, failures=1)), None, 0.0, 78).plain
    assert text == "local 2 failed  │  managed 1 · 1 failed  │  0% local"
