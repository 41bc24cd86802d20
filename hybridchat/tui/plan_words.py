"""A plan in words: what Enter does, to whom it sends, what that may cost, and why. Each part with its style."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hybridchat.domain.chat import Disclosure, Message
from hybridchat.domain.routing import Candidate, Decision, Outlook
from hybridchat.domain.text import clean_line, count_of
from hybridchat.session.state import count_turns
from hybridchat.tui.enter import Enter
from hybridchat.tui.words import EFFORT, Part, candidate_words, cost_words, turns_along

if TYPE_CHECKING:
    from hybridchat.session.chat import Plan


def plan_parts(plan: Plan, enter: Enter, *, wide: bool, send: str = "Enter", route: str) -> list[Part]:
    """Backend · model · zone and proof, the estimated cost, and why; or what must be chosen or mended. `send` and
    `route` are how sending, and choosing a route, are called here."""
    decision, says = plan.decision, enter.replace("Enter", send, 1)
    gap = "  " if wide else "\n"
    if decision.outlook is Outlook.SEND and decision.target is not None:
        parts, cost = _target(decision.target, says), _cost(plan, wide=wide)
        if plan.effort is not None and all(one.name != "effort" for one in plan.untaken):
            parts.append((f" · {EFFORT[plan.effort]}", "$muted"))
        if plan.untaken:
            from hybridchat.domain.tuning import untaken_words  # rare, and not before the first key

            parts.append((f" · {untaken_words(plan.untaken)}", "$warning"))
        if plan.found is not None:
            is_masked = plan.found.disclosure is Disclosure.MASKED
            words = f" · {plan.found.words} {'masked' if is_masked else 'as it is'}"
            parts.append((clean_line(words), "$muted" if is_masked else "$warning"))
        if cost and wide:
            parts += [" · ", *cost, gap]
        else:
            parts += [gap, *cost, " · "] if cost else [gap]
        return [*parts, (f"because {_reasons(decision)}", "$muted")]
    color = "$error" if enter.refuses else "$warning"
    remedy = _on_screen(decision.remedy, route)
    if enter.asks or decision.outlook is Outlook.ASK:
        remedy = f"{send} or {route} chooses" if enter.asks else f"{route} chooses"
    return [(says, f"bold {color}"), f": {_reasons(decision)}", gap, (remedy, "$muted")]


def question_leaves(target: Candidate, plan: Plan, messages: Sequence[Message]) -> str:
    """What goes to that third party with the last of the messages' questions, asked of it as planned."""
    _, _, zone = candidate_words(target)
    turns = count_turns(messages) - 1 - plan.left_out_turns
    cost = f"It may cost {cost_words(plan.cost)}" if plan.cost else "Price unknown"
    return f"Your last question goes to it ({zone}); {turns_along(turns)}. {cost}. Both answers stay."


def _target(target: Candidate, says: str) -> list[Part]:
    backend, model, zone = candidate_words(target)
    color = "$local" if target.is_local else "$managed"
    return [(f"{says} ", "$muted"), (backend, f"bold {color}"), f" · {model} · ", (zone, color)]


def _cost(plan: Plan, *, wide: bool) -> list[Part]:
    """How many tokens, and what they may cost; on narrow screens without their spread and the price's source."""
    parts: list[Part] = []
    target = plan.decision.target
    if plan.cost is not None or (target is not None and not target.is_local):
        spread = f" ({plan.prompt_spread[0]:,}–{plan.prompt_spread[1]:,})" if wide and plan.prompt_spread else ""
        parts.append(f"≈ {count_of(plan.prompt_tokens, 'token')}{spread}, ")
    if plan.cost is not None:
        parts.append(cost_words(plan.cost))
        parts += [(f" ({clean_line(plan.cost.source, 40)})", "$muted")] if wide else []
    elif parts:
        parts.append("its price is being looked up" if plan.is_price_awaited else "price unknown")
    if plan.budget is not None and (words := str(plan.budget)):
        parts += [" · " if parts else "", (clean_line(words), "$warning")]
    return parts


def _reasons(decision: Decision) -> str:
    return clean_line("; ".join(decision.reasons), 400)


def _on_screen(remedy: str, key: str) -> str:
    """The command line's flag as the screen's key."""
    by_key = remedy.replace("--backend ", "")
    return clean_line(by_key if by_key == remedy else f"{by_key}: {key}", 300)
