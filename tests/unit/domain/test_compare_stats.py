"""What comparisons measured, and what votes say of two models."""

from __future__ import annotations

from msgspec.structs import replace

from hybridchat.domain.chat import Attempt, Outcome, Zone
from hybridchat.domain.compare import Compared, ComparedSide, Judgement, Side, Vote, parse_side
from hybridchat.domain.compare_stats import differences, pair_votes, side_summaries
from tests.corpus.attempts import ANSWERED

LAB, CLOUD = ComparedSide(0, 1, "lab", "tiny", Zone.DEVICE), ComparedSide(1, 2, "cloud", "big", Zone.MANAGED)


def measured(ttft_ms: float | None, cost_usd: float | None = None, **changes: object) -> Attempt:
    return replace(ANSWERED, ttft_ms=ttft_ms, cost_usd=cost_usd, **changes)


def test_only_what_was_measured_by_itself_counts() -> None:
    failed = measured(None, outcome=Outcome.ERROR)
    prompts = [
        [(LAB, measured(100.0)), (CLOUD, measured(300.0, 0.5))],
        [(LAB, measured(110.0)), (CLOUD, measured(330.0))],
        [(replace(LAB, was_shared=True), measured(900.0)), (CLOUD, measured(200.0, 0.25))],
        [(LAB, measured(800.0, load_ms=700.0)), (CLOUD, failed)],
        [(LAB, None), (CLOUD, measured(310.0))],
    ]
    lab, cloud = side_summaries(prompts)
    assert (lab.answers, lab.failures, lab.shared, lab.ttft_ms.n, lab.ttft_ms.p50) == (4, 1, 1, 2, 100.0)
    assert (cloud.answers, cloud.failures, cloud.cost.usd, cloud.cost.unpriced) == (4, 1, 0.75, 2)
    assert lab.cost.usd is None and lab.tokens_per_s.p50 is None
    (pair,) = differences(prompts)
    assert (pair.a, pair.b, pair.ttft_ms.n, pair.ttft_ms.p50) == ("lab/tiny", "cloud/big", 2, 200.0)
    assert side_summaries([]) == differences([]) == []


def test_a_load_is_in_the_time_to_the_first_token_and_in_no_speed() -> None:
    cold = measured(900.0, load_ms=0.0, tokens_per_s=40.0)
    warm = measured(100.0, tokens_per_s=50.0)
    lab, cloud = side_summaries([[(LAB, cold), (CLOUD, warm)]])
    assert (lab.ttft_ms.n, lab.tokens_per_s.p50, cloud.ttft_ms.n) == (0, 40.0, 1)
    (pair,) = differences([[(LAB, cold), (CLOUD, warm)]])
    assert (pair.ttft_ms.n, pair.tokens_per_s.p50) == (0, 10.0)


def test_votes_are_counted_by_pair_wherever_each_of_them_stood() -> None:
    here = Compared(id=1, conversation_id=1, question_id=1, started_at="", workload="code", sides=(LAB, CLOUD))
    turned = replace(here, sides=(replace(CLOUD, position=0), replace(LAB, position=1)))
    voted = [
        replace(here, vote=Vote(Judgement.BETTER, 0, True)),
        replace(turned, vote=Vote(Judgement.BETTER, 1)),
        replace(turned, vote=Vote(Judgement.BETTER, 0)),
        replace(here, vote=Vote(Judgement.TIE)),
        replace(here, vote=Vote(Judgement.BOTH_BAD)),
        here,
    ]
    (row,) = pair_votes(voted)
    assert (row.workload, row.a, row.b) == ("code", "cloud/big", "lab/tiny")
    assert (row.a_won, row.b_won, row.ties, row.both_bad, row.blind, row.left_won) == (1, 2, 1, 1, 1, 2)


def test_a_side_as_it_is_written() -> None:
    assert parse_side("lab") == Side("lab")
    assert parse_side("router/openai/gpt-5") == Side("router", "openai/gpt-5")
    assert str(Side("router", "openai/gpt-5")) == "router/openai/gpt-5"
