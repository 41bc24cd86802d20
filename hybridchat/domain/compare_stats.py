"""What a number of comparisons measured: each side, and the differences between two sides of the same prompts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from hybridchat.domain.chat import Attempt, Outcome
from hybridchat.domain.compare import Compared, ComparedSide, pairs_of
from hybridchat.domain.stats import Money, Percentiles, summarize

Measured = tuple[ComparedSide, Attempt | None]


class SideSummary(Struct, frozen=True, kw_only=True):
    """`shared`: answers whose timings are not their own, which the percentiles leave out."""

    backend: str
    model: str
    answers: int
    failures: int
    ttft_ms: Percentiles
    tokens_per_s: Percentiles
    cost: Money
    shared: int


class Difference(Struct, frozen=True, kw_only=True):
    """Of `b` minus `a`, of the same prompts, where both were measured by themselves."""

    a: str
    b: str
    ttft_ms: Percentiles
    tokens_per_s: Percentiles


def side_summaries(prompts: Sequence[Sequence[Measured]]) -> list[SideSummary]:
    """Of each side, in their order; `prompts` have the same sides in the same order."""
    return [_summary([prompt[at] for prompt in prompts]) for at in range(len(prompts[0]) if prompts else 0)]


def _summary(answers: Sequence[Measured]) -> SideSummary:
    side = answers[0][0]
    attempts = [attempt for _, attempt in answers if attempt is not None]
    ok = [attempt for attempt in attempts if attempt.outcome is Outcome.OK]
    known = [attempt.cost_usd for attempt in attempts if attempt.cost_usd is not None]
    return SideSummary(
        backend=side.backend,
        model=side.model,
        answers=len(ok),
        failures=len(answers) - len(ok),
        ttft_ms=summarize(_known(_own(one, "ttft_ms") for one in answers)),
        tokens_per_s=summarize(_known(_own(one, "tokens_per_s") for one in answers)),
        cost=Money(sum(known) if known else None, sum(a.cost_usd is None for a in ok)),
        shared=sum(side.was_shared for side, _ in answers),
    )


def differences(prompts: Sequence[Sequence[Measured]]) -> list[Difference]:
    """Of every other side to the first one."""
    found = []
    for at in range(1, len(prompts[0]) if prompts else 0):
        pairs = [(prompt[0], prompt[at]) for prompt in prompts]
        (a, _), (b, _) = pairs[0]
        found.append(
            Difference(
                a=f"{a.backend}/{a.model}",
                b=f"{b.backend}/{b.model}",
                ttft_ms=summarize(_known(_difference(pair, "ttft_ms") for pair in pairs)),
                tokens_per_s=summarize(_known(_difference(pair, "tokens_per_s") for pair in pairs)),
            )
        )
    return found


def _difference(pair: tuple[Measured, Measured], name: str) -> float | None:
    a, b = (_own(one, name) for one in pair)
    return None if a is None or b is None else b - a


def _own(measured: Measured, name: str) -> float | None:
    """What was measured of an answer by itself; a time to the first token with a load in it is not the model's."""
    side, attempt = measured
    if attempt is None or attempt.outcome is not Outcome.OK or side.was_shared:
        return None
    if name == "ttft_ms" and attempt.load_ms is not None:
        return None
    value: float | None = getattr(attempt, name)
    return value


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


class PairVotes(Struct, frozen=True, kw_only=True):
    """What votes say of two models, whichever of them stood at the left. `left_won` counts among those that one won."""

    workload: str
    a: str
    b: str
    a_won: int = 0
    b_won: int = 0
    ties: int = 0
    both_bad: int = 0
    blind: int = 0
    left_won: int = 0


def pair_votes(voted: Iterable[Compared]) -> list[PairVotes]:
    """By workload and pair, the pair in alphabetical order; most votes first."""
    counts: dict[tuple[str, str, str], dict[str, int]] = {}
    for compared in voted:
        for pair in pairs_of(compared):
            names = (f"{pair.a.backend}/{pair.a.model}", f"{pair.b.backend}/{pair.b.model}")
            first, second = sorted(names)
            found = counts.setdefault((compared.workload or "", first, second), {})
            is_turned = first != names[0]
            key = {"a": "b_won" if is_turned else "a_won", "b": "a_won" if is_turned else "b_won", "tie": "ties"}
            _count(found, key.get(pair.outcome, "both_bad"))
            _count(found, "blind", compared.vote is not None and compared.vote.was_blind)
            _count(found, "left_won", pair.outcome == "a")
    rows = [PairVotes(workload=w, a=a, b=b, **found) for (w, a, b), found in counts.items()]
    return sorted(rows, key=lambda row: -(row.a_won + row.b_won + row.ties + row.both_bad))


def _count(found: dict[str, int], key: str, by: int = 1) -> None:
    found[key] = found.get(key, 0) + by
