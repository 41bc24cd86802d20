"""The line over the composer, for every kind of decision."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from hybridchat.domain.chat import Reasoning
from hybridchat.domain.pricing import CostEstimate
from hybridchat.domain.routing import Decision, Outlook
from hybridchat.session.state import Plan
from hybridchat.tui.enter import Enter
from hybridchat.tui.widgets.route_line import plan_content
from tests.tui.fake_session import CLOUD, LAB

LOCAL = Plan(
    Decision(outlook=Outlook.SEND, target=LAB, reasons=("a local backend can answer", "table local-first")),
    Reasoning.NORMAL,
    None,
    12,
)
PRICED = replace(
    LOCAL,
    decision=replace(LOCAL.decision, target=CLOUD, reasons=("high reasoning",)),
    cost=CostEstimate(Decimal("0.0042"), Decimal("0.0042"), with_reply=False, source="list price"),
)


def test_a_local_target() -> None:
    text = plan_content(LOCAL, Enter.SEND, wide=False).plain
    assert text.splitlines() == [
        "Enter sends to lab · tiny · loopback, you vouched",
        "because a local backend can answer; table local-first",
    ]


def test_a_priced_target_says_what_the_prompt_costs() -> None:
    narrow = plan_content(PRICED, Enter.SEND, wide=False).plain
    assert narrow.splitlines() == [
        "Enter sends to openai · gpt-big · managed, leaves your machines",
        "≈ 12 tokens, $0.0042 for this prompt · because high reasoning",
    ]
    wide = plan_content(PRICED, Enter.QUEUE, wide=True).plain
    assert wide == (
        "Enter queues for openai · gpt-big · managed, leaves your machines"
        " · ≈ 12 tokens, $0.0042 for this prompt (list price)  because high reasoning"
    )


def test_an_estimate_says_between_what_it_lies_where_there_is_room() -> None:
    cost = CostEstimate(Decimal("0.0042"), Decimal("0.011"), with_reply=True, source="list price")
    plan = replace(PRICED, prompt_tokens=1_379, prompt_spread=(965, 2_206), cost=cost)
    wide = plan_content(plan, Enter.SEND, wide=True).plain
    assert "≈ 1,379 tokens (965–2,206), $0.0042–$0.011 with a reply as usual (list price)" in wide
    narrow = plan_content(plan, Enter.SEND, wide=False).plain.splitlines()
    assert narrow[1] == "≈ 1,379 tokens, $0.0042–$0.011 with a reply as usual · because high reasoning"


def test_a_managed_model_without_a_price_says_so() -> None:
    unpriced = plan_content(replace(PRICED, cost=None), Enter.SEND, wide=False).plain
    assert "≈ 12 tokens, price unknown" in unpriced
    awaited = replace(PRICED, cost=None, is_price_awaited=True)
    assert "≈ 12 tokens, its price is being looked up" in plan_content(awaited, Enter.SEND, wide=False).plain
    assert "price" not in plan_content(LOCAL, Enter.SEND, wide=False).plain


def test_a_question() -> None:
    asking = Decision(outlook=Outlook.ASK, reasons=("no local backend can answer",), choices=(CLOUD,))
    text = plan_content(replace(LOCAL, decision=asking), Enter.ASK, wide=False).plain
    assert text == "Enter asks where to send: no local backend can answer\nEnter or Ctrl+R chooses"


def test_a_question_that_waits_for_its_turn_is_not_asked_by_enter() -> None:
    asking = Decision(outlook=Outlook.ASK, reasons=("no local backend can answer",), choices=(CLOUD,))
    text = plan_content(replace(LOCAL, decision=asking), Enter.QUEUE_IN_VAIN, wide=False).plain
    assert text == ("Enter queues, but as it is now that cannot be sent: no local backend can answer\nCtrl+R chooses")


def test_a_refusal_with_its_remedy() -> None:
    refused = Decision(outlook=Outlook.REFUSE, reasons=("nothing here is local",), remedy="start Ollama")
    text = plan_content(replace(LOCAL, decision=refused), Enter.REFUSE, wide=False).plain
    assert text == "Enter cannot send: nothing here is local\nstart Ollama"


def test_reasons_and_names_are_inert_and_one_line() -> None:
    nasty = replace(LAB, backend="a\x1b[2J", model="b\nc\x9b")
    plan = replace(LOCAL, decision=replace(LOCAL.decision, target=nasty, reasons=("x\ny\x07",)))
    text = plan_content(plan, Enter.SEND, wide=True).plain
    assert not set("\x1b\x9b\x07\n") & set(text)


def test_a_flag_of_the_command_line_is_a_key_on_the_screen() -> None:
    refused = Decision(outlook=Outlook.REFUSE, reasons=("no",), remedy="or choose --backend lab or --backend fast")
    text = plan_content(replace(LOCAL, decision=refused), Enter.REFUSE, wide=False).plain
    assert text.splitlines()[1] == "or choose lab or fast: Ctrl+R"
