"""Statistics, and the frozen snapshot that panels, command line and exports draw from."""

from __future__ import annotations

import math

from msgspec import Struct

MIN_P95_SAMPLES = 59  # below, no upper bound on the 95th percentile exists at 95 % confidence (0.95^59 < 0.05)


class Percentiles(Struct, frozen=True):
    """Of `n` measured values; a field is None where n is too small for it (p50: 1, p95: MIN_P95_SAMPLES)."""

    n: int = 0
    p50: float | None = None
    p95: float | None = None


class Share(Struct, frozen=True):
    """Of `n` that were counted, from 0 to 1; None where n is too small to tell 5 % from none (as for p95)."""

    n: int = 0
    value: float | None = None


class Money(Struct, frozen=True):
    """A sum of known costs; `unpriced` counts the replies whose cost is unknown and which the sum leaves out."""

    usd: float | None = None
    unpriced: int = 0


class TokenKinds(Struct, frozen=True):
    """Of one conversation's replies, as far as servers told; None: none did."""

    cached: int | None = None
    cache_write: int | None = None
    thinking: int | None = None


class Side(Struct, frozen=True):
    """One side of the comparison: counts and tokens of the whole ledger, percentiles over the snapshot's window."""

    replies: int = 0
    failures: int = 0
    prompt_tokens: int | None = None  # None: no reply came with counts
    completion_tokens: int | None = None
    replies_without_usage: int = 0
    ttft_ms: Percentiles = Percentiles()  # cold loads left out
    tokens_per_s: Percentiles = Percentiles()
    tokens_chat: TokenKinds = TokenKinds()
    cost_chat: Money = Money()
    cost_today: Money = Money()
    cost_month: Money = Money()


class Counterfactual(Struct, frozen=True):
    """What today's local replies would have cost on the managed side: an estimate, priced as `model` of `backend`."""

    usd: float | None = None
    replies: int = 0
    left_out: int = 0  # replies whose cost there is unknown: without usage, or without a price
    backend: str = ""
    model: str = ""
    reason: str = ""  # why unknown


class Snapshot(Struct, frozen=True):
    """The panel's whole content. Percentiles are of the newest `window` replies of each side."""

    local: Side = Side()
    managed: Side = Side()
    counterfactual: Counterfactual = Counterfactual()
    window: int = 1000

    @property
    def local_share(self) -> float | None:
        """Of all replies, 0 to 1; None without any."""
        total = self.local.replies + self.managed.replies
        return self.local.replies / total if total else None


def percentile(sorted_values: list[float], q: float) -> float | None:
    """Nearest rank: the smallest value with at least q of all values at or below it (Hyndman–Fan type 1)."""
    if not sorted_values:
        return None
    rank = math.ceil(q * len(sorted_values) - 1e-9)  # 0.07 · 100 is a little over 7 in binary
    return sorted_values[max(rank, 1) - 1]


def summarize(values: list[float]) -> Percentiles:
    """Percentiles of unsorted measured values, too few said as None."""
    ordered = sorted(values)
    p95 = percentile(ordered, 0.95) if len(ordered) >= MIN_P95_SAMPLES else None
    return Percentiles(len(ordered), percentile(ordered, 0.5), p95)


def share(counted: int, n: int) -> Share:
    return Share(n, counted / n if n >= MIN_P95_SAMPLES else None)


def tokens_per_s(
    completion_tokens: int | None, latency_ms: float | None, ttft_ms: float | None, *, was_streamed: bool
) -> float | None:
    """Completion tokens after the first ÷ (latency − TTFT); None under two tokens, without usage,
    or when they were not streamed: all came at once, or thinking was billed that never came."""
    if completion_tokens is None or latency_ms is None or ttft_ms is None or not was_streamed:
        return None
    if completion_tokens < 2 or latency_ms <= ttft_ms:
        return None
    return (completion_tokens - 1) / (latency_ms - ttft_ms) * 1000
