"""The source article's reference rule, as one pure function with every input's origin."""

from __future__ import annotations

from msgspec import Struct


class Input(Struct, frozen=True):
    """One input of the rule. `origin`: measured | configured | missing; a missing one names how to provide it."""

    name: str
    value: float | bool | None
    origin: str
    how_to_provide: str = ""
    unit: str = ""


class Verdict(Struct, frozen=True):
    """`answer` is self-hosted | managed | undecided; `deciding` the rule that decided, in words."""

    answer: str
    deciding: str
    inputs: tuple[Input, ...]
    missing: tuple[str, ...] = ()


def article_rule(
    *, strict_privacy: Input, inference_team: Input, frontier_quality: Input, tokens_per_month: Input, stability: Input
) -> Verdict:
    """In this order: strict privacy and an inference team → self-hosted; frontier quality required → managed;
    ≥ 75 M tokens/month and stability ≥ 0.7 and an inference team → self-hosted; else managed.
    A missing input that could change the answer makes it undecided."""
    raise NotImplementedError


def workload_stability(tokens_per_day: list[int]) -> float | None:
    """clamp(1 − WAPE of a seasonal-naive forecast, lag 7 days, over the last 28 days); None under 35 days (facts: economics)."""
    raise NotImplementedError


def peak_to_mean(tokens_per_hour: list[int]) -> float | None:
    """Busiest hour ÷ mean hour; None without tokens."""
    raise NotImplementedError
