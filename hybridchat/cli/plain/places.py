"""Where a line conversation goes: route, model, privacy, and what binds them. Chosen by a word or by a number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from hybridchat.cli import output
from hybridchat.cli.plain.asking import choose
from hybridchat.cli.plain.talk import Talk
from hybridchat.domain.budget import Scope
from hybridchat.domain.chat import Effort, Privacy, Reasoning
from hybridchat.domain.pricing import format_usd
from hybridchat.domain.routing import Candidate, why_barred
from hybridchat.domain.text import clean_line
from hybridchat.errors import UsageError
from hybridchat.tui.slashes import route_in, value_of
from hybridchat.tui.stops import SetLimit, change_of
from hybridchat.tui.words import AS_IT_DOES, EFFORT, PRIVACY, candidate_words, earlier_turns, zone_words

T = TypeVar("T")
Route = tuple[str, str | None]


async def _pick(talk: Talk, argument: str, question: str, choices: Sequence[tuple[T, str]], names: Iterable[str]) -> T:
    """By its name, else asked; the first choice changes nothing. Raises UsageError for a name that there is not."""
    named = dict(zip(names, (value for value, _ in choices[1:]), strict=True))
    if not argument:
        return await choose(talk.reader, question, choices)
    return named[value_of(argument, list(named))]


# --- where


async def route(talk: Talk, argument: str) -> None:
    """`/route lab`, `/route openai gpt-5`; without words, a list to choose from."""
    wanted: Route | None
    if argument:
        wanted = route_in(argument)
    else:
        stay = (None, f"Stay with {talk.chat.route}")
        wanted = await choose(talk.reader, "Where shall this chat go?", [stay, *_routes(talk)])
    if wanted is not None:
        await talk.session.set_route(talk.chat, *wanted)


def _routes(talk: Talk) -> list[tuple[Route | None, str]]:
    privacy, earlier = talk.session.plan(talk.chat, "").privacy, earlier_turns(len(talk.chat.messages))
    rows: list[tuple[Route | None, str]] = [
        (("auto", None), "auto: the config's table decides at the first message"),
        (("local", None), "local: only your own machines"),
        (("managed", None), f"managed: a third party; {earlier}"),
    ]
    for candidate in _candidates(talk):
        if why_barred(candidate, privacy) is None:
            words = " · ".join(candidate_words(candidate))
            along = "" if candidate.is_local else f"; {earlier}"
            rows.append(((candidate.backend, candidate.model), words + along))
    return rows


def _candidates(talk: Talk) -> list[Candidate]:
    """Every backend with its default model, then with the others that it lists."""
    found = []
    for candidate in talk.session.candidates():
        names = [model.name for model in talk.session.health(candidate.backend).models]
        others = (talk.session.candidate(candidate.backend, name) for name in names if name != candidate.model)
        found += [candidate, *others]
    return found


async def model(talk: Talk, argument: str) -> None:
    """Of the backend that would answer now."""
    target = talk.session.plan(talk.chat, "").decision.target
    backend = talk.chat.route if talk.chat.route in talk.session.fleet.specs else target.backend if target else None
    if backend is None:
        raise UsageError("nobody would answer now", "/route chooses a backend first")
    if argument:
        await talk.session.set_route(talk.chat, backend, argument)
        return
    await talk.session.check_health(backend)
    names = [one.name for one in talk.session.health(backend).models]
    if not names:
        raise UsageError(f"{clean_line(backend, 40)} lists no models", "/model NAME takes any")
    choices: list[tuple[str | None, str]] = [(None, "Change nothing")]
    choices += [(name, clean_line(name, 60)) for name in names]
    chosen = await choose(talk.reader, f"Which model of {clean_line(backend, 40)}?", choices)
    if chosen is not None:
        await talk.session.set_route(talk.chat, backend, chosen)


# --- privacy and proof


async def privacy(talk: Talk, argument: str) -> None:
    """A looser one leaves what was said behind, in a fork."""
    now = talk.session.plan(talk.chat, "").privacy
    choices: list[tuple[Privacy | None, str]] = [(None, f"Stay {PRIVACY[now]}")]
    choices += [(level, PRIVACY[level]) for level in Privacy]
    level = await _pick(talk, argument, "Privacy of this chat", choices, Privacy)
    if level is None:
        return
    talk.session.floor.check(level)
    if not talk.session.must_fork(talk.chat, level):
        talk.session.gathering.check_looser(talk.chat, level, talk.along.files)
        await talk.session.set_privacy(talk.chat, level)
        output.note(f"This chat is {PRIVACY[level]}.")
        return
    question = f"What was said {PRIVACY[now].partition(':')[0]} stays so. Go on in a fork that takes nothing along?"
    if await choose(talk.reader, question, ((False, "Stay here"), (True, "Go on in a fork, without what was said"))):
        talk.show_chat(await talk.session.open(await talk.session.make_fork(talk.chat, level)))
        output.note("This is the fork. The conversation before it stays as it was.")


async def standing(talk: Talk, argument: str) -> None:
    for candidate in talk.session.candidates():
        one = talk.session.standing(candidate.backend)
        words = zone_words(one.zone, one.proof, one.kind)
        doubt = f"; but {clean_line(one.doubt, 300)}" if one.doubt else ""
        output.line(f"{clean_line(one.backend, 40)}: {words}, at {one.url}, because {clean_line(one.how, 300)}{doubt}")


# --- what the routes heed


async def effort(talk: Talk, argument: str) -> None:
    keep = object()
    choices: list[tuple[object, str]] = [(keep, "Change nothing"), *((one, EFFORT[one]) for one in Effort)]
    names = [*(one.value for one in Effort), "auto"]
    chosen = await _pick(talk, argument, "How much may it think?", [*choices, (None, AS_IT_DOES)], names)
    if chosen is not keep:
        await talk.session.set_effort(talk.chat, chosen if isinstance(chosen, Effort) else None)


async def reasoning(talk: Talk, argument: str) -> None:
    is_high = talk.session.plan(talk.chat, "").reasoning is Reasoning.HIGH
    await talk.session.set_reasoning(talk.chat, Reasoning.NORMAL if is_high else Reasoning.HIGH)
    output.note(f"High reasoning is {'off' if is_high else 'on'}.")


async def workload(talk: Talk, argument: str) -> None:
    """Without a word, what it is."""
    if argument:
        await talk.session.set_workload(talk.chat, None if argument == "none" else argument)
    output.note(f"Kind of task: {clean_line(talk.chat.workload or 'not said', 40)}.")


async def budget(talk: Talk, argument: str) -> None:
    """What is used of each; a scope's name changes its limit."""
    standings = await talk.session.budgets.standings(talk.chat.id)
    if argument:
        scopes: list[tuple[Scope | None, str]] = [(None, ""), *((scope, scope.value) for scope in Scope)]
        scope = await _pick(talk, argument, "", scopes, Scope)
        assert scope is not None
        limit = next((s.limit for s in standings if s.limit.scope is scope and s.limit.backend is None), None)
        await talk.set_limit(change_of(limit) if limit else SetLimit(scope))
        return
    for one in standings:
        output.line(f"{one.limit}: {format_usd(one.limit.usd - one.remaining_usd)} used")
    if not standings:
        output.note("No budget is set. /budget day, month or conversation sets one.")
