"""The source article's reference rule, as one pure function with every input's origin."""

from __future__ import annotations

import itertools

from msgspec import Struct

MIN_TOKENS_PER_MONTH = 75_000_000.0
MIN_STABILITY = 0.7


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
    inputs = (strict_privacy, inference_team, frontier_quality, tokens_per_month, stability)
    # Whatever the missing inputs turn out to be, the rule looks at each only as one of two cases.
    both_cases = ((False, True), (False, True), (False, True), (0.0, MIN_TOKENS_PER_MONTH), (0.0, MIN_STABILITY))
    cases = [both if given.value is None else (given.value,) for given, both in zip(inputs, both_cases, strict=True)]
    outcomes = {values: _decide(*values) for values in itertools.product(*cases)}
    answers = {answer for answer, _ in outcomes.values()}
    if len(answers) == 1:
        deciding = " or ".join(dict.fromkeys(rule for _, rule in outcomes.values()))
        return Verdict(answers.pop(), deciding, inputs)
    missing = tuple(given.name for place, given in enumerate(inputs) if _matters(place, outcomes))
    return Verdict("undecided", f"it depends on {', '.join(missing)}", inputs, missing)


_Values = tuple[float | bool, ...]


def _decide(
    strict_privacy: float, inference_team: float, frontier_quality: float, tokens_per_month: float, stability: float
) -> tuple[str, str]:
    """The answer, and the rule that gave it."""
    if strict_privacy and inference_team:
        return "self-hosted", "strict privacy and an inference team"
    if frontier_quality:
        return "managed", "frontier quality is required"
    if tokens_per_month >= MIN_TOKENS_PER_MONTH and stability >= MIN_STABILITY and inference_team:
        return "self-hosted", "at least 75 M tokens a month, stability of 0.7 or more, and an inference team"
    return "managed", "no rule for self-hosting holds"


def _matters(place: int, outcomes: dict[_Values, tuple[str, str]]) -> bool:
    """Whether the input at that place alone changes the answer, with some choice of the others."""
    answers: dict[_Values, set[str]] = {}
    for values, (answer, _) in outcomes.items():
        answers.setdefault(values[:place] + values[place + 1 :], set()).add(answer)
    return any(len(found) > 1 for found in answers.values())


def workload_stability(tokens_per_day: list[int]) -> float | None:
    """clamp(1 − WAPE of a seasonal-naive forecast, lag 7 days, over the last 28 days), oldest day first.

    None under 35 days, and without tokens in the last 28.
    """
    if len(tokens_per_day) < 35:
        return None
    actual, forecast = tokens_per_day[-28:], tokens_per_day[-35:-7]
    total = sum(actual)
    if total == 0:
        return None
    wape = sum(abs(a - f) for a, f in zip(actual, forecast, strict=True)) / total
    return min(max(1 - wape, 0.0), 1.0)


def peak_to_mean(tokens_per_hour: list[int]) -> float | None:
    """Busiest hour ÷ mean hour; None without tokens."""
    total = sum(tokens_per_hour)
    return max(tokens_per_hour) * len(tokens_per_hour) / total if total else None
