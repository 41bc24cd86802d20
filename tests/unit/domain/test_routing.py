"""Every row of both shipped tables, every hard rule, and: a pinned conversation never leaves."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from hybridchat.domain.chat import HealthState, Privacy, Proof, Reasoning, Zone
from hybridchat.domain.privacy import in_words
from hybridchat.domain.routing import (
    ARTICLE,
    LOCAL_FIRST,
    SHIPPED_TABLES,
    Bar,
    Candidate,
    Decision,
    Outlook,
    RouteInput,
    Row,
    Rule,
    classify,
    decide,
)

UP, DOWN, UNKNOWN, LOADING = HealthState.HEALTHY, HealthState.UNHEALTHY, HealthState.UNKNOWN, HealthState.LOADING
SEND, ASK, REFUSE = Outlook.SEND, Outlook.ASK, Outlook.REFUSE

LAB = Candidate(backend="lab", kind="vllm", model="tiny", zone=Zone.DEVICE, proof=Proof.VOUCHED, health=UP)
BOX = Candidate(backend="box", kind="ollama", model="qwen", zone=Zone.PRIVATE, proof=Proof.VOUCHED, health=UP)
CLOUD = Candidate(backend="cloud", kind="openai", model="gpt", zone=Zone.MANAGED, proof=None, health=UP)
FORWARDED = replace(LAB, backend="fwd", kind="ollama", model="x:cloud", remote_host="ollama.com")


def down(candidate: Candidate) -> Candidate:
    return replace(candidate, health=DOWN, health_detail="nothing listens")


def route(*candidates: Candidate, table: str | tuple[Row, ...] = "local-first", **given: object) -> Decision:
    rows = SHIPPED_TABLES[table] if isinstance(table, str) else table
    name = table if isinstance(table, str) else "mine"
    return decide(RouteInput(candidates=candidates, table=rows, table_name=name, **given))  # type: ignore[arg-type]


# --- the shipped tables, row by row: what holds → where it goes and the deciding reason

LOCAL_FIRST_ROWS = [
    (0, {"privacy": Privacy.LOCAL_ONLY, "reasoning": Reasoning.HIGH}, (CLOUD, LAB), SEND, "lab"),
    (0, {"privacy": Privacy.PRIVATE, "reasoning": Reasoning.HIGH}, (CLOUD, BOX), SEND, "box"),
    (1, {"reasoning": Reasoning.HIGH}, (LAB, CLOUD), SEND, "cloud"),
    (2, {}, (CLOUD, LAB), SEND, "lab"),
    (2, {}, (down(LAB), CLOUD, BOX), SEND, "box"),
    (3, {}, (CLOUD,), SEND, "cloud"),
    (4, {}, (down(LAB), CLOUD), ASK, None),
]
HIGH_VOLUME = 50_000_001
ARTICLE_ROWS = [
    (0, {"privacy": Privacy.LOCAL_ONLY, "reasoning": Reasoning.HIGH}, (CLOUD, LAB), SEND, "lab"),
    (0, {"privacy": Privacy.PRIVATE}, (CLOUD, BOX), SEND, "box"),
    (1, {"reasoning": Reasoning.HIGH, "workload": "classification", "workload_tokens_30d": HIGH_VOLUME},
     (LAB, CLOUD), SEND, "cloud"),
    (2, {"workload": "classification", "workload_tokens_30d": HIGH_VOLUME}, (CLOUD, LAB), SEND, "lab"),
    (2, {"workload": "summarization", "workload_tokens_30d": HIGH_VOLUME}, (CLOUD, LAB), SEND, "lab"),
    (2, {"workload": "summarization", "workload_tokens_30d": HIGH_VOLUME}, (CLOUD, down(LAB)), REFUSE, None),
    (3, {"workload": "summarization", "workload_tokens_30d": HIGH_VOLUME - 1}, (LAB, CLOUD), SEND, "cloud"),
    (3, {"workload": "chat", "workload_tokens_30d": HIGH_VOLUME}, (LAB, CLOUD), SEND, "cloud"),
    (3, {}, (LAB, CLOUD), SEND, "cloud"),
    (3, {}, (LAB, down(CLOUD)), ASK, None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("table", "row", "given", "candidates", "outlook", "backend"),
    [("local-first", *case) for case in LOCAL_FIRST_ROWS] + [("article", *case) for case in ARTICLE_ROWS],
)
def test_each_row_of_the_shipped_tables(
    table: str,
    row: int,
    given: dict[str, object],
    candidates: tuple[Candidate, ...],
    outlook: Outlook,
    backend: str | None,
) -> None:
    decision = route(*candidates, table=table, **given)
    assert decision.reasons[:2] == (SHIPPED_TABLES[table][row].why, f"table {table}")
    assert (decision.outlook, decision.target and decision.target.backend) == (outlook, backend)


def test_the_cases_cover_every_row() -> None:
    assert {row for row, *_ in LOCAL_FIRST_ROWS} == set(range(len(LOCAL_FIRST)))
    assert {row for row, *_ in ARTICLE_ROWS} == set(range(len(ARTICLE)))


@pytest.mark.parametrize("table", SHIPPED_TABLES)
def test_without_any_managed_backend_the_local_one_answers(table: str) -> None:
    decision = route(LAB, table=table, reasoning=Reasoning.HIGH)
    assert decision.target == LAB
    assert decision.reasons == ("high reasoning", f"table {table}", "no managed backend is configured")


# --- hard rule: privacy


def test_one_that_could_be_vouched_for_is_named_beside_one_that_cannot_answer() -> None:
    own = replace(LAB, backend="own", proof=Proof.VERIFIED, health=HealthState.UNHEALTHY)
    decision = route(replace(LAB, proof=Proof.ASSUMED), own, privacy=Privacy.LOCAL_ONLY)
    assert (decision.outlook, decision.is_policy) == (REFUSE, True)
    assert "hybridchat backends vouch lab" in decision.remedy


@pytest.mark.parametrize("wanted", ["auto", "local", "lab"])
def test_local_only_needs_proof(wanted: str) -> None:
    decision = route(replace(LAB, proof=Proof.ASSUMED), CLOUD, privacy=Privacy.LOCAL_ONLY, wanted=wanted)
    assert (decision.outlook, decision.is_policy) == (REFUSE, True)
    assert "vouched = true" in decision.remedy
    assert "lab" in decision.remedy


def test_verified_is_proof() -> None:
    assert route(replace(LAB, proof=Proof.VERIFIED), privacy=Privacy.LOCAL_ONLY).target is not None


def test_an_open_conversation_needs_no_proof() -> None:
    assert route(replace(LAB, proof=Proof.ASSUMED)).outlook is SEND


def test_local_only_does_not_go_to_another_machine() -> None:
    decision = route(BOX, privacy=Privacy.LOCAL_ONLY)
    assert (decision.outlook, decision.is_policy) == (REFUSE, True)
    assert "another machine" in decision.reasons[-1]
    assert route(BOX, privacy=Privacy.PRIVATE).target == BOX


@pytest.mark.parametrize("privacy", [Privacy.LOCAL_ONLY, Privacy.PRIVATE])
@pytest.mark.parametrize("wanted", ["managed", "cloud"])
def test_asking_for_managed_in_a_closed_conversation_is_refused(privacy: Privacy, wanted: str) -> None:
    decision = route(LAB, CLOUD, privacy=privacy, wanted=wanted)
    assert (decision.outlook, decision.is_policy, decision.choices) == (REFUSE, True, ())
    assert f"this conversation is {in_words(privacy)}" in decision.reasons[-1]
    assert decision.remedy == "or choose --backend lab"


def test_a_local_server_that_is_down_is_a_failure_not_a_policy() -> None:
    decision = route(down(LAB), CLOUD, privacy=Privacy.LOCAL_ONLY)
    assert (decision.outlook, decision.is_policy, decision.choices) == (REFUSE, False, ())
    assert "lab: nothing listens" in decision.reasons


def test_only_managed_backends_in_a_closed_conversation() -> None:
    decision = route(CLOUD, privacy=Privacy.LOCAL_ONLY)
    assert (decision.outlook, decision.is_policy) == (REFUSE, True)


def test_a_forwarding_model_is_managed_whatever_its_address() -> None:
    assert route(FORWARDED, LAB).target == LAB
    assert route(FORWARDED).reasons[0] == "no local backend is configured"
    refused = route(FORWARDED, privacy=Privacy.LOCAL_ONLY, wanted="fwd")
    assert (refused.outlook, refused.is_policy) == (REFUSE, True)
    assert "forwarded to ollama.com" in refused.reasons[-1]


def test_a_backend_that_also_forwards_does_not_slip_to_its_cloud_model() -> None:
    own, forwarded = replace(FORWARDED, model="qwen", remote_host=None, context_window=100), FORWARDED
    assert route(own, forwarded, wanted="fwd", prompt_tokens=10).target == own
    too_long = route(own, forwarded, wanted="fwd", prompt_tokens=1000)
    assert (too_long.outlook, too_long.choices) == (ASK, (forwarded,))


# --- hard rule: the context window


def test_a_prompt_that_does_not_fit_needs_a_larger_window() -> None:
    small, large = replace(LAB, context_window=2048), replace(BOX, context_window=4096)
    assert route(small, large, prompt_tokens=2048).target == small
    assert route(small, large, prompt_tokens=2049).target == large
    too_long = route(small, large, CLOUD, prompt_tokens=5000)
    assert (too_long.outlook, too_long.choices) == (ASK, (CLOUD,))
    assert "lab: ≈ 5,000 tokens do not fit tiny's context window of 2,048" in too_long.reasons


@pytest.mark.parametrize(("tokens", "window"), [(None, 10), (10, None)])
def test_an_unknown_size_or_window_stops_nothing(tokens: int | None, window: int | None) -> None:
    assert route(replace(LAB, context_window=window), prompt_tokens=tokens).outlook is SEND


def test_nothing_large_enough() -> None:
    decision = route(replace(LAB, context_window=10), wanted="lab", prompt_tokens=11)
    assert (decision.outlook, decision.is_policy) == (REFUSE, False)
    assert decision.remedy.startswith("shorten")


# --- hard rule: health


@pytest.mark.parametrize(
    ("health", "note"), [(UP, ()), (UNKNOWN, ("health not checked yet",)), (LOADING, ("loading its model",))]
)
def test_what_is_not_known_to_be_down_is_usable(health: HealthState, note: tuple[str, ...]) -> None:
    decision = route(replace(LAB, health=health))
    assert decision.target is not None
    assert decision.reasons == ("a local backend can answer", "table local-first", *note)


def test_the_readiest_goes_first_then_the_order_of_the_config() -> None:
    by_health = {health: replace(LAB, backend=health, health=health) for health in HealthState}
    assert route(*by_health.values()).target == by_health[UP]
    assert route(by_health[LOADING], by_health[UNKNOWN]).target == by_health[UNKNOWN]
    assert route(BOX, LAB).target == BOX


# --- the user's wish


@pytest.mark.parametrize(("wanted", "target"), [("local", LAB), ("managed", CLOUD), ("box", BOX), ("cloud", CLOUD)])
@pytest.mark.parametrize(
    ("by", "words"),
    [("message", "chosen for this message"), ("conversation", "this conversation's route"), ("--backend", "--backend")],
)
def test_a_wish_wins_over_the_table_and_over_what_was_decided(
    wanted: str, target: Candidate, by: str, words: str
) -> None:
    decision = route(LAB, BOX, CLOUD, wanted=wanted, wanted_by=by, reasoning=Reasoning.HIGH, decided_backend="lab")
    assert decision.target == target
    assert decision.reasons == (f"{wanted} is {words}",)


def test_wanting_local_never_offers_managed() -> None:
    decision = route(down(LAB), CLOUD, wanted="local")
    assert (decision.outlook, decision.is_policy, decision.choices) == (REFUSE, False, ())
    assert decision.reasons == ("local is this conversation's route", "lab: nothing listens")
    assert decision.remedy == "or choose --backend cloud"  # in the user's own words it may
    nothing = route(CLOUD, wanted="local")
    assert (nothing.outlook, nothing.reasons[-1]) == (REFUSE, "no local backend is configured")


def test_a_wanted_backend_that_is_down_asks() -> None:
    decision = route(down(CLOUD), LAB, BOX, wanted="cloud")
    assert (decision.outlook, decision.choices) == (ASK, (LAB, BOX))
    assert decision.remedy == "choose --backend lab or --backend box"


def test_a_wanted_backend_that_is_gone_asks() -> None:
    decision = route(LAB, wanted="old")
    assert (decision.outlook, decision.choices, decision.reasons[-1]) == (ASK, (LAB,), "no backend is called old")


def test_everything_down() -> None:
    decision = route(down(LAB), down(CLOUD))
    assert (decision.outlook, decision.is_policy) == (REFUSE, False)
    assert decision.remedy == "look closer with `hybridchat doctor`"


def test_nothing_configured() -> None:
    decision = route()
    assert (decision.outlook, decision.is_policy, decision.reasons) == (REFUSE, False, ("no backend is configured",))
    assert decision.remedy


# --- what auto decided at the first message stays


def test_decided_stays_though_the_table_would_now_differ() -> None:
    decision = route(LAB, CLOUD, decided_backend="cloud", decided_model="gpt")
    assert (decision.target, decision.reasons) == (CLOUD, ("decided at the first message",))


@pytest.mark.parametrize(("decided", "others"), [(LAB, CLOUD), (CLOUD, LAB)])
def test_decided_but_down_asks_on_both_sides(decided: Candidate, others: Candidate) -> None:
    decision = route(down(decided), others, decided_backend=decided.backend, decided_model=decided.model)
    assert (decision.outlook, decision.choices) == (ASK, (others,))
    assert decision.remedy == f"choose --backend {others.backend}"


def test_decided_but_removed_from_the_config_asks() -> None:
    decision = route(CLOUD, decided_backend="lab", decided_model="tiny")
    assert (decision.outlook, decision.choices) == (ASK, (CLOUD,))


def test_another_model_of_the_decided_backend_goes_on_and_says_so() -> None:
    decision = route(replace(LAB, model="new"), decided_backend="lab", decided_model="tiny")
    assert decision.target is not None
    assert decision.reasons == ("decided at the first message", "with new: it no longer offers tiny")


def test_a_forwarding_model_does_not_take_over_from_a_local_one() -> None:
    decision = route(FORWARDED, decided_backend="fwd", decided_model="qwen")
    assert decision.outlook is ASK


@pytest.mark.parametrize("given", [{"decided_backend": "cloud"}, {"wanted": "cloud"}, {"reasoning": Reasoning.HIGH}])
def test_a_conversation_that_stayed_home_leaves_by_a_choice_alone(given: dict[str, object]) -> None:
    assert route(LAB, CLOUD, **given).target == CLOUD
    decision = route(LAB, CLOUD, stays_home=True, **given)
    assert (decision.outlook, decision.choices) == (ASK, (CLOUD, LAB))
    assert route(LAB, CLOUD, stays_home=True, wanted="cloud", wanted_by="message").target == CLOUD


def test_pinning_a_conversation_undoes_a_managed_decision() -> None:
    decision = route(LAB, CLOUD, privacy=Privacy.LOCAL_ONLY, decided_backend="cloud", decided_model="gpt")
    assert decision.target == LAB


# --- tables of one's own


def test_a_row_may_name_a_backend_or_ask() -> None:
    assert route(LAB, BOX, table=(Row(to="box"),)).target == BOX
    asked = route(LAB, CLOUD, table=(Row(to="ask", why="you wanted to be asked"),))
    assert (asked.outlook, asked.choices) == (ASK, (LAB, CLOUD))


def test_without_a_row_that_holds_the_user_is_asked() -> None:
    decision = route(LAB, table=(Row(to="local", workload=("code",)),))
    assert (decision.outlook, decision.reasons) == (ASK, ("no row of the table mine holds",))


@pytest.mark.parametrize("to", ["managed", "cloud"])
def test_a_table_that_forgets_privacy_still_stays_local(to: str) -> None:
    decision = route(LAB, CLOUD, table=(Row(to=to),), privacy=Privacy.LOCAL_ONLY)
    assert decision.target == LAB


def test_a_row_without_a_reason_gives_its_conditions() -> None:
    row = Row(
        to="local",
        privacy=(Privacy.OPEN,),
        reasoning=Reasoning.HIGH,
        workload=("code", "chat"),
        min_tokens_per_month=1000,
        local="healthy",
    )
    decision = route(LAB, table=(row,), reasoning=Reasoning.HIGH, workload="code", workload_tokens_30d=2000)
    expected = "open conversation, high reasoning, code or chat, over 1,000 tokens a month, local can answer"
    assert decision.reasons[0] == expected
    assert route(LAB, table=(Row(to="local"),)).reasons[0] == "the default"


# --- words to workload


RULES = (
    Rule(contains=("prove", "Step by step"), reasoning=Reasoning.HIGH),
    Rule(contains=("summarise", "TL;DR"), workload="summarization"),
    Rule(contains=("straße",), reasoning=Reasoning.NORMAL, workload="translation"),
)


@pytest.mark.parametrize(
    ("draft", "found"),
    [
        ("hello", (None, None)),
        ("PROVE it", (Reasoning.HIGH, None)),
        ("step by STEP, tl;dr", (Reasoning.HIGH, "summarization")),
        ("STRASSE", (Reasoning.NORMAL, "translation")),
        ("summarise the straße, prove it", (Reasoning.HIGH, "summarization")),  # the first rule wins for each
    ],
)
def test_rules_read_words(draft: str, found: tuple[Reasoning | None, str | None]) -> None:
    assert classify(draft, RULES) == found


def test_what_stops_several_is_said_once() -> None:
    bar = Bar("the day budget of $5.00 has $0.01 left, and this could cost $0.04", "raise it")
    named = [replace(CLOUD, backend=name, budget=bar) for name in ("a", "b")]
    decision = route(*named, replace(CLOUD, backend="c", budget=replace(bar, why="other")), wanted="managed")
    assert [reason for reason in decision.reasons if ":" in reason] == [f"a, b: {bar.why}", "c: other"]
