"""For any input: a pinned conversation never leaves, and what was local becomes managed only by the user's choice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hybridchat.domain.chat import HealthState, Privacy, Proof, Reasoning, Zone
from hybridchat.domain.privacy import why_forbidden
from hybridchat.domain.routing import ARTICLE, LOCAL_FIRST, Candidate, Outlook, RouteInput, Row, decide

CANDIDATES = st.builds(
    Candidate,
    backend=st.sampled_from(["a", "b", "c"]),
    kind=st.just("ollama"),
    model=st.sampled_from(["m", "n"]),
    zone=st.sampled_from(Zone),
    proof=st.sampled_from([None, *Proof]),
    health=st.sampled_from(HealthState),
    context_window=st.none() | st.integers(1, 100),
    remote_host=st.none() | st.just("elsewhere.example"),
)
NAMES = st.sampled_from(["local", "managed", "a", "b", "gone"])
ROWS = st.builds(
    Row,
    to=NAMES | st.just("ask"),
    privacy=st.lists(st.sampled_from(Privacy), max_size=2).map(tuple),
    reasoning=st.none() | st.sampled_from(Reasoning),
    local=st.sampled_from([None, "none", "healthy", "unhealthy"]),
)
INPUTS = st.builds(
    RouteInput,
    candidates=st.lists(CANDIDATES, max_size=5).map(tuple),
    table=st.sampled_from([LOCAL_FIRST, ARTICLE]) | st.lists(ROWS, max_size=4).map(tuple),
    table_name=st.just("t"),
    privacy=st.sampled_from(Privacy),
    wanted=st.just("auto") | NAMES,
    wanted_by=st.sampled_from(["message", "conversation", "config"]),
    decided_backend=st.none() | st.sampled_from(["a", "b", "gone"]),
    decided_model=st.none() | st.sampled_from(["m", "gone"]),
    stays_home=st.booleans(),
    reasoning=st.sampled_from(Reasoning),
    workload=st.none() | st.just("classification"),
    workload_tokens_30d=st.sampled_from([0, 50_000_001]),
    prompt_tokens=st.none() | st.integers(0, 200),
)


@given(INPUTS)
def test_nothing_leaves_that_may_not(given: RouteInput) -> None:
    decision = decide(given)
    for candidate in (*decision.choices, *filter(None, [decision.target])):
        assert why_forbidden(given.privacy, candidate.zone, candidate.proof) is None
        assert given.privacy is Privacy.OPEN or candidate.remote_host is None
        assert candidate.health is not HealthState.UNHEALTHY
        assert candidate in given.candidates


@given(INPUTS)
def test_a_decision_is_whole(given: RouteInput) -> None:
    decision = decide(given)
    assert all(decision.reasons)
    assert (decision.outlook is Outlook.SEND) == (decision.target is not None)
    assert (decision.outlook is Outlook.ASK) == bool(decision.choices)
    assert (decision.outlook is Outlook.SEND) == (not decision.remedy)
    assert not decision.is_policy or decision.outlook is Outlook.REFUSE


@given(INPUTS)
def test_what_stayed_home_leaves_only_by_a_choice(given: RouteInput) -> None:
    decision = decide(replace(given, stays_home=True, wanted_by="conversation"))
    assert decision.target is None or decision.target.is_local


@given(INPUTS)
def test_wanting_local_is_never_answered_by_managed(given: RouteInput) -> None:
    decision = decide(replace(given, wanted="local"))
    assert decision.outlook is not Outlook.ASK
    assert decision.target is None or decision.target.is_local
