"""What a comparison says of its sides: pure, and nothing of a blind one before the vote."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from msgspec import Struct

from hybridchat.domain.chat import Attempt, CostBasis, Message, MessageState
from hybridchat.domain.compare import Compared, ComparedSide, Judgement
from hybridchat.domain.pricing import format_range, format_usd
from hybridchat.domain.text import clean_line
from hybridchat.tui.words import brief, cost_facts, cost_words, milliseconds, seconds, turns_along, zone_words

if TYPE_CHECKING:
    from hybridchat.session.compare_plan import ComparePlan

SPEED_AFTER_S = 1.0  # of streaming; before, it would jump about
SHARED = "ran beside another side on the same machine"


class Clock(Struct, frozen=True):
    """Of a side that runs; times by time.monotonic()."""

    began_at: float
    ttft_ms: float | None = None
    tokens: float = 0.0  # counted by characters


def side_name(side: ComparedSide, reply: Message | None, *, is_hidden: bool) -> str:
    if is_hidden:
        return f"answer {side.letter}"
    attempt = reply.attempt if reply is not None else None
    zone = zone_words(attempt.zone, attempt.proof, attempt.kind) if attempt else str(side.zone)
    return f"{side.letter} · {clean_line(side.backend, 40)} · {clean_line(side.model, 60)} · {zone}"


def side_facts(
    side: ComparedSide, reply: Message | None, clock: Clock | None, now: float, *, is_hidden: bool, is_waiting: bool
) -> str:
    """One line: what is measured, and what is only estimated marked with a ~."""
    if reply is None:
        return "deleted"
    if is_hidden:
        return _state(reply, clock, is_waiting=is_waiting)
    if is_waiting:
        return "waits: on the same server, one after the other"
    attempt = reply.attempt
    if reply.state is MessageState.STREAMING:
        return " · ".join(filter(None, _running(reply, clock, now)))
    facts = [str(reply.state)] if reply.state is not MessageState.COMPLETE else []
    if attempt is not None:
        facts += _measured(attempt)
    return " · ".join([*facts, *([SHARED] if side.was_shared else [])])


def _state(reply: Message, clock: Clock | None, *, is_waiting: bool) -> str:
    match reply.state:
        case MessageState.STREAMING:
            return "no word yet" if clock is None or clock.ttft_ms is None else "writing…"
        case MessageState.COMPLETE:
            return "done"
        case _:
            return "waits" if is_waiting else str(reply.state)


def _running(reply: Message, clock: Clock | None, now: float) -> list[str]:
    if clock is None:
        return ["no token yet", _cost(reply.attempt)]
    elapsed_s = now - clock.began_at
    facts = ["no token yet"]
    if clock.ttft_ms is not None:
        streamed_s = elapsed_s - clock.ttft_ms / 1000
        speed = f"~{clock.tokens / streamed_s:.0f} tok/s" if streamed_s >= SPEED_AFTER_S else ""
        facts = [f"TTFT {milliseconds(clock.ttft_ms)}", speed]
    return [*facts, seconds(elapsed_s), _cost(reply.attempt)]


def _measured(attempt: Attempt) -> list[str]:
    facts = [f"TTFT {milliseconds(attempt.ttft_ms)}" if attempt.ttft_ms is not None else "no token"]
    if attempt.load_ms is not None:
        facts.append(f"{milliseconds(attempt.load_ms)} of it loading")
    speed = "unknown" if attempt.tokens_per_s is None else f"{attempt.tokens_per_s:.0f}"
    if attempt.ttft_ms is not None:
        facts.append(f"{speed} tok/s")
    if attempt.latency_ms is not None:
        facts.append(f"{milliseconds(attempt.latency_ms)} in all")
    return [*facts, *filter(None, [_cost(attempt)])]


def _cost(attempt: Attempt | None) -> str:
    """While it runs, what it may cost."""
    if attempt is None:
        return ""
    if attempt.cost_usd is not None:
        about = "~" if attempt.cost_basis is CostBasis.ESTIMATED else ""
        return about + format_usd(attempt.cost_usd) + " of energy" * (attempt.cost_basis is CostBasis.ENERGY)
    low, high = attempt.estimate_low_usd, attempt.estimate_high_usd
    if attempt.outcome is None and low is not None and high is not None:
        return f"~{format_range(Decimal(low), Decimal(high))}"
    return "".join(cost_facts(attempt))


def ending(reply: Message) -> str:
    """Under a reply in its column."""
    return brief(reply.note)


def vote_words(compared: Compared) -> str:
    """What was said of it, or ""."""
    vote = compared.vote
    if vote is None:
        return ""
    blind = " · voted blind" if vote.was_blind else ""
    match vote.judgement:
        case Judgement.TIE:
            return f"your vote: a tie{blind}"
        case Judgement.BOTH_BAD:
            return f"your vote: {'both' if len(compared.sides) == 2 else 'all'} bad{blind}"
        case Judgement.BETTER:
            side = next((side for side in compared.sides if side.position == vote.winner), None)
            return f"your vote: {side.letter if side else 'one'} is better{blind}"


def plan_words(plan: ComparePlan, *, one_by_one: bool = True) -> list[str]:
    """What asking would mean, a line for each thing that the user should know."""
    lines = []
    if plan.leaving:
        names = ", ".join(clean_line(f"{c.model} on {c.backend}", 80) for c in plan.leaving)
        to_each = " to each" if plan.turns and len(plan.leaving) > 1 else ""
        lines.append(f"Leaves your machines: to {names}; {turns_along(plan.turns)}{to_each}.")
        lines += filter(None, [cost_line(plan)])
    if plan.sharing:
        names = clean_line(", ".join(plan.sharing), 60)
        how = "one after the other" if one_by_one else "at the same time, so their timings are not their own"
        lines.append(f"{names}: several sides are one server of yours; they answer {how}.")
    refused = plan.refused
    if refused is not None:
        lines.append(f"Not possible: {clean_line('; '.join(refused.decision.reasons), 200)}.")
    return lines


def cost_line(plan: ComparePlan) -> str:
    """Of all sides together."""
    names = clean_line(", ".join(c.backend for c in plan.unpriced), 60)
    if plan.cost is None:
        return f"The price of {names} is not known." if names else ""
    beside = f", and {names}, whose price is not known" if names else ""
    return f"All of it may cost {cost_words(plan.cost)}{beside}."
