"""Where a message goes: a pure function from what is known to a decision with its reasons.

Whatever asks for a backend — a message, a conversation, an earlier decision, a row of a table — only ever chooses among
the candidates that the conversation's privacy allows; so nothing below `_Field` can send a pinned conversation away.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from hybridchat.domain.chat import HealthState, Privacy, Proof, Reasoning, Zone
from hybridchat.domain.privacy import in_words, why_forbidden


class Bar(Struct, frozen=True):
    """Why a candidate must not be asked, and what the user may do about that."""

    why: str
    remedy: str


class Candidate(Struct, frozen=True, kw_only=True):
    """One backend with the model it would answer with."""

    backend: str
    kind: str
    model: str
    zone: Zone
    proof: Proof | None
    health: HealthState = HealthState.UNKNOWN
    health_detail: str = ""
    context_window: int | None = None  # tokens
    refused_tokens: int | None = None  # an estimate that its window turned out not to hold
    paused: str = ""  # why it is left alone for a while
    budget: Bar | None = None  # why the user's budgets forbid it
    doubt: str = ""  # why it is not known better to compute on this machine
    sees: bool | None = None  # pictures; None: nobody said
    unfit: str = ""  # why it cannot take what goes along
    remote_host: str | None = None  # a forwarding model's real host: it makes the candidate managed, whatever its zone

    @property
    def is_local(self) -> bool:
        """Computed on a machine of the user's."""
        return self.zone.is_local and self.remote_host is None

    @property
    def prompt_limit(self) -> int | None:
        """The most tokens, as estimated here, that its window may hold; None: unknown."""
        limits = (self.context_window, None if self.refused_tokens is None else self.refused_tokens - 1)
        return min((limit for limit in limits if limit is not None), default=None)


class Rule(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One `[[route.rule]]`: words in the first message that set reasoning or workload. First match wins for each."""

    contains: tuple[str, ...]
    """Any of these, ignoring case."""
    reasoning: Reasoning | None = None
    """How hard such a task is."""
    workload: str | None = None
    """Kind of task: chat, code, summarization, classification, extraction, translation, writing, reasoning, agentic…"""


class Row(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of a routing table; every condition that is given must hold. The first row that holds decides."""

    to: str
    """local | managed | ask | a backend id"""
    why: str = ""
    """The reason shown to the user; default: the conditions in words."""
    privacy: tuple[Privacy, ...] = ()
    """Any of: local_only, private, open."""
    reasoning: Reasoning | None = None
    """normal | high"""
    workload: tuple[str, ...] = ()
    """Any of these kinds of task."""
    min_tokens_per_month: int | None = None
    """The workload's tokens of the last 30 days must be above this."""
    local: Literal["none", "healthy", "unhealthy"] | None = None
    """none: no local backend is configured; healthy: one can answer; unhealthy: configured, but none can answer"""


class RouteInput(Struct, frozen=True, kw_only=True):
    """Everything a decision may look at."""

    candidates: tuple[Candidate, ...]
    table: tuple[Row, ...]
    table_name: str
    privacy: Privacy = Privacy.OPEN
    wanted: str = "auto"  # the conversation's or the message's route: auto | local | managed | a backend id
    wanted_by: str = "conversation"  # who wants it: "message" or "conversation"
    decided_backend: str | None = None  # what auto decided at the first message; it stays while it can answer
    decided_model: str | None = None
    stays_home: bool = False  # last answered on the user's own machines, and no route chosen since: leaving is a choice
    reasoning: Reasoning = Reasoning.NORMAL
    workload: str | None = None
    workload_tokens_30d: int = 0
    prompt_tokens: int | None = None  # estimate of what would be sent; None: unknown


class Outlook(StrEnum):
    SEND = "send"
    ASK = "ask"  # the user must choose; `choices` says between what
    REFUSE = "refuse"  # no choice of route may answer


class Decision(Struct, frozen=True, kw_only=True):
    """What Enter will do. With SEND, `target` is set; `reasons` are ordered, the deciding one first.

    With ASK, `choices` is not empty, and the conversation's privacy allows each of them.
    """

    outlook: Outlook
    reasons: tuple[str, ...]
    target: Candidate | None = None
    choices: tuple[Candidate, ...] = ()
    remedy: str = ""  # what to do, when not SEND; names the command line's flag
    is_policy: bool = False  # privacy forbids all that could be asked, or a budget what was meant


LOCAL_FIRST: tuple[Row, ...] = (
    Row(to="local", privacy=(Privacy.LOCAL_ONLY, Privacy.PRIVATE), why="this conversation stays local"),
    Row(to="managed", reasoning=Reasoning.HIGH, why="high reasoning"),
    Row(to="local", local="healthy", why="a local backend can answer"),
    Row(to="managed", local="none", why="no local backend is configured"),
    Row(to="ask", why="no local backend can answer"),
)

# The source article's `choose_runtime`.
ARTICLE: tuple[Row, ...] = (
    Row(to="local", privacy=(Privacy.LOCAL_ONLY, Privacy.PRIVATE), why="strict privacy"),
    Row(to="managed", reasoning=Reasoning.HIGH, why="high reasoning"),
    Row(
        to="local",
        workload=("classification", "summarization"),
        min_tokens_per_month=50_000_000,
        why="high-volume classification or summarization",
    ),
    Row(to="managed", why="managed unless volume or privacy says otherwise"),
)

SHIPPED_TABLES: dict[str, tuple[Row, ...]] = {"local-first": LOCAL_FIRST, "article": ARTICLE}


def decide(given: RouteInput) -> Decision:
    """Hard rules first (privacy, context window, health), then the user's wish, what was decided, the table."""
    field = _Field(given)
    if not given.candidates:
        return Decision(outlook=Outlook.REFUSE, reasons=("no backend is configured",), remedy=_CONFIGURE)
    if given.wanted != "auto":
        decision = _choose(field, given.wanted, (f"{given.wanted} is {_WISHES.get(given.wanted_by, given.wanted_by)}",))
    else:
        decision = _stay(field) or _by_table(field)
    leaves = decision.target is not None and not decision.target.is_local
    if leaves and given.stays_home and given.wanted_by != "message":
        reasons = ("so far this conversation stayed on your own machines", *decision.reasons)
        asked = _ask(field, reasons, field.able)
        return replace(asked, choices=tuple(sorted(asked.choices, key=lambda c: c != decision.target)))
    return decision


def why_barred(candidate: Candidate, privacy: Privacy) -> str | None:
    """What privacy has against it; a forwarding model is managed, whatever address it is reached at."""
    if candidate.remote_host is None:
        why = why_forbidden(privacy, candidate.zone, candidate.proof)
        return f"{why} ({candidate.doubt})" if why and candidate.doubt else why
    if privacy is Privacy.OPEN:
        return None
    return f"forwarded to {candidate.remote_host}, and this conversation is {in_words(privacy)}"


def able(given: RouteInput) -> tuple[Candidate, ...]:
    """All that privacy allows and that can answer, the readiest first."""
    return tuple(_Field(given).able)


def vouchable(given: RouteInput) -> tuple[Candidate, ...]:
    """Those that were meant and could answer, if the user knew that they compute on this machine."""
    doubted = [c for c in given.candidates if c.zone is Zone.DEVICE and c.is_local and c.proof is Proof.ASSUMED]
    meant = [c for c in doubted if given.wanted in ("auto", "local", c.backend)]
    could = _Field(replace(given, privacy=Privacy.OPEN, candidates=tuple(meant))).able
    return tuple(could) if given.privacy is Privacy.LOCAL_ONLY else ()


def classify(draft: str, rules: tuple[Rule, ...]) -> tuple[Reasoning | None, str | None]:
    """Reasoning and workload that the rules read from the words of a first message; None where no rule says."""
    words = draft.casefold()
    matching = [rule for rule in rules if any(part.casefold() in words for part in rule.contains)]
    reasoning = next((rule.reasoning for rule in matching if rule.reasoning), None)
    workload = next((rule.workload for rule in matching if rule.workload), None)
    return reasoning, workload


_CONFIGURE = "add a backend to config.toml, or run `hybridchat doctor`"
_WISHES = {"message": "chosen for this message", "conversation": "this conversation's route"}
# Not checked yet is usable: only a failed check speaks against a backend.
_READINESS = (HealthState.HEALTHY, HealthState.UNKNOWN, HealthState.LOADING)


class _Field:
    """The candidates behind the hard rules: which of them privacy allows, and what stands against the rest."""

    def __init__(self, given: RouteInput) -> None:
        self.given = given
        self.allowed = [c for c in given.candidates if why_barred(c, given.privacy) is None]
        able = [c for c in self.allowed if self.why_unable(c) is None]
        self.able = sorted(able, key=lambda c: _READINESS.index(c.health))  # stable: then in the config's order
        local = [c for c in given.candidates if c.is_local]
        self.local_state = "none" if not local else "healthy" if any(c.is_local for c in self.able) else "unhealthy"

    def why_unable(self, candidate: Candidate) -> str | None:
        """Why it cannot answer this prompt now, privacy aside."""
        tokens, window = self.given.prompt_tokens, candidate.context_window
        if tokens is not None and window is not None and tokens > window:
            return f"≈ {tokens:,} tokens do not fit {candidate.model}'s context window of {window:,}"
        if tokens is not None and candidate.refused_tokens is not None and tokens >= candidate.refused_tokens:
            return f"≈ {tokens:,} tokens: {candidate.model} has refused as many"
        if candidate.unfit:
            return candidate.unfit
        if candidate.budget:
            return candidate.budget.why
        if candidate.paused:
            return candidate.paused
        if candidate.health is HealthState.UNHEALTHY:
            return candidate.health_detail or "not healthy"
        return None

    def named(self, to: str) -> list[Candidate]:
        """All that a route's name can mean: local, managed, or the id of a backend."""
        if to in ("local", "managed"):
            return [c for c in self.given.candidates if c.is_local == (to == "local")]
        offered = [c for c in self.given.candidates if c.backend == to]
        first = next((c for c in offered if c in self.allowed), None)
        # An Ollama has its own models and forwards others: what the one cannot do must not slip to the other side.
        return offered if first is None else [c for c in offered if c.is_local == first.is_local]

    def allows_any(self, candidates: list[Candidate]) -> bool:
        return any(c in self.allowed for c in candidates)

    def against(self, candidates: list[Candidate]) -> tuple[str, ...]:
        """Why candidates cannot be used; those with the same reason in one clause."""
        backends: dict[str, dict[str, None]] = {}
        for candidate in candidates:
            if why := why_barred(candidate, self.given.privacy) or self.why_unable(candidate):
                backends.setdefault(why, {})[candidate.backend] = None
        return tuple(f"{', '.join(those)}: {why}" for why, those in backends.items())


def _stay(field: _Field) -> Decision | None:
    """What auto decided at the first message stays while it can answer; None: not decided, or privacy forbids it."""
    backend, model = field.given.decided_backend, field.given.decided_model
    if backend is None:
        return None
    exact = [c for c in field.given.candidates if (c.backend, c.model) == (backend, model)]
    same = exact or [c for c in field.named(backend) if c.remote_host is None]
    if same and not field.allows_any(same):
        return None
    able = [c for c in field.able if c in same]
    against = field.against(same) or (f"{backend} no longer offers {model or 'a model'}",)
    if able:
        other = () if exact or model is None else (f"with {able[0].model}: it no longer offers {model}",)
        return _send(able[0], ("decided at the first message", *other))
    return _ask(field, (f"this conversation is on {backend}", *against), same)


def _by_table(field: _Field) -> Decision:
    given = field.given
    row = next((row for row in given.table if _holds(row, field)), None)
    source = f"table {given.table_name}"
    if row is None:
        return _ask(field, (f"no row of the {source} holds",), field.allowed)
    why = (row.why or _in_words(row), source)
    if row.to == "ask":
        return _ask(field, (*why, *field.against(field.named("local"))), field.allowed)
    named = field.named(row.to)
    if row.to != "local" and not field.allows_any(named):  # the way back to the user's own machines is always open
        return _choose(field, "local", (*why, *(field.against(named) or (_nothing_named(row.to),))))
    return _choose(field, row.to, why)


def _holds(row: Row, field: _Field) -> bool:
    given = field.given
    return (
        (not row.privacy or given.privacy in row.privacy)
        and row.reasoning in (None, given.reasoning)
        and (not row.workload or given.workload in row.workload)
        and (row.min_tokens_per_month is None or given.workload_tokens_30d > row.min_tokens_per_month)
        and row.local in (None, field.local_state)
    )


def _in_words(row: Row) -> str:
    """The conditions of a row that gives no reason of its own."""
    conditions = (
        " or ".join(row.privacy) + " conversation" if row.privacy else "",
        f"{row.reasoning} reasoning" if row.reasoning else "",
        " or ".join(row.workload),
        f"over {row.min_tokens_per_month:,} tokens a month" if row.min_tokens_per_month is not None else "",
        {"none": "no local backend", "healthy": "local can answer", "unhealthy": "local cannot answer"}.get(
            row.local or "", ""
        ),
    )
    return ", ".join(filter(None, conditions)) or "the default"


def _choose(field: _Field, to: str, why: tuple[str, ...]) -> Decision:
    """The readiest of those that `to` names; if none of them can answer, the user decides."""
    named = field.named(to)
    able = [c for c in field.able if c in named]
    if able:
        return _send(able[0], why)
    reasons = (*why, *(field.against(named) or (_nothing_named(to),)))
    if to == "local" or (named and not field.allows_any(named)):
        return _refuse(field, reasons, named)
    return _ask(field, reasons, named)


def _nothing_named(to: str) -> str:
    return f"no {to} backend is configured" if to in ("local", "managed") else f"no backend is called {to}"


def _send(target: Candidate, why: tuple[str, ...]) -> Decision:
    notes = {HealthState.UNKNOWN: "health not checked yet", HealthState.LOADING: "loading its model"}
    note = (notes[target.health],) if target.health in notes else ()
    return Decision(outlook=Outlook.SEND, reasons=(*why, *note), target=target)


def _ask(field: _Field, reasons: tuple[str, ...], about: list[Candidate]) -> Decision:
    """Between all that privacy allows and that can answer; without any, a refusal."""
    if not field.able:
        return _refuse(field, reasons, about)
    bar = _bar(about)
    remedy = f"choose {_flags(field.able)}" + (f", or {bar.remedy}" if bar else "")
    return Decision(
        outlook=Outlook.ASK, reasons=reasons, choices=tuple(field.able), remedy=remedy, is_policy=bar is not None
    )


def _bar(about: list[Candidate]) -> Bar | None:
    """What a budget has against what was meant."""
    return next((c.budget for c in about if c.budget), None)


def _flags(candidates: list[Candidate]) -> str:
    return " or ".join(dict.fromkeys(f"--backend {c.backend}" for c in candidates))


def _refuse(field: _Field, reasons: tuple[str, ...], about: list[Candidate]) -> Decision:
    allowed = field.allows_any(about or list(field.given.candidates)) and not vouchable(field.given)
    is_policy = not allowed or _bar(about) is not None
    return Decision(outlook=Outlook.REFUSE, reasons=reasons, remedy=_remedy(field, about), is_policy=is_policy)


def _remedy(field: _Field, about: list[Candidate]) -> str:
    """The nearest way out of a refusal."""
    if field.allows_any(about) and (bar := _bar(about)):
        return bar.remedy + (f", or choose {_flags(field.able)}" if field.able else "")
    others = f"or choose {_flags(field.able)}" if field.able else ""
    at_loopback = [c for c in (*about, *(() if others else field.given.candidates)) if c.zone is Zone.DEVICE]
    barred = [] if field.allows_any(about) else [c for c in at_loopback if c.is_local and c not in field.allowed]
    unproven = next((c.backend for c in (*vouchable(field.given), *barred)), None)
    if unproven:
        how = f"`hybridchat backends vouch {unproven}`, or vouched = true in config.toml"
        return "; ".join(filter(None, (f"if you know that {unproven} computes on this machine: {how}", others)))
    if others:
        return others
    if any(c.unfit for c in about if c in field.allowed):
        return "choose another model, or leave it out"
    if any(c.paused for c in about if c in field.allowed):
        return "wait for the next try"
    if any(c.health is not HealthState.UNHEALTHY for c in about if c in field.allowed):
        return "shorten the conversation, or choose a model with a larger context window"
    if field.allows_any(about):
        return "look closer with `hybridchat doctor`"
    return _CONFIGURE
