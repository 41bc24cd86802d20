"""From an open chat and a draft to a plan: gathers what routing may look at, and prices the prompt."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from hybridchat.config import RouteConfig
from hybridchat.domain.chat import Privacy, Reasoning
from hybridchat.domain.pricing import estimate_prompt_tokens
from hybridchat.domain.privacy import strictest
from hybridchat.domain.routing import SHIPPED_TABLES, Decision, Outlook, RouteInput, classify, decide
from hybridchat.errors import EXIT_FAILED, ErrorKind, HybridchatError, Refused, UsageError
from hybridchat.session.fleet import Fleet
from hybridchat.session.state import Chat, Draft, Plan

PromptPrice = Callable[[str, str], tuple[float, str] | None]  # backend, model → USD per prompt token and its source


class Planner:
    """Pure apart from the caches it reads: no disk, no network, fast enough for every key press."""

    def __init__(
        self,
        route: RouteConfig,
        fleet: Fleet,
        floor: Privacy,
        prompt_price: PromptPrice,
        config_error: UsageError | None = None,
    ) -> None:
        self._rules = route.rule
        self._table = {**SHIPPED_TABLES, **route.tables}[route.table]
        self._table_name = route.table
        self._fleet = fleet
        self._floor = floor
        self._prompt_price = prompt_price
        self._config_error = config_error
        self.read_only = ""  # why nothing can be sent: the words would not be on disk first
        self.workload_tokens_30d: dict[str, int] = {}

    def workloads(self) -> set[str]:
        """Those whose monthly volume may decide a route."""
        by_table = {name for row in self._table if row.min_tokens_per_month is not None for name in row.workload}
        return by_table | {rule.workload for rule in self._rules if rule.workload}

    def privacy(self, chat: Chat) -> Privacy:
        """The chat's own, or the run's where that is stricter."""
        return strictest(chat.privacy, self._floor)

    def plan(self, chat: Chat, draft: Draft) -> Plan:
        reasoning, workload = chat.reasoning, chat.workload
        if not chat.messages and (reasoning is None or workload is None):
            by_rule = classify(draft.text, self._rules)
            reasoning, workload = reasoning or by_rule[0], workload or by_rule[1]
        prompt_tokens = estimate_prompt_tokens(chat.history_characters() + len(draft.text), len(chat.messages) + 1)
        conversation = chat.conversation
        decided_backend = conversation.decided_backend if conversation else None
        model, models = self._wanted_models(chat, draft)
        decision = decide(
            RouteInput(
                candidates=self._fleet.candidates(model, models),
                table=self._table,
                table_name=self._table_name,
                privacy=self.privacy(chat),
                wanted=draft.route or chat.route,
                wanted_by="message" if draft.route else "conversation",
                decided_backend=decided_backend,
                decided_model=model or models.get(decided_backend or ""),
                stays_home=stays_home(chat),
                reasoning=reasoning or Reasoning.NORMAL,
                workload=workload,
                workload_tokens_30d=self.workload_tokens_30d.get(workload or "", 0),
                prompt_tokens=prompt_tokens,
            )
        )
        if self._config_error and not self._fleet.specs:
            decision = replace(decision, reasons=("config.toml has a mistake",), remedy=str(self._config_error))
        if self.read_only:
            decision = Decision(outlook=Outlook.REFUSE, reasons=(self.read_only,))
        price = self._prompt_price(decision.target.backend, decision.target.model) if decision.target else None
        return Plan(
            decision=decision,
            reasoning=reasoning or Reasoning.NORMAL,
            workload=workload,
            prompt_tokens=prompt_tokens,
            estimated_cost_usd=price[0] * prompt_tokens if price else None,
            price_source=price[1] if price else "",
        )

    def refusal(self, decision: Decision) -> HybridchatError:
        """The error for a decision that does not send."""
        if not self._fleet.specs:
            remedy = "run hybridchat once to set one up, or `hybridchat backends add`"
            return self._config_error or UsageError("no backend is configured", remedy)
        message = "; ".join(decision.reasons)
        return Refused(message, decision.remedy) if decision.is_policy else RouteOpen(message, decision.remedy)

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
            elif wish and draft.route not in self._fleet.specs:
                model = model or wish
        return model, models


def stays_home(chat: Chat) -> bool:
    """Last answered locally, with no choice since: a server can begin to forward, an address in the config can move."""
    attempts = (message.attempt for message in reversed(chat.messages) if message.attempt)
    last = next((attempt for attempt in attempts if attempt.error_kind != ErrorKind.FORWARDED), None)
    return last is not None and last.zone.is_local and not chat.may_leave


class RouteOpen(HybridchatError):
    """No route may answer by itself: the user must choose, or mend a backend."""

    exit_code = EXIT_FAILED
