"""From an open chat and a draft to a plan: gathers what routing may look at, and prices the prompt."""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec.structs import replace

from hybridchat.config import RouteConfig
from hybridchat.domain.attachments import AttachedFile
from hybridchat.domain.budget import Verdict
from hybridchat.domain.chat import ChatRequest, Disclosure, Kind, Message, MessageState, Privacy, Reasoning, Role
from hybridchat.domain.estimate import Size, message_size
from hybridchat.domain.pictures import why_not_taken
from hybridchat.domain.privacy import strictest
from hybridchat.domain.routing import (
    SHIPPED_TABLES,
    Bar,
    Candidate,
    Decision,
    Outlook,
    RouteInput,
    able,
    classify,
    decide,
    vouchable,
)
from hybridchat.domain.text import clean_line, count_of, oldest_turns
from hybridchat.errors import ErrorKind, HybridchatError, Refused, UsageError
from hybridchat.ledger.store import Forecast
from hybridchat.session.budgets import Budgets
from hybridchat.session.disclosing import Gate, unread
from hybridchat.session.fleet import Fleet
from hybridchat.session.floor import Floor
from hybridchat.session.forecasts import Forecasts
from hybridchat.session.state import (
    Along,
    Chat,
    Draft,
    Plan,
    count_turns,
    left_out_before,
    system_size,
    tuned,
    without_oldest,
)
from hybridchat.session.ways import RouteOpen, Undecided, Way

FALLBACK = "fallback"  # how the reasons of one begin
_CHOICES = (
    "--mask sends placeholders, --backend local asks at home, --send-as-is sends it as it is; "
    "names and addresses cannot be found"
)
ROOM = 0.75  # of the context window, for the prompt; the rest is for the answer


class Planner:
    """Pure apart from the caches it reads: no disk, no network, fast enough for every key press."""

    def __init__(
        self,
        route: RouteConfig,
        fleet: Fleet,
        floor: Floor,
        forecasts: Forecasts,
        budgets: Budgets,
        gate: Gate,
        config_error: UsageError | None = None,
    ) -> None:
        self._rules = route.rule
        self._table = {**SHIPPED_TABLES, **route.tables}[route.table]
        self._table_name = route.table
        self._falls_back = route.fallback
        self._fleet = fleet
        self._floor = floor
        self._forecasts = forecasts
        self._budgets = budgets
        self._gate = gate
        self._config_error = config_error
        self.read_only = ""  # why nothing can be sent: the words would not be on disk first
        self.unguarded: Refused | None = None  # why no pinned conversation can be sent anywhere
        self.workload_tokens_30d: dict[str, int] = {}

    def workloads(self) -> set[str]:
        """Those whose monthly volume may decide a route."""
        by_table = {name for row in self._table if row.min_tokens_per_month is not None for name in row.workload}
        return by_table | {rule.workload for rule in self._rules if rule.workload}

    def privacy(self, chat: Chat) -> Privacy:
        """The chat's own, or the run's where that is stricter."""
        return strictest(chat.privacy, self._floor.privacy)

    def plan(self, chat: Chat, draft: Draft, *, is_sending: bool = False) -> Plan:
        """What sending the draft would do. Only one that `is_sending` is sure to have all of it looked through."""
        draft = tuned(chat, draft)
        plan = self._routed(chat, draft)
        target, history = plan.decision.target, history_of(chat, draft)
        kept = without_oldest(history, plan.left_out_turns)
        if target is None or target.is_local:
            return plan
        found = self._gate.look(chat, draft, kept, target, is_sending=is_sending)
        plan = replace(plan, found=found, unread=unread(draft, kept))
        if found is None or found.disclosure:
            return plan
        given = self._input(chat, draft, plan.left_out_turns, _size(chat, draft, kept))
        turns = count_turns(kept)
        at_home = (Way("ask", candidate, turns) for candidate in able(given) if candidate.is_local)
        what = (found.words, found.counts)
        ways = (Way("mask", target, turns, *what), *at_home, Way("as_is", target, turns, *what))
        reasons = (f"{target.backend} would get {', '.join(map(str, found.places))}",)
        decision = Decision(outlook=Outlook.ASK, reasons=reasons, choices=(target,), remedy=_CHOICES)
        return replace(plan, decision=decision, ways=ways)

    def _routed(self, chat: Chat, draft: Draft) -> Plan:
        history = history_of(chat, draft)
        left_out = max(draft.drop_turns, left_out_before(history))
        size = _size(chat, draft, without_oldest(history, left_out))
        given = self._input(chat, draft, left_out, size)
        decision, instead_of = self._decide(given, draft)
        if self._config_error and not self._fleet.specs:
            decision = replace(decision, reasons=("config.toml has a mistake",), remedy=str(self._config_error))
        if self.read_only:
            decision = Decision(outlook=Outlook.REFUSE, reasons=(self.read_only,))
        if self.unguarded and self.privacy(chat) is Privacy.LOCAL_ONLY:
            reasons, remedy = (self.unguarded.message,), self.unguarded.remedy
            decision = Decision(outlook=Outlook.REFUSE, reasons=reasons, remedy=remedy, is_policy=True)
        if self._floor.why:  # in a usage row it stays; who is refused wants to know which folder
            why = self._floor.reason if decision.outlook is Outlook.SEND else self._floor.why
            decision = replace(decision, reasons=(*decision.reasons, why))
        counted, target = given.prompt_tokens or 0, decision.target
        prompt = self._forecasts.tokens(target, size) if target else None
        forbidden = None if target else self._meant(given)
        return Plan(
            decision=decision,
            reasoning=given.reasoning,
            workload=given.workload,
            prompt_tokens=prompt.tokens if prompt else counted,
            counted_tokens=counted,
            prompt_spread=(prompt.low, prompt.high) if prompt else None,
            cost=self._forecasts.cost(target, prompt) if target and prompt else None,
            is_price_awaited=target is not None and not self._forecasts.has_learnt(target),
            budget=self._verdict(target or forbidden, chat, draft, size),
            forbidden=forbidden,
            left_out_turns=left_out,
            instead_of=instead_of,
            ways=() if decision.outlook is Outlook.SEND else self._ways(chat, draft, given, left_out, decision),
            privacy=self.privacy(chat),
            effort=draft.parameters.effort,
            untaken=self._fleet.untaken(target, draft.parameters) if target else (),
        )

    def _input(self, chat: Chat, draft: Draft, left_out: int, size: Size) -> RouteInput:
        """`size` is of what goes along, without the turns that are `left_out`."""
        history, reasoning, workload = history_of(chat, draft), chat.reasoning, chat.workload
        if not history and (reasoning is None or workload is None):
            by_rule = classify(draft.text, self._rules)
            reasoning, workload = reasoning or by_rule[0], workload or by_rule[1]
        conversation = chat.conversation
        decided_backend = conversation.decided_backend if conversation else None
        model, models = self._wanted_models(chat, draft)
        candidates = self._fleet.candidates(model, models)
        if size.pictures:
            kept = without_oldest(history, left_out)
            files = [*draft.along.files, *(file for message in kept for file in message.attachments)]
            candidates = tuple(_fit(candidate, files) for candidate in candidates)
        return RouteInput(
            candidates=tuple(self._barred(_loaded(one, draft), chat, draft, size) for one in candidates),
            table=self._table,
            table_name=self._table_name,
            privacy=self.privacy(chat),
            wanted=draft.route or chat.route,
            wanted_by="message" if draft.route else "conversation",
            decided_backend=decided_backend,
            decided_model=model or models.get(decided_backend or ""),
            stays_home=stays_home(history) and not chat.may_leave,
            reasoning=reasoning or Reasoning.NORMAL,
            workload=workload,
            workload_tokens_30d=self.workload_tokens_30d.get(workload or "", 0),
            prompt_tokens=math.ceil(size.tokens_anywhere),
        )

    # --- what the budgets say

    async def look(self, chat: Chat, draft: Draft) -> None:
        """At what makes the plan depend on more than is known by now, so that it holds."""
        draft = tuned(chat, draft)
        await self._floor.look_again()
        await self._budgets.look(chat.id, *self._fleet.candidates(*self._wanted_models(chat, draft)))
        target = self._routed(chat, draft).decision.target
        if target is not None and not target.is_local:
            await self._gate.look_at_all(chat, draft, history_of(chat, draft))

    def masked(self, chat: Chat, request: ChatRequest) -> tuple[ChatRequest, dict[str, str]]:
        return self._gate.masked(chat, request)

    def forecast(self, target: Candidate, request: ChatRequest) -> Forecast:
        return self._budgets.forecast(target, request)

    def _verdict(self, candidate: Candidate | None, chat: Chat, draft: Draft, size: Size) -> Verdict | None:
        if candidate is None or not self._budgets.limits:
            return None
        prompt = self._forecasts.tokens(candidate, size)
        return self._budgets.judge(candidate, chat.id, prompt, draft.parameters.max_tokens)

    def _barred(self, candidate: Candidate, chat: Chat, draft: Draft, size: Size) -> Candidate:
        verdict = self._verdict(candidate, chat, draft, size)
        if verdict is None or not verdict.forbids:
            return candidate
        return replace(candidate, budget=Bar(str(verdict), verdict.remedy))

    def _meant(self, given: RouteInput) -> Candidate | None:
        """Who would be asked if there were no budgets."""
        if not any(candidate.budget for candidate in given.candidates):
            return None
        return decide(replace(given, candidates=tuple(replace(c, budget=None) for c in given.candidates))).target

    # --- a local backend instead of a managed one

    def _decide(self, given: RouteInput, draft: Draft) -> tuple[Decision, str]:
        """The decision; where a managed backend is only paused, one for a local one, and why in words."""
        decision = decide(given)
        if decision.outlook is Outlook.SEND:
            return decision, ""
        paused = {c.backend: c.paused for c in given.candidates}
        awake = decide(replace(given, candidates=tuple(replace(c, paused="") for c in given.candidates)))
        home = None if awake.target is None or awake.target.is_local else self._home(given, draft)
        if home is None or awake.target is None:
            return decision, ""
        why = f"{awake.target.backend} is {paused[awake.target.backend]}"
        return replace(home, reasons=(f"{FALLBACK}: {why}", *home.reasons)), why

    def fallback(self, chat: Chat, draft: Draft) -> Plan | None:
        """Where a managed reply that failed goes instead: to a local backend that can answer, if there is one."""
        plan = self.plan(chat, replace(draft, route="local", model=None))
        allowed = self._may_fall_back(draft) and plan.decision.target is not None and plan.decision.target.is_local
        return plan if allowed else None

    def _home(self, given: RouteInput, draft: Draft) -> Decision | None:
        decision = decide(replace(given, wanted="local", wanted_by="message"))
        return decision if self._may_fall_back(draft) and decision.outlook is Outlook.SEND else None

    def _may_fall_back(self, draft: Draft) -> bool:
        """Who names a backend for one message means that one and no other."""
        return self._falls_back and draft.may_fall_back and draft.route not in self._fleet.specs

    # --- ways on

    def ways_on(self, chat: Chat) -> tuple[Way, ...]:
        """After a reply without a word: what may be done about the last question."""
        if len(chat.messages) < 2 or chat.messages[-1].text or chat.messages[-1].state is not MessageState.FAILED:
            return ()
        draft = tuned(chat, again(chat))
        plan, failed = self.plan(chat, draft), chat.messages[-1].attempt
        if plan.ways or failed is None:
            return plan.ways
        kept = without_oldest(history_of(chat, draft), plan.left_out_turns)
        given = self._input(chat, draft, plan.left_out_turns, _size(chat, draft, kept))
        turns = count_turns(history_of(chat, draft)) - plan.left_out_turns
        others_first = sorted(able(given), key=lambda c: c.backend == failed.backend)
        return tuple(Way("ask", candidate, turns) for candidate in others_first)

    def _ways(self, chat: Chat, draft: Draft, given: RouteInput, left_out: int, decision: Decision) -> tuple[Way, ...]:
        history = history_of(chat, draft)
        turns = count_turns(history) - left_out
        can = decision.choices or able(given)
        too_small = decide(replace(given, prompt_tokens=None)).target
        vouching = (Way("vouch", candidate, turns) for candidate in vouchable(given))
        if too_small is None or too_small in can:
            return (*vouching, *(Way("ask", candidate, turns) for candidate in can))
        drop = turns_to_drop(chat, draft, history, left_out, too_small)
        dropping = (Way("drop", too_small, drop),) if drop else ()
        summarizer = min(can, key=lambda c: not c.is_local, default=too_small)
        summary = (Way("summarize", summarizer, turns),) if turns else ()
        return (*dropping, *(Way("ask", candidate, turns) for candidate in can), *summary)

    def refusal(self, plan: Plan) -> HybridchatError:
        """The error for a plan that does not send; the remedy names the command line's flags."""
        decision = plan.decision
        if not self._fleet.specs:
            remedy = "run hybridchat once to set one up, or `hybridchat backends add`"
            return self._config_error or UsageError("no backend is configured", remedy)
        message = "; ".join(decision.reasons)
        if plan.is_undecided:
            return Undecided(message, decision.remedy, plan)
        if decision.is_policy:
            return Refused(message, decision.remedy)
        return RouteOpen(message, "; ".join(filter(None, (decision.remedy, *map(_flag, plan.ways)))), plan)

    def _wanted_models(self, chat: Chat, draft: Draft) -> tuple[str | None, dict[str, str]]:
        """The model asked of whoever answers, and those of single backends: a model belongs to its route."""
        conversation = chat.conversation
        wishes = [(draft.route or chat.route, draft.model), (chat.route, chat.model)]
        if conversation is not None and conversation.decided_backend:
            wishes.append((conversation.decided_backend, conversation.decided_model))
        models: dict[str, str] = {}
        model: str | None = None
        for route, wish in wishes:
            if wish and route in self._fleet.specs:
                models.setdefault(route, wish)
            elif wish and draft.route not in self._fleet.specs and {route, draft.route} != {"local", "managed"}:
                model = model or wish
        return model, models


def _loaded(candidate: Candidate, draft: Draft) -> Candidate:
    """Ollama loads a model with the context size that is asked for."""
    num_ctx = draft.parameters.num_ctx
    return replace(candidate, context_window=num_ctx) if num_ctx and candidate.kind == Kind.OLLAMA else candidate


def history_of(chat: Chat, draft: Draft) -> Sequence[Message]:
    return chat.messages if draft.history is None else draft.history


def again(chat: Chat, message_id: int | None = None) -> Draft:
    """A question of the chat, or the one that a reply answers, with what went before it; by default the last. What was
    masked stays masked. Raises UsageError where there is none."""
    asked = chat.up_to(message_id) if message_id is not None else chat.messages
    at = next((at for at in reversed(range(len(asked))) if asked[at].role is Role.USER), None)
    if at is None:
        raise UsageError("there is no question to answer again", "ask one")
    reply = chat.messages[at + 1].attempt if at + 1 < len(chat.messages) else None
    was_masked = reply is not None and reply.disclosure is Disclosure.MASKED
    disclosure = Disclosure.MASKED if was_masked else None
    asked_at, before = asked[at], tuple(asked[:at])
    along = Along(enclosed=asked_at.attachments)
    return Draft(asked_at.text, history=before, disclosure=disclosure, answers=asked_at, along=along)


def reworded(chat: Chat, draft: Draft, message_id: int | None) -> Draft:
    """The draft in the place of that question of the chat, which stays beside it; as it is, where there is none."""
    question = chat.find(message_id)
    if question is None or question.role is not Role.USER:
        return draft
    return replace(draft, rewords=question, history=tuple(chat.up_to(question.id)[:-1]))


def stays_home(history: Sequence[Message]) -> bool:
    """Last answered locally: a server can begin to forward, an address in the config can move. A fallback is no choice
    of the user's."""
    attempts = (message.attempt for message in reversed(history) if message.attempt)
    chosen = (a for a in attempts if a.error_kind != ErrorKind.FORWARDED and not a.route_reason.startswith(FALLBACK))
    last = next(chosen, None)
    return last is not None and last.zone.is_local


def _size(chat: Chat, draft: Draft, kept: Sequence[Message]) -> Size:
    if kept is chat.messages:  # for every key press
        return chat.history_size() + draft.size
    if draft.rewords is not None and kept is draft.history:  # as well
        return chat.size_before(draft.rewords.id) + draft.size
    return sum((_size_of(message) for message in kept), system_size(chat.system) + draft.size)


def _fit(candidate: Candidate, files: Sequence[AttachedFile]) -> Candidate:
    """With why it cannot take something of what goes along, if it is known that it cannot."""
    why = (why_not_taken(candidate.kind, candidate.model, candidate.sees, file) for file in files)
    return replace(candidate, unfit=clean_line(next(filter(None, why), "")))


def _size_of(message: Message) -> Size:
    return message_size(message.text, message.attachments)


def turns_to_drop(chat: Chat, draft: Draft, history: Sequence[Message], left_out: int, target: Candidate) -> int | None:
    """How many of the oldest turns must stay behind, so that the target takes the rest and has room for an answer;
    None: even the draft alone is too long."""
    limit, turns, kept = (target.prompt_limit or 0) * ROOM, count_turns(history), 0
    size = system_size(chat.system) + draft.size
    drop = turns if size.tokens_anywhere <= limit else None
    for message in reversed(history):
        size += _size_of(message)
        if message.role is Role.USER:
            kept += 1
            if turns - kept <= left_out or size.tokens_anywhere > limit:
                break
            drop = turns - kept
    return drop


def _flag(way: Way) -> str:
    match way.kind:
        case "drop":
            return f"--drop-oldest leaves out {oldest_turns(way.turns)}"
        case "mask" | "as_is" | "vouch":
            return ""  # named by the remedy
        case "summarize":
            return "--summarize goes on in a fork that begins with a summary"
        case "ask":
            goes = f"{count_of(way.turns, 'earlier turn')} would go along to {way.candidate.backend}"
            return goes if way.turns and not way.candidate.is_local else ""
