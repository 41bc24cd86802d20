"""Local and managed side by side, in words: from a frozen snapshot and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from hybridchat.domain.pricing import format_usd
from hybridchat.domain.stats import Money, Percentiles, Side, Snapshot
from hybridchat.domain.text import clean_line
from hybridchat.tui.words import Part, milliseconds


def comparison_rows(snapshot: Snapshot) -> list[tuple[str, tuple[str, ...]]]:
    """What is compared, and how it is on either side; without a name and words, a gap."""
    sides = (snapshot.local, snapshot.managed)
    return [
        ("replies", tuple(f"{s.replies:,}" for s in sides)),
        ("share", _shares(snapshot)),
        ("failures", tuple(f"{s.failures:,}" for s in sides)),
        ("", ("", "")),
        ("tokens in", tuple(_tokens(s, s.prompt_tokens) for s in sides)),
        ("tokens out", tuple(_tokens(s, s.completion_tokens) for s in sides)),
        *_kinds(sides),
        ("", ("", "")),
        ("first token p50", tuple(_median_ms(s.ttft_ms) for s in sides)),
        ("first token p95", tuple(_p95_ms(s.ttft_ms) for s in sides)),
        ("tokens/s p50", tuple(_rate(s.tokens_per_s) for s in sides)),
        ("", ("", "")),
        ("cost this chat", tuple(money_words(s.cost_chat) for s in sides)),
        ("cost today", tuple(money_words(s.cost_today) for s in sides)),
        ("cost this month", tuple(money_words(s.cost_month) for s in sides)),
    ]


def _kinds(sides: Sequence[Side]) -> list[tuple[str, tuple[str, ...]]]:
    """Only what some server told."""
    names = {"cached": "chat: cached", "cache_write": "chat: to cache", "thinking": "chat: thinking"}
    counts = {title: [getattr(side.tokens_chat, name) for side in sides] for name, title in names.items()}
    return [
        (title, tuple("–" if count is None else f"{count:,}" for count in both))
        for title, both in counts.items()
        if any(count is not None for count in both)
    ]


def comparison_notes(snapshot: Snapshot) -> list[Part]:
    """What the numbers leave out, and the counterfactual: an estimate that says how it was made."""
    notes: list[Part] = []
    unpriced = snapshot.managed.cost_month.unpriced
    if unpriced:
        notes.append((f"\n{unpriced:,} managed {_replies(unpriced)} this month without a known price", "$muted"))
    silent = snapshot.local.replies_without_usage + snapshot.managed.replies_without_usage
    if silent:
        notes.append((f"\n{silent:,} {_replies(silent)} without token counts", "$muted"))
    what_if = snapshot.counterfactual
    if what_if.replies:
        head = f"\nToday's {what_if.replies:,} local {_replies(what_if.replies)} on the managed side: "
        notes.append((head, "$muted"))
        if what_if.usd is None:
            notes.append((f"unknown, {clean_line(what_if.reason)}", "$muted"))
        else:
            priced_as = clean_line(f"{what_if.model} of {what_if.backend}", 60)
            left_out = f"; {what_if.left_out:,} without token counts left out" if what_if.left_out else ""
            notes += [(f"≈ {format_usd(what_if.usd)}", "bold $managed")]
            notes.append((f", an estimate priced as {priced_as}{left_out}", "$muted"))
    return [*notes, "\n"] if notes else []


def _replies(count: int) -> str:
    return "reply" if count == 1 else "replies"


def _shares(snapshot: Snapshot) -> tuple[str, str]:
    share = snapshot.local_share
    return ("–", "–") if share is None else (f"{share:.0%}", f"{1 - share:.0%}")


def _tokens(side: Side, count: int | None) -> str:
    if count is None:
        return "unknown" if side.replies or side.failures else "–"
    return f"{count:,}"


def _median_ms(values: Percentiles) -> str:
    return "–" if values.p50 is None else milliseconds(values.p50)


def _p95_ms(values: Percentiles) -> str:
    if values.p95 is not None:
        return milliseconds(values.p95)
    return f"n/a (n={values.n})" if values.n else "–"


def _rate(values: Percentiles) -> str:
    return "–" if values.p50 is None else f"{values.p50:.1f}"


def money_words(money: Money) -> str:
    if money.usd is None:
        return "unknown" if money.unpriced else "–"
    return format_usd(money.usd) + ("+" if money.unpriced else "")
