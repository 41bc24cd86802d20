from __future__ import annotations

import itertools

import pytest

from hybridchat.domain.advice import Input, Verdict, article_rule, peak_to_mean, workload_stability

NAMES = ("strict_privacy", "inference_team", "frontier_quality", "tokens_per_month", "stability")


def judge(*values: float | bool | None) -> Verdict:
    inputs = {
        name: Input(name, value, "missing" if value is None else "configured")
        for name, value in zip(NAMES, values, strict=True)
    }
    return article_rule(**inputs)


M75 = 75_000_000


@pytest.mark.parametrize(
    ("values", "answer", "deciding"),
    [
        ((True, True, True, 0, 0), "self-hosted", "strict privacy and an inference team"),
        ((True, False, True, M75, 1.0), "managed", "frontier quality is required"),
        ((False, True, True, M75, 1.0), "managed", "frontier quality is required"),
        ((False, True, False, M75, 0.7), "self-hosted", "at least 75 M tokens a month"),
        ((False, True, False, M75 - 1, 0.7), "managed", "no rule"),
        ((False, True, False, M75, 0.69), "managed", "no rule"),
        ((False, False, False, M75, 1.0), "managed", "no rule"),
        ((True, False, False, M75, 1.0), "managed", "no rule"),
        ((False, False, False, 0, 0), "managed", "no rule"),
    ],
)
def test_the_rule_in_its_order(values: tuple[float | bool, ...], answer: str, deciding: str) -> None:
    verdict = judge(*values)
    assert verdict.answer == answer
    assert verdict.deciding.startswith(deciding)
    assert verdict.missing == ()


@pytest.mark.parametrize(
    ("values", "answer", "missing"),
    [
        ((None, True, True, 0, 0), "undecided", ("strict_privacy",)),
        ((None, False, False, M75, 1.0), "managed", ()),  # without a team nothing is self-hosted
        ((None, None, True, 0, 0), "undecided", ("strict_privacy", "inference_team")),
        ((False, True, None, 0, 0.9), "managed", ()),  # too few tokens, whatever the quality
        ((False, True, None, M75, 0.9), "undecided", ("frontier_quality",)),
        ((False, True, False, M75, None), "undecided", ("stability",)),
        ((False, True, False, 10, None), "managed", ()),
        ((True, True, None, None, None), "self-hosted", ()),
        ((None, None, None, None, None), "undecided", NAMES),
    ],
)
def test_a_missing_input_counts_only_where_it_could_change_the_answer(
    values: tuple[float | bool | None, ...], answer: str, missing: tuple[str, ...]
) -> None:
    verdict = judge(*values)
    assert (verdict.answer, verdict.missing) == (answer, missing)


def test_undecided_is_exactly_when_the_missing_inputs_could_go_either_way() -> None:
    options = [(False, True)] * 3 + [(0, M75), (0.0, 1.0)]
    for values in itertools.product(*((*option, None) for option in options)):
        filled = itertools.product(
            *(option if value is None else (value,) for value, option in zip(values, options, strict=True))
        )
        answers = {judge(*case).answer for case in filled}
        assert judge(*values).answer == (answers.pop() if len(answers) == 1 else "undecided")


def test_every_input_is_shown_with_its_origin() -> None:
    verdict = judge(None, True, False, 5.0, 0.5)
    assert [(given.name, given.origin) for given in verdict.inputs][:2] == [
        ("strict_privacy", "missing"),
        ("inference_team", "configured"),
    ]


WEEK = [10, 20, 30, 40, 50, 0, 0]


@pytest.mark.parametrize(
    ("days", "stability"),
    [
        (WEEK * 5, 1.0),
        ([100] * 34, None),  # too short
        ([999] * 7 + [0] * 28, None),  # nothing to measure against
        ([50] * 7 + [100] * 28, 1 - 7 * 50 / 2800),  # wrong by half in one week of four
        ([0, 100] * 18, 0.0),  # odd lag: always wrong
        ([12345] + WEEK * 5, 1.0),  # only the last 35 days count
    ],
)
def test_stability(days: list[int], stability: float | None) -> None:
    assert workload_stability(days) == stability


def test_peak_to_mean() -> None:
    assert peak_to_mean([]) is None
    assert peak_to_mean([0, 0]) is None
    assert peak_to_mean([5, 5, 5]) == 1.0
    assert peak_to_mean([0, 0, 0, 8]) == 4.0
